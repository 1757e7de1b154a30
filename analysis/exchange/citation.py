"""What to cite for a result: its data, its methods and the packages it was made with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from nuem.inputs.errors import InputError
from nuem.inputs.yaml import read_yaml

__all__ = ["Reference", "bibtex", "facts", "references"]

#: Fields of an entry, in the order in which they are written.
_FIELDS = (
    "author", "title", "journal", "booktitle", "institution", "number", "volume", "pages",
    "year", "version", "doi", "eprint", "note", "url",
)  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """An entry of BibTeX.

    Attributes
    ----------
    key, kind : str
        ``article``, ``software``, ...
    fields : dict
    why : str
        What of the result it stands for.
    """

    key: str
    kind: str
    fields: Mapping[str, str]
    why: str

    def __str__(self) -> str:
        """The entry, with a comment of what it is for."""
        lines = [f"% {self.why}", f"@{self.kind}{{{self.key},"]
        lines += [
            f"  {name} = {{{_escaped(name, self.fields[name])}}},"
            for name in _FIELDS
            if name in self.fields
        ]
        return "\n".join([*lines, "}"])


def _escaped(name: str, text: str) -> str:
    return text if name in {"doi", "url"} else re.sub(r"(?<!\\)([&%#_])", r"\\\1", text)


@dataclass
class _Found:
    facts: set[str] = field(default_factory=set)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def facts(result: Any) -> set[str]:
    """Words that say what made a result: ``limit:cls``, ``package:pyhf``, ...

    Parameters
    ----------
    result : mapping
        Any JSON document of nuem with a provenance.

    Examples
    --------
    >>> sorted(facts({"method": "cls", "calibration": "asymptotic", "observed": {},
    ...               "provenance": {"versions": {"numpy": "2"}, "configuration": {}}}))
    ['calibration:asymptotic', 'inference', 'limit:cls', 'package:numpy', 'workspace']
    """
    return _search(result).facts


def _search(result: Any) -> _Found:
    found = _Found()
    if not isinstance(result, Mapping) or "provenance" not in result:
        raise InputError(
            "nothing says what made this result", field="provenance",
            expected="a JSON document of nuem (limit.json, workspace.meta.json, ...)",
        )  # fmt: skip
    if "observed" in result and "method" in result:
        limit = "cls" if result["method"] in {"cls", "toys"} else result["method"]
        found.facts |= {"workspace", "inference", f"limit:{limit}"}
        calibration = str(result.get("calibration", "")).partition(" ")[0]
        found.facts.add(f"calibration:{calibration}")
        if result.get("engine"):
            found.facts.add(f"engine:{result['engine']}")
        if result["method"] == "profile":
            found.facts.add("calibration:asymptotic")
        found.facts.discard("engine:nuem")
    if "twice_nll" in result:
        found.facts |= {"workspace", "inference"}
    if str(result.get("schema", "")).startswith("nuem-workspace"):
        found.facts.add("workspace")
    if result.get("format") == "simplified":
        found.facts |= {"inference", "simplified"}
    if any(str(name).startswith("figures/") for name in result.get("paths") or ()):
        found.facts.add("figures")
    definition = result.get("definition")
    if isinstance(definition, Mapping):
        for process in definition.get("processes") or []:
            found.facts |= _process(str(process))
    for mapping in _walk(result["provenance"]):
        _look(mapping, found)
    return found


def _walk(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for own in value.values():
            yield from _walk(own)
    elif isinstance(value, list):
        for own in value:
            yield from _walk(own)


def _look(mapping: Mapping[str, Any], found: _Found) -> None:
    versions = mapping.get("versions")
    if isinstance(versions, Mapping):
        for name, version in versions.items():
            found.versions.setdefault(str(name), str(version))
            found.facts.add(f"package:{name}")
        found.facts.discard("package:python")
    document = mapping.get("document")
    if isinstance(document, Mapping) and "citation" in document:
        found.documents[str(mapping.get("name", "data"))] = document
    if any(str(mapping.get(key, "")).endswith(".root") for key in ("file", "events")):
        found.facts.add("events")
    fitted = [b for b in mapping.get("backgrounds") or () if isinstance(b, Mapping)]
    if any((b.get("shape") or {}).get("kind") != "free-per-bin" for b in fitted):
        found.facts.add("background-fit")
    if "process" in mapping and "photoabsorption" in mapping:
        found.facts |= {"prediction", f"method:{mapping.get('method')}"}
        found.facts |= _process(str(mapping["process"]))
        if str(mapping.get("method")).startswith("epa"):
            found.facts.add("equivalent-photons")
        found.facts.add(f"photoabsorption:{mapping['photoabsorption']}")
        found.facts.add(f"form-factor:{mapping.get('form_factor')}")
        found.facts.add(f"convention:{mapping.get('convention')}")
    if "weights" in mapping and "kind" in mapping:
        found.facts.add(f"source:{mapping['kind']}")
        if "conversion" in mapping:
            found.facts.add(f"conversion:{mapping['conversion']}")
    quenching = mapping.get("quenching")
    if isinstance(quenching, Mapping) and "kind" in quenching:
        found.facts.add(f"quenching:{quenching['kind']}")


def _process(process: str) -> set[str]:
    made = {f"process:{process}"}
    return made | {"nuclei"} if process.startswith("nucleus") else made


def references(result: Any) -> list[Reference]:
    """What to cite for a result.

    Parameters
    ----------
    result : mapping
        Any JSON document of nuem with a provenance.

    Returns
    -------
    list of Reference
        nuem, the data, then methods and packages.

    Raises
    ------
    InputError
        If the document has no provenance.

    Examples
    --------
    >>> made = {"provenance": {"versions": {"nuem": "0.1.0"}, "configuration": {
    ...     "file": {"name": "x", "document": {"citation": "A. Author, J. Phys. 1 (2020) 2",
    ...                                        "doi": "10.1/2"}}}}}
    >>> print(references(made)[1])
    % data: x
    @misc{x,
      doi = {10.1/2},
      note = {A. Author, J. Phys. 1 (2020) 2},
    }
    """
    found = _search(result)
    entries = [
        Reference(
            "nuem", "software",
            {
                "author": "{The nuem developers}",
                "title": "nuem: from detector events to limits on the electromagnetic "
                "couplings of neutrinos",
                "version": found.versions.get("nuem", "unknown"),
            },
            "this analysis",
        )
    ]  # fmt: skip
    known = _known()
    shipped = {entry["doi"]: entry for entry in known if "doi" in entry}
    held: dict[str, list[str]] = {}
    for name, document in found.documents.items():
        if document.get("doi"):
            held.setdefault(str(document["doi"]), []).append(name)
    for name, document in found.documents.items():
        names = held.get(str(document.get("doi")), [name])
        if name != names[0]:  # one publication, cited once
            continue
        data = f"data: {', '.join(names)}"
        entry = shipped.get(document.get("doi"))
        if entry is not None:
            entries.append(_reference(entry, data, found))
            continue
        fields = {"note": str(document["citation"])}
        if document.get("doi"):
            fields["doi"] = str(document["doi"])
        if document.get("arxiv"):
            fields["eprint"] = str(document["arxiv"])
        entries.append(Reference(_key(name), "misc", fields, data))
    cited = {e.key for e in entries}
    return entries + [
        _reference(entry, ", ".join(entry["when"]), found)
        for entry in known
        if all(_holds(word, found.facts) for word in entry["when"])
        and entry["key"] not in cited
    ]


def _holds(word: str, there: set[str]) -> bool:
    return any(one in there for one in word.split("|"))


def _key(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9:_.-]", "-", name)


def _known() -> list[dict[str, Any]]:
    path = resources.files("nuem.inputs") / "tables" / "references.yaml"
    document = read_yaml(Path(str(path)))
    assert isinstance(document, list)
    return document


def _reference(entry: Mapping[str, Any], why: str, found: _Found) -> Reference:
    fields = {k: str(v) for k, v in entry.items() if k in _FIELDS}
    if entry["kind"] == "software":
        (package,) = [w[8:] for w in entry["when"] if w.startswith("package:")]
        fields["version"] = found.versions.get(package, "unknown")
    return Reference(entry["key"], entry["kind"], fields, why)


def bibtex(result: Any) -> str:
    """BibTeX of what to cite for a result.

    Raises
    ------
    InputError
        If the document has no provenance.
    """
    return "\n\n".join(map(str, references(result))) + "\n"
