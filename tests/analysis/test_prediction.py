from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from nuem.analysis.channel_models import channel_flux, channel_response, nuisance_name
from nuem.analysis.prediction import Prediction, predict
from nuem.analysis.processes import with_process
from nuem.inputs.catalogue import bin_edges, channels, load_experiment
from nuem.inputs.errors import InferenceError, InputError, ModelError
from nuem.inputs.schema import Experiment
from nuem.models.flux import reactor_flux, solar_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.template import template

from .conftest import Array, Load

MILLICHARGE = "electron-millicharge-transition"
MIX = {"235U": 0.55, "238U": 0.07, "239Pu": 0.32, "241Pu": 0.06}


def by_hand(scale: float = 1.0, width: float = 1.0) -> Array:
    """Fold the recoil spectrum with the response of the small experiment."""
    true = np.geomspace(0.2, 8.0, 20001)
    spectrum = recoil_spectrum(
        MILLICHARGE, "Ge", reactor_flux(flux=6.4e12, fractions=MIX), true, method="free"
    )
    edges = np.linspace(0.5, 2.5, 9)
    sigma = width * (0.05 + 0.01 * true)
    cumulative = norm.cdf((edges[:, None] - scale * true) / sigma)
    seen = np.diff(cumulative, axis=0)
    return 0.95 * 0.8 * np.trapezoid(spectrum["q^2"] * seen, true)


def test_template_is_flux_times_cross_section_times_response(
    prediction: Prediction,
) -> None:
    (signal,) = prediction.signals["on"]
    assert (signal.process, signal.method) == (MILLICHARGE, "free")
    np.testing.assert_allclose(signal.nominal.coefficients["q^2"], by_hand(), rtol=1e-4)


def test_no_signal_where_no_source_shines(prediction: Prediction) -> None:
    assert prediction.signals["off"] == ()


@pytest.mark.parametrize(
    ("name", "up", "down"),
    [
        ("gain_on", {"scale": 1.005}, {"scale": 0.995}),
        ("width_pcge", {"width": 1.05}, {"width": 0.95}),
    ],
    ids=["energy-scale", "resolution"],
)
def test_variations_of_the_response(
    prediction: Prediction, name: str, up: dict[str, float], down: dict[str, float]
) -> None:
    (signal,) = prediction.signals["on"]
    nominal = signal.nominal.coefficients["q^2"]
    for varied, change in zip(signal.variations[name], (up, down), strict=True):
        # the changes, which are small, not the sums
        np.testing.assert_allclose(
            varied.coefficients["q^2"] - nominal,
            by_hand(**change) - by_hand(),
            rtol=0.01, atol=1e-5 * nominal.max(),
        )  # fmt: skip


def test_variation_of_the_efficiency_is_a_factor(prediction: Prediction) -> None:
    (signal,) = prediction.signals["on"]
    nominal = signal.nominal.coefficients["q^2"]
    for varied, factor in zip(
        signal.variations["efficiency_on"], (1.01, 0.99), strict=True
    ):
        np.testing.assert_allclose(varied.coefficients["q^2"], factor * nominal)


def test_flux_is_no_variation_of_the_template(prediction: Prediction) -> None:
    (signal,) = prediction.signals["on"]
    assert set(signal.variations) == {"gain_on", "width_pcge", "efficiency_on"}


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("all", "width"), ("detector", "width_pcge"), ("period", "width_on"),
        ("region", "width_all"), ("channel", "width_on"),
    ],
)  # fmt: skip
def test_names_of_nuisance_parameters(load: Load, scope: str, name: str) -> None:
    experiment = load(f"systematics.width.scope={scope}")
    systematic = next(s for s in experiment.systematics if s.name == "width")
    assert nuisance_name(systematic, channels(experiment)[0]) == name


def test_an_override_gets_a_template_of_its_own(load: Load) -> None:
    response = load().detectors[0].response.model_dump(mode="json")
    response["cut_efficiency"]["expression"] = "0.4"
    both = "sources.core.weights.values={on: 1, off: 0.5}"
    plain, changed = (
        predict(load(both, *more))
        for more in (
            (),
            (f"overrides=[{{period: off, response: {json.dumps(response)}}}]",),
        )
    )
    on, off = (
        [p.signals[name][0].nominal.coefficients["q^2"] for p in (plain, changed)]
        for name in ("on", "off")
    )
    np.testing.assert_allclose(off[0], 0.5 * on[0])
    np.testing.assert_array_equal(on[1], on[0])
    np.testing.assert_allclose(off[1], 0.25 * on[0])


def test_regions_share_their_template() -> None:
    experiment = load_experiment("xenon1t-sr1", ["signals.0.method=free"])
    predicted = predict(experiment)
    (egg,), (wall,) = predicted.signals["egg"], predicted.signals["wall"]
    assert egg is wall
    direct = template(
        MILLICHARGE, "Xe", solar_flux(),
        channel_response(channels(experiment)[0]),
        bin_edges(experiment.observables[0]), method="free",
    )  # fmt: skip
    np.testing.assert_allclose(
        egg.nominal.coefficients["q^2"], direct.coefficients["q^2"]
    )


def test_sources_add_up_with_their_weights(load: Load, prediction: Prediction) -> None:
    core = load().sources[0].model_dump(mode="json")
    other = {**core, "name": "other"}
    other["weights"] = {**core["weights"], "values": {"on": 0.25, "off": 0.125}}
    experiment = load(f"sources={json.dumps([core, other])}")
    on, off = channels(experiment)
    for channel in (on, off):
        flux = channel_flux(experiment, channel)
        assert flux is not None
        assert list(flux.flavours) == ["anti-nu-e"]
    values = predict(experiment).signals
    alone = prediction.signals["on"][0].nominal.coefficients["q^2"]
    for name, weight in (("on", 1.25), ("off", 0.125)):
        (signal,) = values[name]
        np.testing.assert_allclose(
            signal.nominal.coefficients["q^2"], weight * alone, rtol=1e-6
        )


def test_too_much_from_below_the_floor(load: Load) -> None:
    experiment = load("detectors.pcge.response.floor.value=0.55")
    with pytest.raises(InferenceError, match=r"on, 0\.5 to 0\.75 keV.*below the floor"):
        predict(experiment)
    allowed = load(
        "detectors.pcge.response.floor.value=0.55",
        "detectors.pcge.response.max_below_floor=0.9",
    )
    assert predict(allowed).signals["on"]


def test_a_flavour_that_the_coupling_does_not_name(load: Load) -> None:
    with pytest.raises(InputError, match=r"coupling\.flavours.*anti-nu-e"):
        predict(load("coupling.flavours=[nu-e]"))


def test_a_method_that_does_not_know_the_process(load: Load) -> None:
    experiment = with_process(
        load("signals.0.method=epa", "signals.0.regulator=medium"), "electron-magnetic"
    )
    with pytest.raises((InputError, ModelError), match="epa"):
        predict(experiment)


def test_document_and_back(small: Experiment) -> None:
    before = predict(small, provenance={"made": "by a test"})
    text = json.dumps(before.to_dict(), allow_nan=False)
    after = Prediction.from_dict(json.loads(text))
    assert json.loads(json.dumps(after.to_dict())) == json.loads(text)
    assert after.provenance == {"made": "by a test"}
    a, b = (p.signals["on"][0] for p in (before, after))
    np.testing.assert_array_equal(a.nominal.evaluate(3e-12), b.nominal.evaluate(3e-12))
    np.testing.assert_array_equal(
        a.nominal.below_floor_fraction(), b.nominal.below_floor_fraction()
    )


def _without_channels(document: dict[str, object]) -> object:
    del document["channels"]
    return document


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: {**d, "schema": "other"}, "t.json: schema: not a template"),
        (lambda d: [d], "not a template"),
        (_without_channels, "t.json: damaged template document"),
        (lambda d: {**d, "channels": {"on": [{}]}}, "damaged template document"),
        (lambda d: {**d, "channels": 3}, "damaged template document"),
    ],
    ids=["schema", "list", "lacks-channels", "lacks-signal", "no-mapping"],
)
def test_damaged_documents(
    prediction: Prediction, damage: Callable[[object], object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Prediction.from_dict(damage(prediction.to_dict()), "t.json")


def test_another_process_brings_its_coupling(load: Load) -> None:
    small = load("signals.0.photoabsorption=elam")
    magnetic = with_process(small, "electron-magnetic")
    (signal,) = magnetic.signals
    assert (signal.process, signal.method) == ("electron-magnetic", "free")
    assert signal.photoabsorption == "elam"
    assert magnetic.coupling.symbol == "mu"
    assert magnetic.coupling.reference.unit == "mu_B"
    assert magnetic.coupling.flavours == small.coupling.flavours
    (predicted,) = predict(magnetic).signals["on"]
    assert set(predicted.nominal.coefficients) == {"mu^2"}
    # dsigma/dT of a magnetic moment: pi (alpha hbar c/m_e)^2 Z (1/T - 1/E)
    ratio = predicted.nominal.coefficients["mu^2"]
    assert ratio[0] / ratio[-1] == pytest.approx((1 / 0.616) / (1 / 2.37), rel=0.02)


def test_the_own_process_stays_as_it_is(small: Experiment) -> None:
    assert with_process(small, MILLICHARGE) is small


@pytest.mark.parametrize(
    ("process", "message"),
    [
        ("electron-telepathy", "no such process"),
        ("electron-sm", "no coupling to set a limit on"),
    ],
)
def test_processes_without_a_limit(
    small: Experiment, process: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        with_process(small, process)


def test_the_band_of_the_atomic_response_is_a_nuisance_parameter() -> None:
    """Half the width of the error band, for signals that have one."""
    document = load_experiment("texono-pcge").model_dump()
    atomic = {
        "name": "atom", "effect": "atomic-response", "scope": "all",
        "size": {"value": 100, "unit": "%", "status": "assumed", "source": "one band"},
    }  # fmt: skip
    document["systematics"] = [atomic]
    experiment = Experiment.model_validate(document)
    (signal,) = predict(experiment).signals["on"]
    up, down = (t.coefficients["q^2"] for t in signal.variations["atom"])
    nominal = signal.nominal.coefficients["q^2"]
    np.testing.assert_allclose(up + down, 2.0 * nominal, rtol=1e-6)
    assert 0.03 < np.max(np.abs(up - nominal) / nominal) < 0.0501
    # linear, so that two of them are twice as far
    other = load_experiment("texono-pcge", ("signals.0.atomic_shift=2",))
    (shifted,) = predict(other).signals["on"]
    np.testing.assert_allclose(
        shifted.nominal.coefficients["q^2"], 2.0 * up - nominal, rtol=1e-6
    )
    for signals, message in (
        (
            [{"process": MILLICHARGE, "method": "free"}],
            "no signal by the method atomic",
        ),
        ([{"process": MILLICHARGE, "method": "epa"}], "needs a 'regulator'"),
        (
            [{"process": MILLICHARGE, "method": "free", "atomic_shift": 1}],
            "has no atomic_shift",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            Experiment.model_validate({**document, "signals": signals})
