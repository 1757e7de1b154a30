"""The arrows between the rooms, and the list of what is packaged.

The import statements of all files are read from the source, wherever they stand:
inside a function, under `if TYPE_CHECKING`, or as `import_module("...")`.
"""

from __future__ import annotations

import ast
import graphlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("analysis", "inputs", "models", "plots")

#: What a part of the package may reach, itself included. Everything else of nuem
#: is forbidden to it, through any number of files.
ALLOWED = {
    "nuem.inputs": ("nuem.inputs",),
    "nuem.models": ("nuem.models", "nuem.inputs"),
    "nuem.plots": ("nuem.plots", "nuem.inputs"),
}

#: Parts of `analysis` that stand above the others, and are reached by none of them.
ABOVE = (
    "nuem.analysis.cli",
    "nuem.analysis.pipeline",
    "nuem.analysis.reproduction",
    "nuem.analysis.simulate",
)

#: What a part of `analysis` may not reach, through any number of files.
FORBIDDEN = {
    "nuem.analysis.events": (
        "nuem.analysis.inference",
        "nuem.analysis.exchange",
        *ABOVE,
    ),
    "nuem.analysis.exchange": (
        "nuem.analysis.events",
        "nuem.analysis.inference",
        *ABOVE,
    ),
    "nuem.analysis.inference": (
        "nuem.analysis.events",
        "nuem.analysis.exchange",
        "nuem.models",
        "nuem.plots",
        *ABOVE,
    ),
    "nuem.analysis.simulate": ("nuem.analysis.cli",),
    "nuem.analysis.pipeline": ("nuem.analysis.cli",),
    "nuem.analysis.reproduction": ("nuem.analysis.cli",),
}


@dataclass(frozen=True)
class Tree:
    """Modules of nuem in a folder, what they import of nuem, and forbidden imports."""

    imports: dict[str, frozenset[str]]
    outside: tuple[str, ...]


def inside(name: str, part: str) -> bool:
    """Return whether a module is a part of the package or lies in it."""
    return name == part or name.startswith(f"{part}.")


def module_name(file: Path, root: Path) -> str:
    """Return the name that a file of the repository is imported by."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(("nuem", *(p for p in parts if p != "__init__")))


def imported(node: ast.AST, package: str) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name in it or None) for a node that imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, None
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *([base] if base else [])])
        for alias in node.names:
            yield base, alias.name
    elif isinstance(node, ast.Call) and node.args:
        called = node.func
        name = (
            called.attr
            if isinstance(called, ast.Attribute)
            else getattr(called, "id", "")
        )
        first = node.args[0]
        if (
            name in {"import_module", "__import__"}
            and isinstance(first, ast.Constant)
            and isinstance(first.value, str)
        ):
            dots = len(first.value) - len(first.value.lstrip("."))
            above = package.split(".")[: len(package.split(".")) - dots + 1]
            rest = first.value.lstrip(".")
            yield ".".join([*above, rest]) if dots else rest, None


def read(root: Path) -> Tree:
    """Read the imports of all files in the four rooms of a repository."""
    files = {
        module_name(file, root): file
        for room in ROOMS
        for file in sorted((root / room).rglob("*.py"))
    }
    imports: dict[str, frozenset[str]] = {}
    outside: list[str] = []
    for module, file in files.items():
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        reached = set()
        for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
            for base, name in imported(node, package):
                if base.split(".")[0] in ROOMS:
                    outside.append(f"{module} imports {base}: it is nuem.{base}")
                if not inside(base, "nuem"):
                    continue
                target = f"{base}.{name}" if f"{base}.{name}" in files else base
                if target == "nuem" and name is not None:
                    target = f"nuem.{name}"
                if target not in files:
                    outside.append(f"{module} imports {target}: there is no such file")
                elif target != module:
                    reached.add(target)
        imports[module] = frozenset(reached)
    return Tree(imports, tuple(outside))


def paths(tree: Tree, start: str) -> dict[str, tuple[str, ...]]:
    """Return every module that one reaches, with the shortest way to it."""
    ways = {start: (start,)}
    queue = [start]
    for module in queue:
        for target in sorted(tree.imports[module]):
            if target not in ways:
                ways[target] = (*ways[module], target)
                queue.append(target)
    return ways


def wrong_arrows(tree: Tree) -> list[str]:
    """Return the ways by which a module reaches what it may not."""
    found = []
    for module in tree.imports:
        allowed = [part for part in ALLOWED if inside(module, part)]
        forbidden = [part for part in FORBIDDEN if inside(module, part)]
        for target, way in paths(tree, module).items():
            bad = any(
                not any(inside(target, room) for room in ALLOWED[part])
                for part in allowed
            ) or any(inside(target, f) for part in forbidden for f in FORBIDDEN[part])
            if bad:
                found.append(" -> ".join(way))
        # `cli` is imported by nobody, whatever stands above or below.
        if not inside(module, "nuem.analysis.cli"):
            found += [
                f"{module} -> {target}"
                for target in sorted(tree.imports[module])
                if inside(target, "nuem.analysis.cli")
                and f"{module} -> {target}" not in found
            ]
    return found


def circle(tree: Tree) -> tuple[str, ...]:
    """Return one circle of imports, or nothing."""
    try:
        graphlib.TopologicalSorter(tree.imports).prepare()
    except graphlib.CycleError as error:
        return tuple(error.args[1])
    return ()


def packaging_faults(root: Path) -> list[str]:
    """Compare what pyproject.toml says about the package with the folders."""
    with (root / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["setuptools"]
    listed = settings["packages"]
    folders = {
        module_name(init, root): init.parent
        for room in ROOMS
        for init in (root / room).rglob("__init__.py")
    }
    files = {
        file
        for room in ROOMS
        for file in (root / room).rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not file.name.startswith(".")
    }
    found = [f"listed, but no folder: {n}" for n in sorted(set(listed) - set(folders))]
    found += [f"a folder, not listed: {n}" for n in sorted(set(folders) - set(listed))]
    if listed != sorted(set(listed)):
        found.append("packages are not in order, or twice")
    if settings["package-dir"] != {f"nuem.{room}": room for room in ROOMS}:
        found.append("package-dir does not map the four rooms")
    found += [
        f"no py.typed: {name}"
        for name, folder in sorted(folders.items())
        if not (folder / "py.typed").is_file()
    ]
    packed = {
        file
        for name, folder in folders.items()
        for key in ("*", name)
        for pattern in settings["package-data"].get(key, ())
        for file in folder.glob(pattern)
    }
    for file in sorted(files):
        name = file.relative_to(root).as_posix()
        if file.suffix == ".py":
            if file.parent not in folders.values():
                found.append(f"no __init__.py beside it: {name}")
        elif file not in packed:
            found.append(f"not in package-data: {name}")
    return found


@pytest.fixture(scope="module")
def tree() -> Tree:
    """Return the imports of this repository."""
    return read(ROOT)


def test_the_files_are_found(tree: Tree) -> None:
    assert {f"nuem.{room}" for room in ROOMS} <= set(tree.imports)
    assert tree.imports["nuem.inputs.errors"] == frozenset()


def test_arrows(tree: Tree) -> None:
    assert wrong_arrows(tree) == []


def test_no_circles(tree: Tree) -> None:
    assert circle(tree) == ()


def test_imports_go_through_the_namespace_to_files_that_exist(tree: Tree) -> None:
    assert tree.outside == ()


def test_packages_are_the_folders() -> None:
    assert packaging_faults(ROOT) == []


# The rules have to be able to fail: a small sound repository, and its damages.

SOUND = {
    "inputs/errors.py": "import math",
    "inputs/schema.py": "from nuem.inputs.errors import E",
    "models/flux/reactor.py": "from nuem.inputs import errors",
    "models/template.py": "from .flux import reactor",
    "plots/style.py": "from nuem.inputs import errors",
    "analysis/common.py": "import numpy",
    "analysis/events/fill.py": "from nuem.inputs.schema import S",
    "analysis/inference/limits.py": "from nuem.analysis import common",
    "analysis/exchange/workspace.py": "import nuem.models.template",
    "analysis/simulate.py": "from nuem.analysis.events import fill",
    "analysis/pipeline.py": "from nuem.analysis import inference, simulate",
    "analysis/reproduction/one.py": "from nuem.analysis.pipeline import run",
    "analysis/cli/main.py": "from nuem.analysis import pipeline\nimport nuem.plots",
}
FOLDERS = (
    "analysis",
    "analysis/cli",
    "analysis/events",
    "analysis/exchange",
    "analysis/inference",
    "analysis/reproduction",
    "inputs",
    "models",
    "models/flux",
    "plots",
)


def plant(root: Path, changes: dict[str, str] | None = None) -> Path:
    """Write the sound repository with some files changed."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").touch()
        (root / folder / "py.typed").touch()
    (root / "inputs" / "experiments").mkdir()
    (root / "inputs" / "experiments" / "a.yaml").touch()
    for name, text in {**SOUND, **(changes or {})}.items():
        (root / name).write_text(text, encoding="utf-8")
    packages = [f"nuem.{folder.replace('/', '.')}" for folder in FOLDERS]
    mapped = "\n".join(f'"nuem.{room}" = "{room}"' for room in ROOMS)
    (root / "pyproject.toml").write_text(
        f"[tool.setuptools]\npackages = {packages}\n"
        f"[tool.setuptools.package-dir]\n{mapped}\n"
        '[tool.setuptools.package-data]\n"*" = ["py.typed"]\n'
        '"nuem.inputs" = ["**/*.yaml"]\n',
        encoding="utf-8",
    )
    return root


def test_the_sound_repository_has_no_fault(tmp_path: Path) -> None:
    root = plant(tmp_path)
    tree = read(root)
    assert tree.imports["nuem.models.template"] == {"nuem.models.flux.reactor"}
    assert wrong_arrows(tree) == []
    assert circle(tree) == ()
    assert tree.outside == ()
    assert packaging_faults(root) == []


@pytest.mark.parametrize(
    ("file", "text", "way"),
    [
        ("inputs/errors.py", "import nuem.models", ["inputs.errors", "models"]),
        ("models/flux/reactor.py", "from nuem import plots", ["models.flux.reactor", "plots"]),
        ("models/template.py", "from nuem.analysis import common", ["models.template", "analysis.common"]),
        ("plots/style.py", "from nuem.models.template import T", ["plots.style", "models.template"]),
        ("analysis/events/fill.py", "from ..exchange import workspace", ["analysis.events.fill", "analysis.exchange.workspace"]),
        ("analysis/events/fill.py", "from nuem.analysis import inference", ["analysis.events.fill", "analysis.inference"]),
        ("analysis/exchange/workspace.py", "from nuem.analysis.events.fill import f", ["analysis.exchange.workspace", "analysis.events.fill"]),
        ("analysis/inference/limits.py", "def f():\n    import nuem.models.template", ["analysis.inference.limits", "models.template"]),
        ("analysis/inference/limits.py", "if TYPE_CHECKING:\n    from nuem.analysis.events import fill", ["analysis.inference.limits", "analysis.events.fill"]),
        ("analysis/inference/limits.py", "import_module('nuem.models')", ["analysis.inference.limits", "models"]),
        ("analysis/inference/limits.py", "importlib.import_module('..exchange', __package__)", ["analysis.inference.limits", "analysis.exchange"]),
        ("analysis/common.py", "import nuem.models", ["analysis.inference.limits", "analysis.common", "models"]),
        ("analysis/events/fill.py", "from nuem.analysis import simulate", ["analysis.events.fill", "analysis.simulate"]),
        ("analysis/exchange/workspace.py", "from nuem.analysis import reproduction", ["analysis.exchange.workspace", "analysis.reproduction"]),
        ("analysis/inference/limits.py", "from nuem.analysis.pipeline import run", ["analysis.inference.limits", "analysis.pipeline"]),
        ("analysis/reproduction/one.py", "from nuem.analysis.cli.main import main", ["analysis.reproduction.one", "analysis.cli.main"]),
        ("analysis/common.py", "import nuem.analysis.cli", ["analysis.common", "analysis.cli"]),
    ],
)  # fmt: skip
def test_a_wrong_arrow_is_found(
    file: str, text: str, way: list[str], tmp_path: Path
) -> None:
    tree = read(plant(tmp_path, {file: text}))
    assert " -> ".join(f"nuem.{step}" for step in way) in wrong_arrows(tree)


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs/errors.py": "def f():\n    from nuem.inputs import schema"},
        {"inputs/errors.py": "if TYPE_CHECKING:\n    from .schema import S"},
        {
            "inputs/__init__.py": "from nuem.inputs.schema import S",
            "inputs/errors.py": "from nuem.inputs import S",
        },
    ],
)
def test_a_circle_is_found(changes: dict[str, str], tmp_path: Path) -> None:
    found = circle(read(plant(tmp_path, changes)))
    assert {"nuem.inputs.errors", "nuem.inputs.schema"} <= set(found)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("import models.template", "nuem.inputs.errors imports models.template: it is nuem.models.template"),
        ("from plots import style", "nuem.inputs.errors imports plots: it is nuem.plots"),
        ("def f():\n    import analysis", "nuem.inputs.errors imports analysis: it is nuem.analysis"),
        ("import nuem.inputs.gone", "nuem.inputs.errors imports nuem.inputs.gone: there is no such file"),
    ],
)  # fmt: skip
def test_an_import_past_the_namespace_is_found(
    text: str, fault: str, tmp_path: Path
) -> None:
    assert read(plant(tmp_path, {"inputs/errors.py": text})).outside == (fault,)


def test_faults_of_packaging_are_found(tmp_path: Path) -> None:
    root = plant(tmp_path)
    (root / "plots" / "py.typed").unlink()
    (root / "models" / "atomic").mkdir()
    (root / "models" / "atomic" / "scf.py").touch()
    (root / "models" / "new").mkdir()
    (root / "models" / "new" / "__init__.py").touch()
    (root / "models" / "new" / "py.typed").touch()
    (root / "models" / "table.npz").touch()
    (root / "analysis" / "cli" / "__init__.py").unlink()
    (root / "analysis" / "cli" / "main.py").unlink()
    assert packaging_faults(root) == [
        "listed, but no folder: nuem.analysis.cli",
        "a folder, not listed: nuem.models.new",
        "no py.typed: nuem.plots",
        "not in package-data: analysis/cli/py.typed",
        "no __init__.py beside it: models/atomic/scf.py",
        "not in package-data: models/table.npz",
    ]
