"""Figures of the literature: that they are drawn, with the curves they name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nuem.analysis import figures_literature as literature
from nuem.analysis.cli.main import cli
from nuem.inputs.errors import InputError
from nuem.models.constants import ALPHA, FERMI_KEV
from nuem.models.flux import solar_flux
from nuem.models.fold import recoil_spectrum
from nuem.models.isotopes import target


@pytest.mark.parametrize(
    ("name", "curves"),
    [
        ("chen_2014_cross_sections", 3),
        ("chen_2014_rates", 6),
        ("nugen_2025_cross_sections", 6),
        ("parada_2020_electrons", 5),
        ("parada_2020_nuclei", 5),
        ("basi_2025_rates", 4),
        ("basi_2025_total_rates", 5),
        ("basi_2025_mixing_angle", 5),
    ],
)
def test_figures(name: str, curves: int) -> None:
    figure = getattr(literature, name)()
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    assert len(lines) == curves


@pytest.mark.parametrize("charge", [-1e-8, -1e-9, 0.0, 3e-10, 1e-9, 8e-9, 1e-7])
def test_angle_of_one_isotope(charge: float) -> None:
    """For one nucleus the angle is sin^2 - pi alpha q/(sqrt2 G_F M T), on both sides."""
    recoil = np.array([0.1, 0.5, 3.0])
    mass = target("Ge72").nuclei[0][0].mass_kev
    shift = np.pi * ALPHA * charge / (np.sqrt(2.0) * FERMI_KEV * mass * recoil)
    found = literature.effective_mixing_angle(recoil, charge, "Ge72")
    np.testing.assert_allclose(found, 0.23863 - shift, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("charge", [-1e-9, 1e-9])
def test_angle_of_natural_germanium(charge: float) -> None:
    """With the angle, the Standard Model has the rate that it has with the charge."""
    recoil, sun = np.array([0.3, 1.0, 4.0]), solar_flux()
    terms = recoil_spectrum("nucleus-millicharge", "Ge", sun, recoil, couplings="tree")
    whole = terms["1"] + charge * terms["q"] + charge**2 * terms["q^2"]
    angles = literature.effective_mixing_angle(recoil, charge)
    assert np.all((angles < 0.23863) == (charge > 0.0))
    for energy, angle, expected in zip(recoil, angles, whole, strict=True):
        found = recoil_spectrum(
            "nucleus-sm", "Ge", sun, energy, couplings="tree", sin2_theta_w=float(angle)
        )
        assert found["1"] == pytest.approx(expected, rel=1e-9)


def test_command(tmp_path: Path) -> None:
    name = "nugen-2025-figure-1"
    words = ["figures", name, "-o", str(tmp_path / "new"), "--json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    paths = [Path(path) for path in json.loads(done.stdout)["paths"]]
    assert [path.name for path in paths] == [f"{name}.pdf", f"{name}.png"]
    assert all(path.stat().st_size > 1000 for path in paths)


def test_command_with_a_wrong_name(tmp_path: Path) -> None:
    words = ["figures", "nugen-2025-figure-1", "figure-9", "-o", str(tmp_path)]
    done = CliRunner().invoke(cli, words)
    assert isinstance(done.exception, InputError)
    assert "figure-9" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_figure() -> None:
    shown = CliRunner().invoke(cli, ["figures", "--help"]).stdout
    for name in literature.FIGURES:
        assert name in shown
