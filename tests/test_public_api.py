"""The public interface is what `tests/public_api.txt` lists, and nothing else.

After a deliberate change: `python tests/test_public_api.py --update`.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile, zip_longest
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = ("nuem.analysis", "nuem.inputs", "nuem.models", "nuem.plots")
LISTING = Path(__file__).with_name("public_api.txt")
RENEW = "if this is meant, run `python tests/test_public_api.py --update`"


def module_names() -> Iterator[str]:
    """Yield the names of all public modules of nuem."""
    for package in PACKAGES:
        yield package
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            if not any(part.startswith("_") for part in module.name.split(".")):
                yield module.name


def public_names() -> list[str]:
    """Return `module.name` for everything that a module of nuem exports."""
    return sorted(
        f"{module}.{name}"
        for module in module_names()
        for name in getattr(importlib.import_module(module), "__all__", [])
    )


def undocumented_data(source: str) -> set[str]:
    """Return the names that a source assigns at its top level and does not explain.

    An explanation is a `#:` comment on its lines or above them, with no empty line
    between, or a string after it.
    """
    lines = source.splitlines()
    missing = set()
    body = ast.parse(source).body
    for node, after in zip_longest(body, body[1:]):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        above = takewhile(str.strip, reversed(lines[: node.lineno - 1]))
        own = lines[node.lineno - 1 : node.end_lineno]
        comment = any("#:" in line for line in (*above, *own))
        text = (
            isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        )
        if not (comment or text):
            missing |= names
    return missing


def docstring(value: object) -> str | None:
    """Return the docstring of an object itself, not one that it inherits."""
    if not inspect.isclass(value):
        # A command of click keeps its text in `help`, a compiled function its own.
        text = getattr(value, "help", None) or getattr(value, "__doc__", None)
        return None if text == type(value).__doc__ else text
    text = vars(value).get("__doc__")
    if text is None:
        return None
    made_by_dataclass = dataclasses.is_dataclass(value) and text.startswith(
        f"{value.__name__}("
    )
    made_by_enum = issubclass(value, enum.Enum) and text == enum.Enum.__doc__
    return None if made_by_dataclass or made_by_enum else text


def faults(module: ModuleType) -> list[str]:
    """Return what is wrong with the interface that a module declares."""
    found = [] if (module.__doc__ or "").strip() else ["no docstring"]
    exported = getattr(module, "__all__", None)
    if exported is None:
        own = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and (inspect.isclass(value) or inspect.isroutine(value))
            and value.__module__ == module.__name__
        ]
        return [*found, f"no __all__, but defines {', '.join(own)}"] if own else found
    if len(exported) != len(set(exported)):
        found.append("__all__ names something twice")
    bare = undocumented_data(inspect.getsource(module))
    for name in exported:
        if not hasattr(module, name):
            found.append(f"{name} is in __all__ and does not exist")
            continue
        value = getattr(module, name)
        # Aliases of types can be called; they are data, as constants are.
        alias = type(value).__module__ in {"types", "typing"} and not (
            inspect.isroutine(value) or inspect.ismodule(value)
        )
        if not alias and (callable(value) or inspect.ismodule(value)):
            if not (docstring(value) or "").strip():
                found.append(f"{name} has no docstring")
        elif name in bare:
            found.append(f"{name} has no `#:` comment that says what it is")
    return found


@pytest.mark.parametrize("name", list(module_names()))
def test_everything_public_exists_and_is_documented(name: str) -> None:
    assert faults(importlib.import_module(name)) == []


def test_the_public_interface_is_the_one_that_is_listed() -> None:
    listed = LISTING.read_text(encoding="utf-8").splitlines()
    found = public_names()
    new = sorted(set(found) - set(listed))
    gone = sorted(set(listed) - set(found))
    assert not new, f"new public names; {RENEW}"
    assert not gone, f"public names are gone; {RENEW}"
    assert listed == found, f"the list is not in order; {RENEW}"


FAULTY = {
    "f is in __all__ and does not exist": """
__all__ = ["f"]
""",
    "f has no docstring": """
__all__ = ["f"]
def f(): ...
""",
    "no __all__, but defines f": """
def f():
    'Doc.'
""",
    "X has no `#:` comment that says what it is": """
__all__ = ["X"]
X = 1
""",
    "T has no `#:` comment that says what it is": """
from typing import Literal
__all__ = ["T"]
T = Literal["a"]
""",
    "A has no docstring": """
from dataclasses import dataclass
__all__ = ["A"]
@dataclass
class A:
    x: int
""",
    "E has no docstring": """
import enum
__all__ = ["E"]
class E(enum.StrEnum):
    A = "a"
""",
    "__all__ names something twice": """
__all__ = ["f", "f"]
def f():
    'Doc.'
""",
}
SOUND = """
__all__ = ["X", "Y", "Z", "f"]

#: What it is, and the next one.
X = 1
Y = 2

Z = list[int]  #: Explained.
W = Z
def f():
    'Doc.'
"""


@pytest.fixture
def load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that makes a module of a text."""

    def make(text: str) -> ModuleType:
        (tmp_path / "sample_of_api.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module("sample_of_api")

    yield make
    sys.modules.pop("sample_of_api", None)


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_is_found(fault: str, load: Callable[[str], ModuleType]) -> None:
    assert faults(load(f'"""Doc."""\n{FAULTY[fault]}')) == [fault]


def test_a_module_without_docstring_is_found(
    load: Callable[[str], ModuleType],
) -> None:
    assert faults(load(SOUND)) == ["no docstring"]


def test_documented_names_have_no_fault(load: Callable[[str], ModuleType]) -> None:
    assert faults(load(f'"""Doc."""\n{SOUND}')) == []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", required=True)
    parser.parse_args()
    LISTING.write_text("".join(f"{n}\n" for n in public_names()), encoding="utf-8")
    print(f"{LISTING}: {len(LISTING.read_text(encoding='utf-8').split())} names")
