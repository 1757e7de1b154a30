"""The examples of all docstrings, run from the modules as they are installed.

pytest's own `--doctest-modules` would import `analysis/...` by path, as a module
other than `nuem.analysis...`; so the modules are found by name here.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = ("nuem.analysis", "nuem.inputs", "nuem.models", "nuem.plots")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_names() -> Iterator[str]:
    """Yield the names of all modules of nuem."""
    for package in PACKAGES:
        yield package
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            if not module.name.endswith(".__main__"):
                yield module.name


def examples(module: ModuleType) -> list[doctest.DocTest]:
    """Return the doctests of a module, those of compiled functions included."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module)
    for name, value in vars(module).items():
        function = getattr(value, "py_func", None)
        if function is not None and function.__module__ == module.__name__:
            found += finder.find(
                function, f"{module.__name__}.{name}", globs=dict(vars(module))
            )
    return [test for test in found if test.examples]


def run(module: ModuleType) -> tuple[int, str]:
    """Return how many examples failed, and what they printed."""
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for test in examples(module):
        runner.run(test, out=output.append)
    return runner.summarize(verbose=False).failed, "".join(output)


@pytest.mark.parametrize("name", list(module_names()))
def test_examples_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed, output = run(importlib.import_module(name))
    if failed:
        pytest.fail(f"{failed} wrong examples in {name}\n{output}", pytrace=False)


def test_a_wrong_example_is_found() -> None:
    module = ModuleType("wrong", ">>> 1 + 1\n3")
    assert run(module)[0] == 1


def test_the_example_of_a_compiled_function_is_found() -> None:
    def inner() -> None:
        """Do nothing.

        >>> 1 + 1
        3
        """

    module = ModuleType("compiled")
    inner.__module__ = "compiled"
    dispatcher = type("Dispatcher", (), {"py_func": staticmethod(inner)})()
    module.inner = dispatcher  # type: ignore[attr-defined]
    assert run(module)[0] == 1
