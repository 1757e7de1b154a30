#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2025.10.14"]
# ///
"""The checks of nuem, each in an environment of its own: `nox -l` lists them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
OLDEST = PYTHONS[0]


def _pinned(name: str) -> str:
    """Return the requirement of a tool as the extra `dev` has it."""
    dev = PROJECT["project"]["optional-dependencies"]["dev"]
    return next(line for line in dev if line.startswith(name))


@nox.session
def lint(session: nox.Session) -> None:
    """Rules, format, spelling and the packaging guide's list."""
    session.install(_pinned("ruff"), _pinned("codespell"), _pinned("sp-repo-review"))
    session.run("ruff", "check", "--show-fixes", *session.posargs)
    session.run("ruff", "format", "--check", "--diff")
    session.run("codespell")
    session.run("sp-repo-review", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict mypy on a plain installation, where the namespace is visible."""
    stubs = [_pinned("scipy-stubs"), _pinned("types-PyYAML")]
    session.install("--reinstall-package=nuem" if _is_uv(session) else "--upgrade", ".")
    session.install(_pinned("mypy"), *stubs)
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Test suite on each supported Python that is installed."""
    session.install("-e.[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=OLDEST, venv_backend="uv")
def minimums(session: nox.Session) -> None:
    """Test suite with the lower bounds of every dependency."""
    session.install("--resolution=lowest-direct", "-e.[test]")
    session.run("uv", "pip", "list", external=True)
    session.run("pytest", *session.posargs)


@nox.session
def figures(session: nox.Session) -> None:
    """Each figure against its reference image."""
    session.install("-e.[test]")
    session.run("pytest", "--mpl", "tests/plots", *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Test suite with a report of the lines that no test reaches."""
    session.install("-e.[test]", "pytest-cov>=6")
    session.run("pytest", "--cov", "--cov-report=term-missing", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Documentation, warnings are errors; `-- serve` shows it."""
    session.install("-e.[docs]")
    args = ["-T", "-W", "--keep-going"]
    if "serve" in session.posargs:
        session.install("sphinx-autobuild")
        session.run("sphinx-autobuild", "docs", "docs/_build/html")
    else:
        session.run("sphinx-build", *args, "-b", "html", "docs", "docs/_build/html")


@nox.session(default=False)
def oracles(session: nox.Session) -> None:
    """Slow comparisons with independent implementations, ROOT and pyhs3 among them."""
    session.install("-e.[test,pyhs3,root]")
    session.run("pytest", "-m", "oracle", *session.posargs)


@nox.session(default=False)
def benchmarks(session: nox.Session) -> None:
    """Measurements of speed; NUEM_BENCHMARK_EVENTS=1e8 for those of large files.

    pyhf and ROOT stand beside nuem; NUEM_ROOT_PYTHON names another Python with ROOT.
    """
    session.install("-e.[peers,root,test]")
    session.run("pytest", "-m", "benchmark", *(session.posargs or ["-s"]))


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Sdist, and the wheel from it; checks that every file of the package is in."""
    session.install(_pinned("build"))
    target = Path(session.create_tmp()) / "dist"
    shutil.rmtree(target, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", os.fspath(target))
    wheel = next(target.glob("*.whl"))
    session.run("python", ".ci/check_wheel.py", os.fspath(wheel))
    session.log(f"sdist and wheel are in {target}")


def _is_uv(session: nox.Session) -> bool:
    return session.venv_backend == "uv"


if __name__ == "__main__":
    nox.main()
