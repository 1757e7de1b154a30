"""A program that knows HEPData's YAML and nothing of nuem: tables of a folder as JSON.

``python hepdata_reader.py FOLDER`` prints name of a table -> name of a column -> values,
and checks what the tables say of each other.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import yaml


def read(folder: Path) -> dict[str, dict[str, list]]:
    """Return all tables, ranges as pairs."""
    with (folder / "submission.yaml").open() as file:
        _, *entries = yaml.load_all(file, yaml.CSafeLoader)
    tables = {}
    for entry in entries:
        with (folder / entry["data_file"]).open() as file:
            data = yaml.load(file, yaml.CSafeLoader)
        tables[entry["name"]] = {
            column["header"]["name"]: [
                v["value"] if "value" in v else [v["low"], v["high"]]
                for v in column["values"]
            ]
            for column in data["independent_variables"] + data["dependent_variables"]
        }
    return tables


def check(tables: dict[str, dict[str, list]]) -> None:
    """Components add up, correlations are symmetric, the template is the signal."""
    for name, table in tables.items():
        if name.startswith("Post-fit"):
            parts = [np.array(v) for k, v in table.items()
                     if k not in ("measured energy", "events", "total")]  # fmt: skip
            np.testing.assert_allclose(
                np.sum(parts, axis=0), table["total"], rtol=1e-12
            )
    flat = np.array(tables["Correlations at the best fit"]["correlation"])
    matrix = flat.reshape(2 * [round(flat.size**0.5)])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    # counts for kg, day and e^2 times exposure and (1e-12 e)^2: the nominal signal
    where = tables["Live time and exposure"]
    exposure = dict(zip(where["channel"], where["exposure"], strict=True))
    (template,) = (k for k in tables if k.startswith("Template, on"))
    signal = np.array(tables[template]["c_2"]) * exposure["on"] * 1e-24
    counts = tables["Counts, on"]
    own = counts["nominal electron-millicharge-transition"]
    np.testing.assert_allclose(signal, own, rtol=1e-9)
    # the limit is where CLs falls below 1 - CL
    curve = tables["p-values, limit"]
    mu, cls = np.array(curve["parameter of interest"]), np.array(curve["CLs"])
    rows = tables["Limits on the parameter of interest"]
    assert rows["method"][0].startswith("cls")
    limit = rows["observed"][0]
    assert cls[mu < limit * (1 - 1e-9)].min() >= 0.1 - 1e-9
    assert cls[mu > limit * (1 + 1e-9)].max() <= 0.1 + 1e-9


if __name__ == "__main__":
    found = read(Path(sys.argv[1]))
    check(found)
    print(json.dumps(found))
