"""Cutting a tree into ranges of entries that fit in memory.

A chunk ends where baskets end, since a basket is decompressed as a whole: a cut
through it is paid for twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nuem.analysis.events.rootfile import OpenFile, open_tree, reading
from nuem.analysis.events.source import stored_columns

__all__ = ["MEMORY_BUDGET", "chunk_edges", "ranges"]

#: Default for the uncompressed bytes of the branches of one chunk. Each thread
#: needs several times as much while it works on one; larger chunks are not faster.
MEMORY_BUDGET = 16_000_000


def chunk_edges(
    file: str | Path | OpenFile,
    tree: str,
    branches: Collection[str],
    *,
    memory: int = MEMORY_BUDGET,
    entries: int | None = None,
) -> tuple[int, ...]:
    """Choose the ranges of entries in which to read a tree.

    Parameters
    ----------
    file : str, Path or OpenFile
        ROOT file.
    tree : str
        Name of a TTree or RNTuple in it.
    branches : collection of str
        Names of the columns that will be read.
    memory : int
        Uncompressed bytes of one chunk; exceeded only by a basket that is
        itself larger.
    entries : int, optional
        Entries of one chunk, in place of what fits in `memory`.

    Returns
    -------
    tuple of int
        Edges: chunk i is ``edges[i] <= entry < edges[i + 1]``. One edge alone,
        0, for an empty tree.

    Raises
    ------
    InputError
        If the file or the tree cannot be read.
    """
    with open_tree(file, tree) as opened, reading(file, tree):
        total = int(opened.num_entries)
        if entries is not None:
            return ranges(total, entries)
        if "RNTuple" in opened.classname:
            step = opened.num_entries_for(memory, filter_name=lambda n: n in branches)
            stored = stored_columns(opened, branches).values()
            pages = [int(np.diff(column.edges).max(initial=1)) for column in stored]
            starts = [int(c.num_first_entry) for c in opened.cluster_summaries]
            return ranges(total, max(int(step or total), *pages, 1), starts)
        wanted = [b for b in opened.itervalues(recursive=True) if _in(b, branches)]
        size = sum(branch.uncompressed_bytes for branch in wanted) / max(total, 1)
        baskets = [np.diff(b.entry_offsets).max(initial=1) for b in wanted]
        step = max(int(memory / max(size, 1)), *map(int, baskets), 1)
        starts = opened.common_entry_offsets(filter_branch=lambda b: _in(b, branches))
        return ranges(total, step, starts)


def ranges(total: int, step: int, starts: Sequence[int] = ()) -> tuple[int, ...]:
    """Cut `total` entries into ranges of at most `step`, if possible at `starts`.

    Examples
    --------
    >>> ranges(10, 4)
    (0, 4, 8, 10)
    >>> ranges(10, 4, starts=[0, 3, 6, 9])
    (0, 3, 6, 10)
    >>> ranges(0, 4)
    (0,)
    """
    edges = [0]
    while edges[-1] < total:
        target = min(edges[-1] + max(step, 1), total)
        if target < total and starts:
            aligned = starts[max(bisect_right(starts, target) - 1, 0)]
            # not at the price of very short chunks
            if aligned - edges[-1] > step // 2:
                target = aligned
        edges.append(target)
    return tuple(edges)


def _in(branch: Any, names: Collection[str]) -> bool:
    return branch.name in names or branch.object_path.partition(":")[2] in names
