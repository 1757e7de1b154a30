"""What is no number, infinite or out of range is an error with a name, never a number.

Each case is a call with one argument left open. ``ABOVE`` has to be above 0, ``FROM``
0 or more, ``ANY`` finite.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nuem.inputs.errors import InputError, ModelError
from nuem.inputs.vocabulary import Flavour
from nuem.models import arrays, background, form_factors, nucleus, photon, regulators
from nuem.models import free_electron as free
from nuem.models.couplings import electron_couplings, nucleon_couplings
from nuem.models.detector import Response
from nuem.models.flux import (
    BeamTime,
    Continuum,
    Flux,
    Line,
    Oscillation,
    per_fission,
    reactor_flux,
    sns_flux,
    solar_flux,
    spent_fuel_flux,
    vary,
)
from nuem.models.flux.beta import AllowedSpectrum, fermi_function
from nuem.models.flux.solar import SplineSpectrum
from nuem.models.fold import recoil_spectrum
from nuem.models.isotopes import target
from nuem.models.kinematics import basis, maximum_recoil, minimum_energy
from nuem.models.monomials import evaluate
from nuem.models.options import Options
from nuem.models.process import coefficients, cross_section
from nuem.models.quenching import Lindhard, Polynomial, Tabulated
from nuem.models.scattering import ElectronScattering
from nuem.models.targets import element
from nuem.models.template import Template, template

ABOVE = (np.nan, np.inf, -np.inf, -1.0, 0.0)
FROM = (np.nan, np.inf, -np.inf, -1.0)
ANY = (np.nan, np.inf, -np.inf)

CORE = reactor_flux(flux=1e13)
SUN = solar_flux(["pp", "7Be"])
MIXING = Oscillation(0.303, 0.02225, 0.572, 7.41e-5)
GE = target("Ge")
GE72 = target("Ge72").nuclei[0][0]
PLAIN = Template({"1": [1.0], "q^2": [2.0]}, ([0.0, 1.0],))
RESPONSE = Response(lambda e: 0.05 + 0.0 * e, floor_kev=0.1)

Call = Callable[[float], object]
CASES: dict[str, tuple[tuple[float, ...], Call]] = {
    # checks
    "positive": (ABOVE, lambda x: arrays.positive([1.0, x], "x")),
    "not_negative": (FROM, lambda x: arrays.not_negative([1.0, x], "x")),
    "finite": (ANY, lambda x: arrays.finite([1.0, x], "x")),
    "bin_edges": (FROM, lambda x: arrays.bin_edges([x, 5.0])),
    # fluxes
    "Flux.__call__": (FROM, lambda x: CORE([1.0, x])),
    "Flux.moments": (FROM, lambda x: CORE.moments([1.0, x])),
    "Flux.integrate low": (FROM[:1] + FROM[2:], CORE.integrate),
    "Flux.integrate high": (FROM[:1] + FROM[2:], lambda x: CORE.integrate(0.0, x)),
    "Flux.scale": (FROM, CORE.scale),
    "Flux.normalise": (ABOVE, CORE.normalise),
    "Continuum weight": (
        FROM,
        lambda x: Flux((Continuum("c", Flavour.NU_E, np.ones_like, (1.0, 2.0), x),)),
    ),
    "Continuum support": (
        FROM,
        lambda x: Flux((Continuum("c", Flavour.NU_E, np.ones_like, (x, 2.0)),)),
    ),
    "Line weight": (FROM, lambda x: Flux((Line("l", Flavour.NU_E, 1.0, x),))),
    "Line energy": (ABOVE, lambda x: Flux((Line("l", Flavour.NU_E, x),))),
    "vary sigmas": (ANY, lambda x: vary(CORE, "235U", x)),
    "vary size": (FROM, lambda x: vary(CORE, "235U", 1.0, x)),
    "reactor_flux flux": (ABOVE, lambda x: reactor_flux(flux=x)),
    "reactor_flux power": (ABOVE, lambda x: reactor_flux(power_gw=x, distance_m=9.0)),
    "reactor_flux distance": (
        ABOVE, lambda x: reactor_flux(power_gw=3.0, distance_m=x)
    ),
    "reactor_flux energy": (
        ABOVE,
        lambda x: reactor_flux(
            power_gw=3.0, distance_m=9.0, energy_per_fission_mev=x
        ),
    ),
    "reactor_flux range": (
        FROM, lambda x: reactor_flux(flux=1.0, normalisation_mev=(x, 2.0))
    ),
    "per_fission captures": (FROM, lambda x: per_fission(captures=x)),
    "per_fission late": (FROM, lambda x: per_fission(non_equilibrium=x)),
    "per_fission fractions": (
        ANY, lambda x: per_fission({"235U": x, "239Pu": 1.0 - x})
    ),
    "spent_fuel_flux": (FROM, lambda x: spent_fuel_flux(CORE, x)),
    "solar_flux": (ABOVE, lambda x: solar_flux(["pp"], fluxes={"pp": x})),
    "Oscillation 12": (FROM, lambda x: Oscillation(x, 0.02, 0.5, 7e-5)),
    "Oscillation 13": (FROM, lambda x: Oscillation(0.3, x, 0.5, 7e-5)),
    "Oscillation 23": ((*FROM, 1.1), lambda x: Oscillation(0.3, 0.02, x, 7e-5)),
    "Oscillation mass": (ABOVE, lambda x: Oscillation(0.3, 0.02, 0.5, x)),
    "survival energy": (FROM, lambda x: MIXING.survival([1.0, x], 90.0)),
    "survival density": (FROM, lambda x: MIXING.survival(1.0, x)),
    "shares": (FROM, lambda x: MIXING.shares(x, 90.0)),
    "AllowedSpectrum": (FROM, AllowedSpectrum(1.0, 94)),
    "AllowedSpectrum end": (ABOVE, lambda x: AllowedSpectrum(x, 94)),
    "AllowedSpectrum charge": (
        (*ANY, 140.0), lambda x: AllowedSpectrum(1.0, x)(0.5)  # type: ignore[arg-type]
    ),
    "SplineSpectrum": (FROM, SplineSpectrum((1.0, 2.0), (1.0, 1.0))),
    "SplineSpectrum table": (ABOVE, lambda x: SplineSpectrum((1.0, 2.0), (1.0, x))),
    "fermi_function": (ABOVE, lambda x: fermi_function(32, np.array([1.0, x]))),
    "sns_flux": (ABOVE, lambda x: sns_flux(neutrinos_per_flavour=x)),
    "sns_flux protons": (
        ABOVE,
        lambda x: sns_flux(
            protons_per_second=x, yield_per_proton=0.1, distance_m=20.0
        ),
    ),
    "BeamTime width": (ABOVE, lambda x: BeamTime(0.4, x)),
    "BeamTime mean": (ANY, lambda x: BeamTime(x, 0.1)),
    "BeamTime.cumulative": (ANY, lambda x: BeamTime().cumulative("prompt", [1.0, x])),
    "BeamTime.fractions": (ANY, lambda x: BeamTime().fractions("delayed", [0.0, 1.0, x])),
    # kinematics and targets
    "maximum_recoil": (ABOVE, lambda x: maximum_recoil([1.0, x])),
    "minimum_energy": (ABOVE, lambda x: minimum_energy([1.0, x])),
    "basis": (ABOVE, lambda x: basis([1.0, x])),
    "Element.bound_below": (ABOVE, lambda x: element("Ge").bound_below([1.0, x])),
    "Target.bound_below": (ABOVE, lambda x: GE.bound_below([1.0, x])),
    "electron_couplings": ((*ABOVE, 1.0), lambda x: electron_couplings("nu-e", x)),
    "nucleon_couplings": (
        (*ABOVE, 1.0), lambda x: nucleon_couplings("tree", "nu-e", x)
    ),
    "Options sin2": ((*ABOVE, 1.0), lambda x: Options(sin2_theta_w=x)),
    "Options density": (ABOVE, lambda x: Options(density_g_cm3=x)),
    # form factors
    "momentum_transfer recoil": (
        FROM, lambda x: form_factors.momentum_transfer(np.array([1.0, x]), 7e7)
    ),
    "momentum_transfer mass": (
        ABOVE, lambda x: form_factors.momentum_transfer(np.array([1.0]), x)
    ),
    **{
        f"{name} q": (FROM, lambda x, n=name: form_factors.form_factor(n, [1.0, x], 72))
        for name in ("helm", "klein-nystrand", "klein-nystrand-rms",
                     "symmetrised-fermi", "point")
    },
    **{
        f"{name} A": (ABOVE, lambda x, n=name: form_factors.form_factor(n, 1.0, x))
        for name in ("helm", "klein-nystrand", "klein-nystrand-rms",
                     "symmetrised-fermi", "point")
    },
    "helm_rms": (ABOVE, form_factors.helm_rms),
    "klein_nystrand rms": (ABOVE, lambda x: form_factors.klein_nystrand(1.0, 72, x)),
    # one electron
    **{
        f"{f.__name__} {where}": (ABOVE, call)
        for f in (free.sm, free.magnetic, free.transition, free.interference)
        for where, call in (
            ("energy", lambda x, f=f: f([1.0, x], 1.0)),
            ("recoil", lambda x, f=f: f(1.0, [1.0, x])),
        )
    },
    "fea recoil": (ABOVE, lambda x: free.fea([1.0, x])),
    "fea charge": (ANY, lambda x: free.fea(1.0, x)),
    "magnetic moment": (ANY, lambda x: free.magnetic(1.0, 1.0, x)),
    "transition charge": (ANY, lambda x: free.transition(1.0, 1.0, x)),
    "interference charge": (ANY, lambda x: free.interference(1.0, 1.0, x)),
    "diagonal energy": (ABOVE, lambda x: free.diagonal(x, 1.0, 1e-12)),
    "diagonal recoil": (ABOVE, lambda x: free.diagonal(1.0, x, 1e-12)),
    "diagonal charge": (ANY, lambda x: free.diagonal(1.0, 1.0, x)),
    "charge_radius energy": (ABOVE, lambda x: free.charge_radius(x, 1.0, 1e-32)),
    "charge_radius recoil": (ABOVE, lambda x: free.charge_radius(1.0, x, 1e-32)),
    "charge_radius radius": (ANY, lambda x: free.charge_radius(1.0, 1.0, x)),
    "millicharge_shift": (ABOVE, lambda x: free.millicharge_shift([1.0, x])),
    # photons
    "photoabsorption": (ABOVE, lambda x: photon.photoabsorption("Ge", [1.0, x])),
    "photoabsorption end": ((0.005, 31.0), lambda x: photon.photoabsorption("Ge", x)),
    "epa energy": (ABOVE, lambda x: photon.epa("Ge", x, 1.0)),
    "epa recoil": (ABOVE, lambda x: photon.epa("Ge", 1.0, x)),
    "epa charge": (ANY, lambda x: photon.epa("Ge", 1.0, 1.0, x)),
    "epa regulator": (ABOVE, lambda x: photon.epa("Ge", 1.0, 1.0, regulator_ev=x)),
    "epa_expansion": (ABOVE, lambda x: photon.epa_expansion("Ge", np.array([1.0, x]))),
    "absorption_breakpoints": (
        (np.nan, -1.0), lambda x: photon.absorption_breakpoints("Ge", "henke", x, 2.0)
    ),
    "scattering_factors": (
        ABOVE, lambda x: regulators.scattering_factors("Ge", np.array([1.0, x]))
    ),
    "dielectric energy": (
        ABOVE, lambda x: regulators.one_minus_epsilon(GE, np.array([x]), 5.3)
    ),
    "dielectric density": (
        ABOVE, lambda x: regulators.one_minus_epsilon(GE, np.array([1.0]), x)
    ),
    # nuclei
    **{
        f"nucleus.{name}": (ABOVE, call)
        for name, call in {
            "kinematics": lambda x: nucleus.kinematics(np.array([x]), GE72),
            "sm_expansion": lambda x: nucleus.sm_expansion(
                np.array([x]), GE72, 1.0, np.ones(1)
            ),
            "interference_expansion": lambda x: nucleus.interference_expansion(
                np.array([x]), GE72, 1.0, np.ones(1)
            ),
            "charge_squared_expansion": lambda x: nucleus.charge_squared_expansion(
                np.array([x]), GE72, np.ones(1)
            ),
            "magnetic_expansion": lambda x: nucleus.magnetic_expansion(
                np.array([x]), GE72, np.ones(1)
            ),
            "charge_radius_expansion": lambda x: nucleus.charge_radius_expansion(
                np.array([x]), GE72, 1.0, np.ones(1)
            ),
        }.items()
    },
    # any process
    "coefficients energy": (ABOVE, lambda x: coefficients("nucleus-sm", "Ge", [1.0, x], 0.1)),
    "coefficients recoil": (ABOVE, lambda x: coefficients("nucleus-sm", "Ge", 1.0, [0.1, x])),
    "coefficients atom": (
        ABOVE,
        lambda x: coefficients("electron-sm", "Ge", 1.0, [1.0, x], method="stepped"),
    ),
    "cross_section coupling": (
        ANY,
        lambda x: cross_section("nucleus-millicharge", "Ge", 1.0, 0.1, coupling=x),
    ),
    "expansion": (
        ABOVE,
        lambda x: ElectronScattering("electron-sm", "Ge", "stepped").expansion([1.0, x]),
    ),
    "recoil_spectrum": (ABOVE, lambda x: recoil_spectrum("nucleus-sm", "Ge", CORE, [0.1, x])),
    # detectors
    "template edges": (
        FROM, lambda x: template("nucleus-sm", "Ge", CORE, None, [x, 5.0])
    ),
    "Template.scale": (FROM, PLAIN.scale),
    "Template.scale bins": (FROM, lambda x: PLAIN.scale(np.array([x]))),
    "Template.evaluate": (ANY, PLAIN.evaluate),
    "Template": (ANY, lambda x: Template({"1": [x]}, ([0.0, 1.0],))),
    "evaluate": (ANY, lambda x: evaluate({"q": np.ones(1)}, x)),
    "Response.matrix": (ABOVE, lambda x: RESPONSE.matrix([0.2, 0.3], [0.2, x])),
    "Response.vary scale": (ABOVE, lambda x: RESPONSE.vary(scale=x)),
    "Response.vary width": (ABOVE, lambda x: RESPONSE.vary(resolution=x)),
    "Lindhard recoil": (ABOVE, lambda x: Lindhard(32, 0.157).ionisation([1.0, x])),
    "Lindhard inverse": (ABOVE, lambda x: Lindhard(32, 0.157).recoil([1.0, x])),
    "Lindhard slope": (ABOVE, lambda x: Lindhard(32, 0.157).derivative([1.0, x])),
    "Lindhard factor": (ABOVE, lambda x: Lindhard(32, 0.157).factor([1.0, x])),
    "Lindhard k": (ABOVE, lambda x: Lindhard(32, x)),
    "Lindhard floor": (FROM, lambda x: Lindhard(32, 0.157, x)),
    "Lindhard vary": (ABOVE, lambda x: Lindhard(32, 0.157).vary(x)),
    "Tabulated factor": (ABOVE, lambda x: Tabulated((1.0, 2.0), (0.1, x))),
    "Tabulated recoil": (
        (*ABOVE, 0.5, 3.0), lambda x: Tabulated((1.0, 2.0), (0.1, 0.1)).factor(x)
    ),
    "Polynomial": (ANY, lambda x: Polynomial((x, 0.1), (1.0, 5.0))),
    "Polynomial range": (FROM, lambda x: Polynomial((0.2,), (x, 5.0))),
    "Polynomial recoil": (
        (*ABOVE, 9.0), lambda x: Polynomial((0.2,), (1.0, 5.0)).ionisation(x)
    ),
    # backgrounds
    "Constant scale": (
        ABOVE, lambda x: background.Constant().counts([1.0, 2.0], energy_scale=x)
    ),
    "Constant edges": (FROM, lambda x: background.Constant().counts([x, 5.0])),
    "Exponential": (ANY, lambda x: background.Exponential(x, 0.1)),
    "Exponential slope": ((*ANY, 0.0), lambda x: background.Exponential(0.3, x)),
    "PowerLaw": (ABOVE, lambda x: background.PowerLaw(x, 2.0)),
    "PowerLaw index": (ANY, lambda x: background.PowerLaw(1.0, x)),
    "Lines energy": (ABOVE, lambda x: background.Lines([x], [1.0], np.ones_like)),
    "Lines ratio": (FROM, lambda x: background.Lines([1.0, 2.0], [1.0, x], np.ones_like)),
    "Tabulated background": (
        ANY, lambda x: background.Tabulated([0.0, 1.0], [1.0, x])
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "call"),
    [
        pytest.param(value, call, id=f"{name}-{value}")
        for name, (values, call) in CASES.items()
        for value in values
    ],
)
def test_an_error_and_never_a_number(value: float, call: Call) -> None:
    with pytest.raises((InputError, ModelError)) as caught:
        call(value)
    assert "\n" not in str(caught.value)
