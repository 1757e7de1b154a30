"""What is predicted: couplings and fluxes in, binned templates out.

The names below are looked up when they are first used, so that importing the
package costs nothing. (The function ``template`` has to be taken from its module of
the same name.)

Examples
--------
>>> from nuem.models import reactor_flux
>>> from nuem.models.template import template
>>> core = reactor_flux(flux=6.4e12)
>>> t = template("electron-magnetic", "Ge", core, None, [0.3, 0.5, 1.0], method="free")
>>> t.evaluate(1e-10).round(3)
array([0.187, 0.253])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nuem.models.background import (
        Constant,
        Exponential,
        Lines,
        PowerLaw,
        Shape,
        Tabulated,
    )
    from nuem.models.couplings import electron_couplings, nucleon_couplings
    from nuem.models.detector import Response
    from nuem.models.flux import Flux, reactor_flux, sns_flux, solar_flux
    from nuem.models.fold import recoil_spectrum
    from nuem.models.form_factors import form_factor
    from nuem.models.isotopes import Target, target
    from nuem.models.options import Options
    from nuem.models.photon import photoabsorption
    from nuem.models.process import coefficients, cross_section
    from nuem.models.quenching import Lindhard, Quenching
    from nuem.models.response_matrix import ResponseMatrix
    from nuem.models.targets import Element, element
    from nuem.models.template import Template

__all__ = [
    "Constant",
    "Element",
    "Exponential",
    "Flux",
    "Lindhard",
    "Lines",
    "Options",
    "PowerLaw",
    "Quenching",
    "Response",
    "ResponseMatrix",
    "Shape",
    "Tabulated",
    "Target",
    "Template",
    "coefficients",
    "cross_section",
    "electron_couplings",
    "element",
    "form_factor",
    "nucleon_couplings",
    "photoabsorption",
    "reactor_flux",
    "recoil_spectrum",
    "sns_flux",
    "solar_flux",
    "target",
]

_HOME = {
    "Constant": "background",
    "Element": "targets",
    "Exponential": "background",
    "Flux": "flux",
    "Lindhard": "quenching",
    "Lines": "background",
    "Options": "options",
    "PowerLaw": "background",
    "Quenching": "quenching",
    "Response": "detector",
    "ResponseMatrix": "response_matrix",
    "Shape": "background",
    "Tabulated": "background",
    "Target": "isotopes",
    "Template": "template",
    "coefficients": "process",
    "cross_section": "process",
    "electron_couplings": "couplings",
    "element": "targets",
    "form_factor": "form_factors",
    "nucleon_couplings": "couplings",
    "photoabsorption": "photon",
    "reactor_flux": "flux",
    "recoil_spectrum": "fold",
    "sns_flux": "flux",
    "solar_flux": "flux",
    "target": "isotopes",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"nuem.models.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
