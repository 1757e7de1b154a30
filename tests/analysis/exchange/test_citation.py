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
            "versions": dict.fromkeys(("nuem", "pyhf", "numpy", "scipy", "numba", "uproot", "awkward", "hist", "boost-histogram", "iminuit", "matplotlib", "mplhep", "xraydb", "periodictable"), "1.0"),
            "configuration": {"file": file},
            "inputs": [{"file": "events.root"}],
        },
        **limit,
    }  # fmt: skip


def keys(document: Any) -> set[str]:
    return {r.key for r in references(document)}


def test_the_data_the_method_and_the_packages() -> None:
    found = keys(result("texono-pcge", PHOTONS))
    assert {"nuem", "Chen:2014dsa", "Heinrich:2021gyp", "Read:2002hq", "Cowan:2010js",
            "Huber:2011wv", "Henke:1993eda", "uproot", "awkward", "hist", "boosthistogram",
            "Harris:2020xlr", "Virtanen:2019joe", "Lam:2015numba", "iminuit", "James:1975dr",
            "xraydb", "periodictable"} <= found  # fmt: skip
    assert not found & {
        "Feldman:1997qc", "Vinyoles:2016djt", "Helm:1956zz", "Johnson:1979", "mplhep",
    }  # fmt: skip
    assert "Johnson:1979" in keys(result("texono-pcge"))
    drawn = {**result("texono-pcge"), "paths": {"figures/spectra.png": "spectra.png"}}
    assert {"mplhep", "Hunter:2007"} <= keys(drawn)
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


def test_one_publication_of_two_data_sets_is_cited_once() -> None:
    document = result("texono-pcge")
    other = load_experiment("gemma").model_dump(mode="json")
    document["provenance"]["configuration"]["experiments"] = {"b": other}
    (entry,) = (r for r in references(document) if r.key == "Chen:2014dsa")
    assert entry.why == "data: texono-pcge, gemma"


def test_packages_that_a_result_did_not_use_are_not_cited() -> None:
    """A limit from the workspace of another group: no events, no prediction, no figure."""
    document = result("texono-pcge")
    document["provenance"] |= {"configuration": {"stage": "limit"}, "inputs": [{"file": "w.json"}]}  # fmt: skip
    assert keys(document) == {
        "nuem", "Heinrich:2021gyp", "Cranmer:2012sba", "Read:2002hq", "Cowan:2010js",
        "Harris:2020xlr", "Virtanen:2019joe", "Lam:2015numba",
    }  # fmt: skip
    assert "iminuit" in keys({**document, "engine": "pyhf"})


def test_addresses_are_well_formed() -> None:
    known = _known()
    assert len({e["key"] for e in known}) == len(known)
    dois = [e["doi"] for e in known if "doi" in e]
    assert len(set(dois)) == len(dois)
    for doi in dois:
        assert re.fullmatch(r"10\.\d{4,9}/[^\s{}]+", doi)
        year = next(e.get("year") for e in known if e.get("doi") == doi)
        assert year is None or 1950 < year < 2030
    for entry in known:
        assert entry.get("url", "https://").startswith("https://")
        # of the Physical Review the DOI is journal, volume and page
        series = re.fullmatch(r"Phys\. Rev\.(?: ([A-E]))?", entry.get("journal", ""))
        if series:
            page = str(entry["pages"]).partition("-")[0]
            expected = f"10.1103/PhysRev{series[1] or ''}.{entry['volume']}.{page}"
            assert entry["doi"] == expected


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
                "photoabsorption", "form-factor", "quenching", "engine", "method"}  # fmt: skip
    words = {"workspace", "equivalent-photons", "nuclei", "simplified", "events", "figures",
             "prediction", "inference", "background-fit"}  # fmt: skip
    for entry in _known():
        for condition in entry["when"]:
            for word in condition.split("|"):
                assert word in words or word.partition(":")[0] in prefixes
        assert entry["title"]
        assert {"doi", "number", "url"} & set(entry)
    assert {"source:reactor", "equivalent-photons", "photoabsorption:henke"} <= possible


def test_a_document_without_provenance(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing says"):
        references(json.loads("[]"))
    with pytest.raises(InputError, match="nothing says"):
        references({"observed": {}})
