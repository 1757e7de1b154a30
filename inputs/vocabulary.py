"""The words that all rooms share: processes, methods, flavours, units.

Everything here is a name of the field with one spelling. Schema, cross
sections, templates, files and the command line use these and no synonyms.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "COUPLING_DEFAULT",
    "COUPLING_SYMBOL",
    "COUPLING_UNIT",
    "INTERFERING_PROCESSES",
    "SQUARED_PROCESSES",
    "STANDARD_PROCESSES",
    "UNITS",
    "Convention",
    "Flavour",
    "FormFactor",
    "Method",
    "Photoabsorption",
    "Process",
    "Regulator",
    "WeakCouplings",
]


class Process(StrEnum):
    """Scattering process and the coupling that it tests.

    A diagonal coupling (millicharge, charge radius) stands for the whole cross
    section with the Standard Model and the interference included; ``-transition``
    and ``-magnetic`` for the electromagnetic term alone. The mixing angle, a shift
    from its value in the Standard Model, is like a charge radius in this.
    """

    ELECTRON_SM = "electron-sm"
    ELECTRON_MAGNETIC = "electron-magnetic"
    ELECTRON_MILLICHARGE = "electron-millicharge"
    ELECTRON_MILLICHARGE_TRANSITION = "electron-millicharge-transition"
    ELECTRON_CHARGE_RADIUS = "electron-charge-radius"
    ELECTRON_MIXING_ANGLE = "electron-mixing-angle"
    NUCLEUS_SM = "nucleus-sm"
    NUCLEUS_MAGNETIC = "nucleus-magnetic"
    NUCLEUS_MILLICHARGE = "nucleus-millicharge"
    NUCLEUS_MILLICHARGE_TRANSITION = "nucleus-millicharge-transition"
    NUCLEUS_CHARGE_RADIUS = "nucleus-charge-radius"
    NUCLEUS_MIXING_ANGLE = "nucleus-mixing-angle"

    @property
    def on_nuclei(self) -> bool:
        """Whether the nucleus recoils, and not an electron."""
        return self.value.startswith("nucleus-")

    @property
    def kind(self) -> str:
        """The name without what recoils: ``sm``, ``millicharge``, ...

        Examples
        --------
        >>> Process("nucleus-charge-radius").kind
        'charge-radius'
        """
        return self.value.partition("-")[2]


class Method(StrEnum):
    """How the electrons of an atom are treated."""

    FREE = "free"
    STEPPED = "stepped"
    EPA = "epa"
    EPA_STEPPED = "epa+stepped"
    ATOMIC = "atomic"


class Flavour(StrEnum):
    """Neutrino flavour at the detector."""

    NU_E = "nu-e"
    NU_MU = "nu-mu"
    NU_TAU = "nu-tau"
    ANTI_NU_E = "anti-nu-e"
    ANTI_NU_MU = "anti-nu-mu"
    ANTI_NU_TAU = "anti-nu-tau"

    @property
    def is_antineutrino(self) -> bool:
        """Whether this is an antineutrino."""
        return self.value.startswith("anti-")


class Photoabsorption(StrEnum):
    """Table of photoabsorption cross sections."""

    HENKE = "henke"
    ELAM = "elam"
    CHANTLER = "chantler"


class FormFactor(StrEnum):
    """Distribution of the nucleons in a nucleus.

    ``klein-nystrand`` takes its radius from the mass number, ``klein-nystrand-rms``
    from the rms radius of the Helm form factor.
    """

    HELM = "helm"
    KLEIN_NYSTRAND = "klein-nystrand"
    KLEIN_NYSTRAND_RMS = "klein-nystrand-rms"
    SYMMETRISED_FERMI = "symmetrised-fermi"
    POINT = "point"


class WeakCouplings(StrEnum):
    """Vector couplings of proton and neutron."""

    RADIATIVE = "radiative"
    TREE = "tree"
    FLAVOURED = "flavoured"


class Convention(StrEnum):
    """Whose formulas: the correct ones, or as a paper prints them."""

    PHYSICAL = "physical"
    CHEN_2014 = "chen-2014"
    PARADA_2020 = "parada-2020"
    BASI_2025 = "basi-2025"


class Regulator(StrEnum):
    """What cuts off the logarithm of the equivalent photons."""

    NEUTRINO_MASS = "neutrino-mass"
    MOMENTUM_CUT = "momentum-cut"
    MEDIUM = "medium"


#: Symbol of the coupling of each process in template monomials ("q^2").
COUPLING_SYMBOL: dict[Process, str | None] = {
    Process.ELECTRON_SM: None,
    Process.ELECTRON_MAGNETIC: "mu",
    Process.ELECTRON_MILLICHARGE: "q",
    Process.ELECTRON_MILLICHARGE_TRANSITION: "q",
    Process.ELECTRON_CHARGE_RADIUS: "r2",
    Process.ELECTRON_MIXING_ANGLE: "ds2",
    Process.NUCLEUS_SM: None,
    Process.NUCLEUS_MAGNETIC: "mu",
    Process.NUCLEUS_MILLICHARGE: "q",
    Process.NUCLEUS_MILLICHARGE_TRANSITION: "q",
    Process.NUCLEUS_CHARGE_RADIUS: "r2",
    Process.NUCLEUS_MIXING_ANGLE: "ds2",
}

#: Unit of each coupling: elementary charge, Bohr magneton, squared radius, and a pure
#: number, the shift of sin^2 of the weak mixing angle.
COUPLING_UNIT: dict[str, str] = {"q": "e", "mu": "mu_B", "r2": "cm^2", "ds2": "1"}

#: Units accepted in experiment files: dimension -> {unit: factor to the first}.
UNITS: dict[str, dict[str, float]] = {
    "energy": {
        "keV": 1.0,
        "eV": 1e-3,
        "MeV": 1e3,
        "keVee": 1.0,
        "eVee": 1e-3,
        "keVnr": 1.0,
        "eVnr": 1e-3,
    },
    "mass": {"kg": 1.0, "g": 1e-3, "t": 1e3},
    "time": {"d": 1.0, "s": 1 / 86400, "h": 1 / 24, "yr": 365.25},
    "exposure": {"kg day": 1.0, "t yr": 365250.0},
    "flux": {"/cm2/s": 1.0},
    "particle rate": {"/s": 1.0},
    "light yield": {"PE/keVee": 1.0},
    "inverse energy": {"/keVee": 1.0},
    "duration": {"us": 1.0},
    "spectral rate": {"/(kg keV d)": 1.0, "/(t keV yr)": 1 / 365250.0},
    "rate": {"/(kg d)": 1.0, "/(t yr)": 1 / 365250.0},
    "fraction": {"1": 1.0, "%": 0.01},
    "power": {"GW": 1.0, "MW": 1e-3},
    "length": {"m": 1.0, "cm": 0.01},
    "count": {"events": 1.0},
    "fission cross section": {"cm2/fission": 1.0},
    "coupling": {"e": 1.0, "mu_B": 1.0, "cm^2": 1.0, "1": 1.0},
}

#: Processes whose rate goes with the square of the coupling alone.
SQUARED_PROCESSES: tuple[Process, ...] = (
    Process.ELECTRON_MILLICHARGE_TRANSITION,
    Process.ELECTRON_MAGNETIC,
    Process.NUCLEUS_MILLICHARGE_TRANSITION,
    Process.NUCLEUS_MAGNETIC,
)

#: Processes whose coupling interferes with the Standard Model: g and g^2 enter.
INTERFERING_PROCESSES: tuple[Process, ...] = (
    Process.ELECTRON_MILLICHARGE,
    Process.ELECTRON_CHARGE_RADIUS,
    Process.ELECTRON_MIXING_ANGLE,
    Process.NUCLEUS_MILLICHARGE,
    Process.NUCLEUS_CHARGE_RADIUS,
    Process.NUCLEUS_MIXING_ANGLE,
)

#: The Standard Model alone, on electrons and on nuclei: a sample without coupling.
STANDARD_PROCESSES: tuple[Process, ...] = (Process.ELECTRON_SM, Process.NUCLEUS_SM)

#: Coupling of an experiment that is asked for a process not in its file: reference value
#: on electrons and on nuclei (the size that reactors are sensitive to, about), definition,
#: and what zero means.
COUPLING_DEFAULT: dict[str, tuple[float, float, str, str]] = {
    "q": (
        1e-12,
        1e-8,
        (
            "effective millicharge: q^2 is the sum over final flavours of |q_l'l|^2, "
            "averaged over the arriving flavours, interference neglected"
        ),
        "no electric charge",
    ),
    "mu": (
        1e-10,
        1e-10,
        (
            "effective magnetic moment: mu^2 is the sum over final states of |mu_l'l|^2, "
            "averaged over the arriving flavours"
        ),
        "no magnetic moment",
    ),
    "r2": (
        1e-30,
        1e-31,
        "charge radius squared, diagonal in flavour, the same for all flavours",
        "the value of the Standard Model",
    ),
    "ds2": (
        0.1,
        0.1,
        (
            "shift of sin^2 theta_W at low momentum transfer from the value of the "
            "Standard Model, in the neutral-current couplings"
        ),
        "the value of the Standard Model",
    ),
}
