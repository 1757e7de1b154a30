"""Bins that a mask leaves out of fits: none of what is in them moves anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nuem.analysis.exchange.difference import differences
from nuem.analysis.exchange.workspace import Workspace, observed_counts
from nuem.analysis.modelling import build_workspace
from nuem.analysis.prediction import predict
from nuem.analysis.recasting import recast_file
from nuem.analysis.stages import make_template, set_limit
from nuem.inputs.catalogue import bin_edges, load_experiment, used_bins
from nuem.inputs.errors import InputError
from nuem.inputs.schema import Experiment

from .conftest import FREE_BINS, Load, background_counts, stated_exposures

MASK = (
    "observables.energy.mask=[{start: 1.0, stop: 1.5, status: assumed, source: test}]"
)


def made(
    experiment: Experiment, *, truth: Experiment | None = None, line: float = 0.0
) -> Workspace:
    """Return the workspace of the expected counts, with a line in the mask."""
    counts = background_counts(truth or experiment)
    for values in counts.values():
        values[2:4] += line
    return build_workspace(
        experiment, counts, stated_exposures(experiment), predict(experiment)
    )


#: A shift of the energy scale moves counts out of the mask, as it should.
NO_SHIFT = """systematics=[{name: reactor-flux, effect: flux, scope: all,
    size: {value: 3, unit: "%", status: assumed, source: test}}]"""


@pytest.mark.parametrize(
    "settings", [(), (FREE_BINS, NO_SHIFT)], ids=["shapes", "free bins"]
)
def test_counts_in_the_mask_do_not_matter(
    load: Load, settings: tuple[str, ...]
) -> None:
    masked = load(MASK, *settings)
    assert (
        used_bins(masked.observables[0]).tolist()
        == [True] * 2 + [False] * 2 + [True] * 4
    )
    truth = load()
    plain, with_line = (made(masked, truth=truth, line=n) for n in (0.0, 1e4))
    assert plain.spec == with_line.spec
    assert {n.size for n in observed_counts(plain).values()} == {6}
    meta = plain.meta
    assert meta is not None
    assert meta["channels"]["on"]["used"].count(False) == 2
    assert len(meta["channels"]["on"]["edges"]) == 9


def test_a_mask_makes_the_limit_weaker_and_a_line_would_break_it(load: Load) -> None:
    whole, masked = made(load()), made(load(MASK))
    limits = [set_limit(w).expected_poi["0"] for w in (whole, masked)]
    assert limits[1] > 1.02 * limits[0]


def test_a_mask_ends_at_edges_of_bins(load: Load) -> None:
    wrong = load(MASK.replace("1.5", "1.6"))
    with pytest.raises(InputError, match=r"inside a bin: found 1\.6"):
        used_bins(wrong.observables[0])
    everything = load(MASK.replace("1.0", "0.5").replace("1.5", "2.5"))
    with pytest.raises(InputError, match="no bin is left"):
        used_bins(everything.observables[0])
    with pytest.raises(InputError, match="is empty"):
        load(MASK.replace("1.5", "0.5"))


def test_its_own_template_recasts_it_to_itself(load: Load, tmp_path: Path) -> None:
    masked = load(MASK)
    template = tmp_path / "template.json"
    template.write_text(json.dumps(make_template(masked).to_dict()))
    workspace = made(masked)
    assert differences(workspace, recast_file(workspace, template)) == []


def test_gemma_leaves_its_lines_out() -> None:
    observable = load_experiment("gemma").observables[0]
    left = bin_edges(observable)[:-1][~used_bins(observable)]
    assert (left[0], left[-1]) == pytest.approx((9.4, 11.3))
