"""YAML as experiment files use it: the 1.2 core schema, and no key twice.

PyYAML reads YAML 1.1, where a period named ``on`` is the boolean true, ``1e-12``
is a string and the second of two equal keys wins silently.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from nuem.inputs.errors import InputError

__all__ = ["read_yaml", "scalar"]


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of the YAML 1.2 core schema."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# a table of its own: that of SafeLoader holds the words of YAML 1.1
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.inf$|^\.nan$",
        "-+.0123456789",
    ),
    ("null", r"^(?:~|null|)$", "~n"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first)
    )
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^$"), [""])


def read_yaml(path: Path) -> Any:
    """Read one YAML document.

    Parameters
    ----------
    path : Path
        A text file.

    Returns
    -------
    object
        Mappings, lists and scalars.

    Raises
    ------
    InputError
        If the file cannot be read or is not YAML, in one line with its place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text ({error})", file=path) from None
    return _parse(text, path)


def scalar(text: str) -> Any:
    """Read the right side of ``--set key=value``.

    Examples
    --------
    >>> scalar("1e-12"), scalar("on"), scalar("[1, 2]")
    (1e-12, 'on', [1, 2])
    """
    return _parse(text, "--set")


def _parse(text: str, file: object) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else None
        problem = error.problem or "not YAML"
        raise InputError(problem, file=file, field=place) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"not YAML ({error})", file=file) from None
