"""What is cited follows from what made the result."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nuem.analysis.exchange.citation import _known, bibtex, facts, references
from nuem.inputs.catalogue import experiment_names, load_experiment
from nuem.inputs.errors import InputError

#: With equivalent photons in place of a calculation of the atom.
PHOTONS = ["signals.0.method=epa+stepped"]


def result(name: str, settings: Sequence[str] = (), **limit: Any) -> dict[str, Any]:
    file = load_experiment(name, settings).model_dump(mode="json")
    return {
        "observed": {}, "method": "cls", "calibration": "asymptotic", "engine": "nuem",
        "provenance": {
            "versions": {"nuem": "0.1.0", "pyhf": "0.7.6", "uproot": "5.7.7"},
            "configuration": {"file": file},
        },
        **limit,
    }  # fmt: skip


def keys(document: Any) -> set[str]:
    return {r.key for r in references(document)}


def test_the_data_the_method_and_the_packages() -> None:
    found = keys(result("texono-pcge", PHOTONS))
    assert {"nuem", "Chen:2014dsa", "Heinrich:2021gyp", "Read:2002hq", "Cowan:2010js",
            "Huber:2011wv", "Henke:1993eda", "uproot"} <= found  # fmt: skip
    assert not found & {"Feldman:1997qc", "Vinyoles:2016djt", "Helm:1956zz", "iminuit"}
    solar = keys(
        result("xenon1t-sr1", method="feldman-cousins", calibration="toys (x)")
    )
    assert {"Vinyoles:2016djt", "Feldman:1997qc", "xenon1t-sr1"} <= solar
    assert not solar & {"Read:2002hq", "Cowan:2010js", "Huber:2011wv"}


def test_a_combination_cites_the_data_of_all() -> None:
    document = result("texono-pcge")
    other = load_experiment("xenon1t-sr1").model_dump(mode="json")
    document["provenance"]["configuration"] = {
        "experiments": {
            "a": document["provenance"]["configuration"]["file"],
            "b": other,
        }
    }
    assert {"Chen:2014dsa", "xenon1t-sr1"} <= keys(document)


def test_the_entries_are_bibtex() -> None:
    for name in experiment_names():
        text = bibtex(result(name))
        entries = re.findall(
            r"^@(\w+)\{([^,]+),\n((?:  \w+ = \{.*\},\n)+)\}$", text, re.MULTILINE
        )
        assert len(entries) == text.count("@")
        assert len({key for _, key, _ in entries}) == len(entries)
        for _, _, fields in entries:
            assert fields.count("{") == fields.count("}")


def test_every_condition_is_a_fact_that_can_be() -> None:
    """A word that no result has would keep its entry from ever being cited."""
    possible = facts(result("texono-pcge", PHOTONS))
    for name in experiment_names():
        possible |= facts(result(name))
    prefixes = {"package", "limit", "calibration", "source", "conversion", "process",
                "photoabsorption", "form-factor", "quenching", "engine"}  # fmt: skip
    words = {"workspace", "equivalent-photons", "nuclei", "simplified"}
    for entry in _known():
        for word in entry["when"]:
            assert word in words or word.partition(":")[0] in prefixes
        assert entry["title"]
        assert "doi" in entry or "number" in entry
    assert {"source:reactor", "equivalent-photons", "photoabsorption:henke"} <= possible


def test_a_document_without_provenance(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing says"):
        references(json.loads("[]"))
    with pytest.raises(InputError, match="nothing says"):
        references({"observed": {}})
