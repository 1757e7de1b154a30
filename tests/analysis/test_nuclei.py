"""Experiments with signals on nuclei, and the command ``nuem cross-section``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nuem.analysis.channel_models import channel_flux
from nuem.analysis.cli.main import cli
from nuem.analysis.prediction import Prediction, predict
from nuem.analysis.processes import with_process
from nuem.inputs.catalogue import channels, load_experiment
from nuem.inputs.errors import InputError, NuemError
from nuem.inputs.schema import Experiment, Signal
from nuem.inputs.vocabulary import Process

NUMBER = {"status": "assumed", "source": "test"}


def _document(**changes: Any) -> dict[str, Any]:
    """TEXONO's file with signals on nuclei."""
    document = load_experiment("texono-pcge").model_dump(exclude_unset=True)
    document["signals"] = [{"process": "nucleus-millicharge-transition"}]
    document["detectors"][0]["response"]["quenching"] = {
        "kind": "lindhard", "k": {"value": 0.157, "unit": "1", **NUMBER},
    }  # fmt: skip
    document["detectors"][0]["response"]["max_below_floor"] = 1.0
    document.update(changes)
    return document


def _systematic(effect: str, **fields: Any) -> dict[str, Any]:
    size = {"value": 10, "unit": "%", **NUMBER}
    return {"name": effect, "effect": effect, "size": size, "scope": "all", **fields}


def test_variations_of_a_signal_on_nuclei() -> None:
    shape = {"expression": "exp(-E/0.3)", **NUMBER}
    experiment = Experiment.model_validate(
        _document(
            systematics=[
                _systematic("quenching"),
                _systematic("spectrum", component="235U"),
                _systematic("trigger-efficiency", shape=shape),
                _systematic("cut-efficiency"),
            ]
        )
    )
    prediction = predict(experiment)
    (signal,) = prediction.signals["on"]
    assert signal.method is None
    assert signal.nominal.metadata["energy"] == "keVee"
    nominal = signal.nominal.evaluate(1e-10)
    reached = nominal > 0.0
    assert reached.any()
    for name in ("quenching", "spectrum", "trigger-efficiency", "cut-efficiency"):
        up, down = (t.evaluate(1e-10)[reached] for t in signal.variations[name])
        # bins that the variation does not reach are the same but for rounding
        assert np.all(up >= nominal[reached] * (1 - 1e-12))
        assert np.all(down <= nominal[reached] * (1 + 1e-12))
        assert not np.array_equal(up, down)
    again = Prediction.from_dict(json.loads(json.dumps(prediction.to_dict())))
    assert again.signals["on"][0].method is None


def test_published_uncertainty_of_a_spectrum() -> None:
    whole = _systematic(
        "spectrum", component="correlated", energy_dependence="published",
        size={"value": 1, "unit": "1", **NUMBER},
    )  # fmt: skip
    experiment = Experiment.model_validate(_document(systematics=[whole]))
    (signal,) = predict(experiment).signals["on"]
    up, down = (t.evaluate(1e-10) for t in signal.variations["spectrum"])
    first = np.flatnonzero(down > 0.0)[0]
    assert 1.0 < up[first] / down[first] < 1.1


def test_sources() -> None:
    weights = {"values": {"on": 1, "off": 1}, **NUMBER}
    core = load_experiment("texono-pcge").model_dump(exclude_unset=True)["sources"][0]
    fuel = {**core, "name": "pool", "component": "spent-fuel", "weights": weights}
    late = {**core, "non_equilibrium": True, "conversion": "mueller"}
    flux = {"value": 1e7, "unit": "/cm2/s", **NUMBER}
    sns = {"kind": "sns", "name": "sns", "flux_per_flavour": flux, "weights": weights}
    sun = {
        "kind": "solar", "name": "sun", "branches": ["8B", "hep"],
        "model": "B16-AGSS09", "weights": weights,
    }  # fmt: skip
    document = _document(sources=[late, fuel, sns, sun])
    document["coupling"]["flavours"] = [
        "anti-nu-e", "nu-e", "nu-mu", "nu-tau", "anti-nu-mu",
    ]  # fmt: skip
    prediction = predict(Experiment.model_validate(document))
    on, off = (
        prediction.signals[name][0].nominal.evaluate(1e-9) for name in ("on", "off")
    )
    assert off.sum() > 0.0
    assert on[0] > off[0]


def test_range_of_a_quoted_flux() -> None:
    """A flux above the threshold is a part of the whole: 0.258 of the spectrum."""
    core = load_experiment("texono-pcge").model_dump(exclude_unset=True)["sources"][0]
    above = {"low": 1.806, "unit": "MeV", **NUMBER}
    inner = {"low": 1.806, "high": 8, "unit": "MeV", **NUMBER}
    totals = []
    for quoted in (None, above, inner):
        source = core if quoted is None else {**core, "flux_range": quoted}
        experiment = Experiment.model_validate(_document(sources=[source]))
        flux = channel_flux(experiment, channels(experiment)[0])
        assert flux is not None
        totals.append(flux.integrate())
        if quoted is not None:
            here = flux.integrate(1.806, quoted.get("high", np.inf))
            assert here == pytest.approx(6.4e12, rel=1e-9)
    assert totals[0] == pytest.approx(6.4e12, rel=1e-9)
    assert totals[1] / totals[0] == pytest.approx(1 / 0.258, rel=0.01)
    assert totals[2] > totals[1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"flux_range": {"low": 8, "high": 2, "unit": "MeV", **NUMBER}}, "range"),
        ({"flux_range": {"low": -1, "unit": "MeV", **NUMBER}}, "low"),
        ({"flux_range": {"low": 2, "unit": "keV", **NUMBER}}, "unit"),
        ({"flux_range": {"low": 2, "unit": "MeV"}}, "status"),
        (
            {
                "total_flux": None,
                "power": {"value": 3, "unit": "GW", **NUMBER},
                "distance": {"value": 20, "unit": "m", **NUMBER},
                "flux_range": {"low": 2, "unit": "MeV", **NUMBER},
            },
            "total_flux",
        ),
    ],
)
def test_the_schema_refuses_a_range(change: dict[str, Any], match: str) -> None:
    core = load_experiment("texono-pcge").model_dump(exclude_unset=True)["sources"][0]
    with pytest.raises(ValueError, match=match):
        Experiment.model_validate(_document(sources=[{**core, **change}]))


def test_components_of_a_sum_of_sources() -> None:
    """OFF has the spent fuel and the Sun alone: what varies the core leaves it."""
    weights = {"values": {"on": 1, "off": 1}, **NUMBER}
    core = load_experiment("texono-pcge").model_dump(exclude_unset=True)["sources"][0]
    late = {**core, "non_equilibrium": True}
    pool = {**core, "name": "pool", "component": "spent-fuel", "weights": weights}
    sun = {
        "kind": "solar", "name": "sun", "branches": ["8B"], "model": "B16-GS98",
        "weights": weights,
    }  # fmt: skip
    whole = {"value": 1, "unit": "1", **NUMBER}
    names = ("235U", "non-equilibrium", "spent-fuel", "8B", "core:correlated")
    document = load_experiment("texono-pcge").model_dump(exclude_unset=True)
    document["sources"] = [late, pool, sun]
    document["systematics"] = [
        {
            **_systematic("spectrum", component=name, energy_dependence="published"),
            "name": f"s{number}",
            "size": whole,
        }
        for number, name in enumerate(names)
    ]
    document["coupling"]["flavours"] = ["anti-nu-e", "nu-e", "nu-mu", "nu-tau"]
    found = predict(Experiment.model_validate(document)).signals
    for channel, moved in (("on", {0, 1, 2, 3, 4}), ("off", {2, 3})):
        (signal,) = found[channel]
        for number in range(len(names)):
            up, down = (t.evaluate(1.0).sum() for t in signal.variations[f"s{number}"])
            middle = signal.nominal.evaluate(1.0).sum()
            assert (down < middle < up) == (number in moved), (channel, names[number])
            assert up + down == pytest.approx(2 * middle, rel=1e-6)
    document["systematics"][0]["component"] = "233U"
    with pytest.raises(InputError, match=r"s0\.component.*233U"):
        predict(Experiment.model_validate(document))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"signals": [{"process": "electron-magnetic"}]}, "method"),
        ({"signals": [{"process": "nucleus-magnetic", "method": "free"}]}, "method"),
        (
            {
                "signals": [
                    {"process": "nucleus-millicharge", "regulator": "medium"},
                ]
            },
            "regulator",
        ),
        (
            {
                "signals": [
                    {
                        "process": "electron-millicharge",
                        "method": "free",
                        "form_factor": "point",
                    },
                ]
            },
            "form_factor",
        ),
        ({"systematics": [_systematic("spectrum")]}, "component"),
        ({"systematics": [_systematic("flux", component="235U")]}, "component"),
        (
            {"systematics": [_systematic("flux", energy_dependence="published")]},
            "energy",
        ),
        (
            {
                "systematics": [
                    _systematic("flux", shape={"expression": "E", **NUMBER}),
                ]
            },
            "shape",
        ),
    ],
)
def test_the_schema_refuses(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Experiment.model_validate(_document(**changes))


def test_kevee_and_kevnr_are_kept_apart() -> None:
    document = _document()
    document["detectors"][0]["response"].pop("quenching")
    with pytest.raises(ValueError, match="quenching"):
        Experiment.model_validate(document)
    document["observables"][0]["unit"] = "keVnr"
    (signal,) = predict(Experiment.model_validate(document)).signals["on"]
    assert signal.nominal.metadata["energy"] == "keVnr"
    document = _document()
    document["observables"][0]["unit"] = "keVnr"
    with pytest.raises(ValueError, match="keVnr"):
        Experiment.model_validate(document)
    with pytest.raises(InputError, match="quenching"):
        with_process(load_experiment("texono-pcge"), "nucleus-magnetic")


def test_options_of_a_signal_reach_the_template() -> None:
    signal = {
        "process": "nucleus-millicharge-transition", "convention": "parada-2020",
        "form_factor": "point",
    }  # fmt: skip
    (found,) = predict(Experiment.model_validate(_document(signals=[signal]))).signals[
        "on"
    ]
    assert found.nominal.metadata["convention"] == "parada-2020"
    assert found.nominal.metadata["form factor"] == "point"
    with pytest.raises(ValueError, match="sin2_theta_w"):
        Signal(process=Process.NUCLEUS_SM, sin2_theta_w=2.0)


def _run(*words: str) -> Any:
    return CliRunner().invoke(cli, ["cross-section", *words])


@pytest.mark.parametrize("process", [p.value for p in Process])
def test_every_process_has_a_cross_section(process: str) -> None:
    coupling = [] if process.endswith("-sm") else ["--coupling", "1e-12"]
    if process.endswith("radius"):
        coupling = ["--coupling", "1e-32"]
    done = _run(
        process, "--target", "Ge", "--energy", "4", "--recoil", "0.1,0.3", *coupling, "--json"
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["process"] == process
    assert document["method"] == (None if process.startswith("nucleus") else "free")
    assert document["recoil_kev"] == [0.1, 0.3]
    assert min(document["value"]) > 0.0
    body = "nucleus" if process.startswith("nucleus") else "atom"
    assert document["unit"] == f"cm2/keV/{body}"


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("nucleus-sm", "--target", "Ge72", "--energy", "4", "--recoil", "0.3",
          "--form-factor", "point"), 1.600437e-40),
        (("nucleus-sm", "--target", "Ge72", "--energy", "4", "--recoil", "0.3",
          "--form-factor", "point", "--couplings", "tree"), 1.560764e-40),
        (("electron-millicharge-transition", "--target", "Ge", "--energy", "1", "--recoil",
          "1", "--method", "epa", "--coupling", "1e-12"), 1.583874e-44),
        (("electron-millicharge-transition", "--target", "Ge", "--energy", "1", "--recoil",
          "1", "--coupling", "1e-12", "--convention", "chen-2014"), 32 * 2.549550e-46),
    ],
)  # fmt: skip
def test_values_on_the_command_line(words: tuple[str, ...], value: float) -> None:
    done = _run(*words, "--json")
    assert json.loads(done.stdout)["value"][0] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("nucleus-sm", "--method", "free"),
        ("nucleus-magnetic",),
        ("nucleus-sm", "--coupling", "1"),
        ("electron-sm", "--sin2-theta-w", "7"),
        ("electron-magnetic", "--coupling", "nan"),
        ("electron-millicharge", "--coupling", "1e-12", "--method", "epa"),
        ("electron-sm", "--couplings", "tree"),
        ("electron-sm", "--couplings", "radiative"),
        ("electron-magnetic", "--coupling", "1e-10", "--form-factor", "point"),
        ("electron-sm", "--regulator", "medium"),
        ("electron-millicharge", "--coupling", "1e-12", "--photoabsorption", "elam"),
        (
            "electron-millicharge",
            "--coupling",
            "1e-12",
            "--method",
            "epa+stepped",
            "--density",
            "5",
        ),
        ("nucleus-sm", "--regulator", "medium"),
        ("nucleus-sm", "--photoabsorption", "elam"),
        ("nucleus-sm", "--density", "5"),
        ("nucleus-sm", "--sin2-theta-w", "0.24"),
    ],
)
def test_wrong_words_on_the_command_line(words: tuple[str, ...]) -> None:
    done = _run(*words, "--target", "Ge", "--energy", "4", "--recoil", "0.1")
    # what `main` prints as one line, with this exit code
    assert isinstance(done.exception, NuemError)
    assert done.exception.exit_code == 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ("nucleus-sm", "--couplings", "tree", "--sin2-theta-w", "0.24"),
        ("nucleus-magnetic", "--coupling", "1e-10", "--form-factor", "symmetrised-fermi"),
        ("nucleus-sm", "--couplings", "flavoured", "--flavour", "nu-mu"),
        ("electron-sm", "--sin2-theta-w", "0.24"),
        ("electron-millicharge", "--coupling", "1e-12", "--method", "epa+stepped",
         "--regulator", "medium", "--density", "5"),
        ("electron-millicharge", "--coupling", "1e-12", "--method", "epa+stepped",
         "--photoabsorption", "elam"),
        ("electron-millicharge", "--coupling", "1e-12", "--method", "atomic",
         "--regulator", "momentum-cut"),
    ],
)  # fmt: skip
def test_options_that_enter(words: tuple[str, ...]) -> None:
    """Each of them changes the number."""
    at = ("--target", "Ge", "--energy", "4", "--recoil", "0.3", "--json")
    done = _run(*words, *at)
    assert done.exit_code == 0, done.output
    plain = list(words)
    for option in ("--couplings", "--sin2-theta-w", "--form-factor", "--regulator",
                   "--density", "--photoabsorption", "--flavour"):  # fmt: skip
        if option in plain:
            del plain[plain.index(option) : plain.index(option) + 2]
    before = _run(*plain, *at)
    assert json.loads(done.stdout)["value"] != json.loads(before.stdout)["value"]
