"""Solar models, decay at rest, corrections and variations of fluxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuem.inputs.errors import InputError
from nuem.models.flux import (
    BeamTime,
    Flux,
    per_fission,
    reactor_flux,
    sns_flux,
    solar_flux,
    spent_fuel_flux,
    variation_names,
    vary,
)

BRANCHES = ("pp", "7Be", "pep", "8B", "hep", "13N", "15O", "17F")


def test_solar_models() -> None:
    high, low = solar_flux(), solar_flux(model="B16-AGSS09")
    for name, expected in {
        "pp": 5.98e10, "7Be": 4.93e9, "pep": 1.44e8, "8B": 5.46e6, "hep": 7.98e3,
        "13N": 2.78e8, "15O": 2.05e8, "17F": 5.29e6,
    }.items():  # fmt: skip
        assert solar_flux([name]).integrate() == pytest.approx(expected, rel=1e-6)
    assert low.integrate() < high.integrate()
    assert low.metadata["model"] == "B16-AGSS09"
    assert variation_names(high) == BRANCHES
    assert solar_flux(["hep"]).maximum_energy_mev == pytest.approx(18.773)


@pytest.mark.parametrize(
    ("energy", "density"), [(0.02, 8.6001e-6), (2.0, 0.040734), (7.0, 0.13056), (13.5, 0.005138)]
)  # fmt: skip
def test_boron_spectrum(energy: float, density: float) -> None:
    sun = solar_flux(["8B"])
    assert float(sun(energy)) / 5.46e6 == pytest.approx(density, rel=5e-3)
    middle = float(sun(energy * 1.02)) / float(sun(energy))
    assert 0.5 < middle < 1.1
    assert float(sun(0.01)) / float(sun(0.02)) == pytest.approx(0.25)
    assert float(sun(16.1)) == 0.0


def test_mean_survival_of_boron() -> None:
    sun = solar_flux(["8B"])
    share = sun.integrate(flavour="nu-e") / sun.integrate()
    assert share == pytest.approx(0.3654, abs=1e-4)


def test_decay_at_rest() -> None:
    source = sns_flux(protons_per_second=5e15, yield_per_proton=0.09, distance_m=27.5)
    each = 5e15 * 0.09 / (4 * np.pi * 2750.0**2)
    for flavour in ("nu-mu", "anti-nu-mu", "nu-e"):
        assert source.integrate(flavour=flavour) == pytest.approx(each, rel=1e-12)
    assert source.integrate(29.79, 29.80, "nu-mu") == pytest.approx(each)
    energy = np.linspace(0.01, 52.82918, 5001)
    means = {}
    for flavour in ("nu-e", "anti-nu-mu"):
        density = source.only(flavour)(energy)
        means[flavour] = np.trapezoid(energy * density, energy) / each
    # 3/10 and 7/20 of the mass of the muon
    assert means["nu-e"] == pytest.approx(0.3 * 105.6584, rel=1e-4)
    assert means["anti-nu-mu"] == pytest.approx(0.35 * 105.6584, rel=1e-4)


@pytest.mark.parametrize("kind", ["prompt", "delayed"])
def test_beam_time(kind: str) -> None:
    pulse = BeamTime(0.44, 0.15)
    random = np.random.default_rng(7)
    time = random.normal(0.44, 0.15, 400_000) + random.exponential(0.026033, 400_000)
    if kind == "delayed":
        time = time + random.exponential(2.1969811, 400_000)
    edges = np.array([-1.0, 0.2, 0.44, 0.7, 1.0, 2.0, 6.0])
    expected = np.histogram(time, edges)[0] / time.size
    np.testing.assert_allclose(pulse.fractions(kind, edges), expected, atol=3e-3)
    assert pulse.cumulative(kind, 60.0) == pytest.approx(1.0, abs=1e-9)
    assert pulse.cumulative(kind, -5.0) == pytest.approx(0.0, abs=1e-12)


def test_non_equilibrium_and_spent_fuel() -> None:
    bare, late = (per_fission("daya-bay", non_equilibrium=x) for x in (0.0, 1.0))
    ratio = late(np.array([2.1, 3.0, 5.0])) / bare(np.array([2.1, 3.0, 5.0]))
    assert 1.02 < ratio[0] < 1.06
    assert 1.0 < ratio[1] < ratio[0]
    assert ratio[2] == 1.0
    core = reactor_flux(flux=1e13)
    fuel = spent_fuel_flux(core, 2.0)
    assert fuel.integrate() == pytest.approx(2 * spent_fuel_flux(core).integrate())
    assert 1e-4 < spent_fuel_flux(core).integrate() / core.integrate() < 1e-2
    assert fuel.integrate(0.0, 1.7) == 0.0
    with pytest.raises(InputError, match="fission"):
        spent_fuel_flux(solar_flux(["pp"]))


@given(sigmas=st.floats(-2.0, 2.0), name=st.sampled_from(BRANCHES))
def test_solar_variations(sigmas: float, name: str) -> None:
    sun = solar_flux()
    size = sun.metadata["uncertainties"][name]  # type: ignore[index]
    change = vary(sun, name, sigmas).integrate() - sun.integrate()
    own = solar_flux([name]).integrate()
    assert change == pytest.approx(own * sigmas * size, abs=1e-9 * sun.integrate())


def test_reactor_variations() -> None:
    core = reactor_flux(flux=1e13)
    energy = np.array([1.0, 1.79, 1.81, 4.0, 7.0])
    below = vary(core, "below-1.8-mev", 1.0)(energy) / core(energy)
    np.testing.assert_allclose(below, [1.1, 1.1, 1.0, 1.0, 1.0])
    together = vary(core, "correlated", 1.0)(energy) / core(energy)
    assert np.all(np.diff(together[2:]) > 0.0)
    assert 1.01 < together[3] < 1.03
    alone = [
        vary(core, isotope, 1.0)(energy) - core(energy) for isotope in ("235U", "238U")
    ]
    # nothing is published below 1.75 MeV: that part has a parameter of its own
    assert np.all(alone[0][1:] > 0.0)
    assert alone[0][0] == 0.0
    flat = vary(core, "239Pu", -1.0, 0.5)
    assert flat.integrate() < core.integrate()
    assert vary(core, "capture", 1.0).integrate(0.0, 1.2) > core.integrate(0.0, 1.2)
    end = np.array([1.74, 1.76, 11.9])
    np.testing.assert_array_equal(
        vary(core, "correlated", 1.0)(end) > core(end), [False, True, True]
    )
    both = vary(core, "235U", 1.0).integrate() + vary(core, "235U", -1.0).integrate()
    assert both == pytest.approx(2 * core.integrate(), rel=1e-12)


def _sum_of_sources() -> Flux:
    core = reactor_flux(flux=1e13, non_equilibrium=1.0)
    return (
        core.named("near")
        + reactor_flux(flux=2e12).named("far")
        + spent_fuel_flux(core).named("pool")
        + solar_flux(["pp", "8B"]).named("sun")
        + sns_flux(neutrinos_per_flavour=1e7).named("sns")
    )


def test_a_sum_keeps_the_parameters_of_its_parts() -> None:
    """Each moves as much as in its parts, alike in those that share it."""
    whole = _sum_of_sources()
    near, far, pool, sun, _ = parts = (
        reactor_flux(flux=1e13, non_equilibrium=1.0),
        reactor_flux(flux=2e12),
        spent_fuel_flux(reactor_flux(flux=1e13, non_equilibrium=1.0)),
        solar_flux(["pp", "8B"]),
        sns_flux(neutrinos_per_flavour=1e7),
    )
    assert whole.integrate() == pytest.approx(sum(p.integrate() for p in parts))
    energy = np.array([0.3, 1.0, 1.79, 2.2, 5.0, 9.0])

    def change(flux: Flux, name: str, size: float | None = None) -> np.ndarray:
        return vary(flux, name, 1.0, size)(energy) - flux(energy)

    for name, moved in {
        "235U": (near, far),
        "correlated": (near, far),
        "below-1.8-mev": (near, far),
        "capture": (near, far),
        "non-equilibrium": (near,),
        "spent-fuel": (pool,),
        "8B": (sun,),
    }.items():
        expected = sum(change(part, name) for part in moved)
        found = change(whole, name)
        np.testing.assert_allclose(
            found, expected, rtol=1e-6, atol=1e-3 * expected.max()
        )
        assert expected.max() > 0.0
    np.testing.assert_allclose(change(whole, "far:235U"), change(far, "235U"), atol=1.0)
    delayed = change(whole, "delayed", 0.1)
    np.testing.assert_allclose(delayed, 0.1 * parts[-1](energy), rtol=1e-4)
    names = variation_names(whole)
    for name in ("235U", "near:235U", "far:235U", "pool:spent-fuel", "sun:8B"):
        assert name in names
    assert "pool:235U" not in names
    assert "sun:below-1.8-mev" not in names


def test_below_threshold_leaves_the_sun_alone() -> None:
    sun = solar_flux(["pp"])
    whole = reactor_flux(flux=1e10) + sun
    moved = vary(whole, "below-1.8-mev", 1.0)
    energy = np.array([0.1, 0.3])
    assert np.all(moved.only("anti-nu-e")(energy) > whole.only("anti-nu-e")(energy))
    for flavour in sun.flavours:
        np.testing.assert_array_equal(
            moved.only(flavour)(energy), whole.only(flavour)(energy)
        )


SUM = _sum_of_sources()
UNSIZED = ("prompt", "delayed", "239U", "239Np")


@given(
    name=st.sampled_from(variation_names(SUM)),
    sigmas=st.floats(-12.0, 12.0),
    size=st.floats(0.0, 3.0),
    published=st.booleans(),
)
@settings(max_examples=60)
def test_no_variation_makes_a_flux_negative(
    name: str, sigmas: float, size: float, published: bool
) -> None:
    energy = np.concatenate([np.linspace(0.01, 20.0, 400), SUM.breakpoints_mev])
    chosen = None if published and not name.endswith(UNSIZED) else size
    try:
        moved = vary(SUM, name, sigmas, chosen)
    except InputError:
        with pytest.raises(InputError, match="negative"):
            vary(SUM, name, sigmas, chosen)
        assert sigmas < 0.0
    else:
        assert np.all(moved(energy) >= 0.0)
        assert all(part.weight >= 0.0 for part in moved.components)


def test_size_of_the_late_corrections() -> None:
    """30 per cent of the correction itself, not of the flux."""
    late, bare = (reactor_flux(flux=1e13, non_equilibrium=x) for x in (1.0, 0.0))
    energy = np.array([2.1, 3.0])
    change = vary(late, "non-equilibrium", 1.0)(energy) - late(energy)
    unit = [per_fission("texono", non_equilibrium=x)(energy) for x in (1.0, 0.0)]
    scale = late(energy) / unit[0]
    np.testing.assert_allclose(change, 0.3 * (unit[0] - unit[1]) * scale, rtol=1e-9)
    fuel = spent_fuel_flux(bare)
    assert vary(fuel, "spent-fuel", 1.0).integrate() == pytest.approx(
        1.3 * fuel.integrate()
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: solar_flux(["9B"]),
        lambda: solar_flux(["pp", "pp"]),
        lambda: solar_flux(model="BP98"),
        lambda: solar_flux(["pp"], fluxes={"8B": 1.0}),
        lambda: sns_flux(distance_m=20.0),
        lambda: sns_flux(neutrinos_per_flavour=1e7, distance_m=20.0),
        lambda: sns_flux(neutrinos_per_flavour=-1.0),
        lambda: BeamTime(0.4, 0.0),
        lambda: BeamTime(np.nan, 0.1),
        lambda: BeamTime().fractions("late", [0.0, 1.0]),
        lambda: BeamTime().fractions("prompt", [1.0, 0.0]),
        lambda: per_fission(non_equilibrium=-1.0),
        lambda: spent_fuel_flux(reactor_flux(flux=1.0), -1.0),
        lambda: vary(solar_flux(["pp"]), "8B", 1.0),
        lambda: vary(solar_flux(["pp"]), "pp", np.nan),
        lambda: vary(sns_flux(neutrinos_per_flavour=1.0), "prompt", 1.0),
        lambda: vary(solar_flux(["pp"]), "below-1.8-mev", 1.0),
        lambda: vary(solar_flux(["pp"]), "pp", -1.0, 1.01),
        lambda: vary(solar_flux(["7Be"]), "7Be", -1.0, 1.01),
        lambda: vary(solar_flux(["pp"]), "pp", 1.0, -0.1),
        lambda: vary(reactor_flux(flux=1.0), "239Pu", -2.0),
        lambda: vary(_sum_of_sources(), "sun:235U", 1.0),
        lambda: solar_flux().named(""),
        lambda: solar_flux().named("a:b"),
    ],
)
def test_bad_input(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]
