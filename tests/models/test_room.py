"""The room as a whole: cheap to import, names that exist, quadrature."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import nuem.models
from nuem.inputs.errors import InputError
from nuem.models.monomials import evaluate, powers, symbols
from nuem.models.quadrature import nodes, panels


def test_import_is_cheap() -> None:
    """No heavy library comes with the package or with its modules."""
    code = (
        "import sys, nuem.models, nuem.models.template, nuem.models.background;"
        "heavy = {'scipy', 'xraydb', 'periodictable', 'numba', 'yaml', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_public_names_exist() -> None:
    for name in nuem.models.__all__:
        assert getattr(nuem.models, name) is not None
    assert set(nuem.models.__all__) <= set(dir(nuem.models))
    with pytest.raises(AttributeError, match="nothing"):
        nuem.models.nothing  # noqa: B018


def test_panels() -> None:
    points = np.array([0.5, 1.0, 2.0, 9.0])
    edges = panels(0.3, 5.0, points, ratio=1.3, width=np.full(4, 0.25))
    assert edges[0] == 0.3
    assert edges[-1] == 5.0
    assert np.all(np.diff(edges) > 0.0)
    assert np.max(edges[1:] / edges[:-1]) <= 1.3 * (1 + 1e-12)
    assert np.max(np.diff(edges)) <= 0.25 * (1 + 1e-12)
    for point in points[:3]:
        assert np.min(abs(edges - point)) < 1e-12


def test_nodes_integrate_polynomials() -> None:
    x, w = nodes(np.array([0.0, 0.7, 2.0]), 4)
    assert w @ x**7 == pytest.approx(2.0**8 / 8, rel=1e-12)


def test_monomials() -> None:
    assert powers("q_e q_mu") == {"q_e": 1, "q_mu": 1}
    assert powers("q q") == {"q": 2}
    assert symbols({"1": 0, "q_mu q_e": 0}) == ("q_e", "q_mu")
    terms = {"1": np.array([1.0]), "q_e q_mu": np.array([2.0])}
    assert evaluate(terms, {"q_e": 3.0, "q_mu": -1.0}) == pytest.approx([-5.0])
    for bad in ("", "2", "q^", "q^0", "q^-1", "q**2", "q ^2"):
        with pytest.raises(InputError, match="monomial"):
            powers(bad)
    with pytest.raises(InputError, match="q_e, q_mu"):
        evaluate(terms, 1.0)
    with pytest.raises(InputError, match="q_tau"):
        evaluate(terms, {"q_tau": 1.0})
    with pytest.raises(InputError):
        evaluate({}, None)
