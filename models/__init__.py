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
    from nuem.models.couplings import electron_couplings
    from nuem.models.detector import Response
    from nuem.models.electron import coefficients, cross_section
    from nuem.models.flux import Flux, reactor_flux, solar_flux
    from nuem.models.fold import recoil_spectrum
    from nuem.models.photon import photoabsorption
    from nuem.models.targets import Element, element
    from nuem.models.template import Template

__all__ = [
    "Constant",
    "Element",
    "Exponential",
    "Flux",
    "Lines",
    "PowerLaw",
    "Response",
    "Shape",
    "Tabulated",
    "Template",
    "coefficients",
    "cross_section",
    "electron_couplings",
    "element",
    "photoabsorption",
    "reactor_flux",
    "recoil_spectrum",
    "solar_flux",
]

_HOME = {
    "Constant": "background",
    "Element": "targets",
    "Exponential": "background",
    "Flux": "flux",
    "Lines": "background",
    "PowerLaw": "background",
    "Response": "detector",
    "Shape": "background",
    "Tabulated": "background",
    "Template": "template",
    "coefficients": "electron",
    "cross_section": "electron",
    "electron_couplings": "couplings",
    "element": "targets",
    "photoabsorption": "photon",
    "reactor_flux": "flux",
    "recoil_spectrum": "fold",
    "solar_flux": "flux",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"nuem.models.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
