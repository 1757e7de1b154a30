"""Which inner parameters have to be solved together: stars, groups, and the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nuem.analysis.inference.arrays import index_array
from nuem.analysis.inference.parameters import FREE, NORMAL, POISSON

__all__ = ["lay_out", "too_tangled"]

_Index = NDArray[np.int64]
_Combos = list[dict[tuple[int, ...], int]]

#: Largest number of inner parameters that are solved together unless they form a star.
_LARGEST_GROUP = 10


def too_tangled(bins: list[set[int]]) -> set[int]:
    """Inner parameters that have to be treated as outer ones: the best connected.

    Parameters
    ----------
    bins : list of set of int
        Inner parameters of each bin.

    Examples
    --------
    >>> too_tangled([{0, 1}, {0, 2}])
    set()
    """
    demoted: set[int] = set()
    while True:
        left = [own - demoted for own in bins]
        large = [
            parameters
            for parameters, where in _components(left)
            if len(parameters) > _LARGEST_GROUP
            and _centre(parameters, where, left) is None
        ]
        if not large:
            return demoted
        for parameters in large:
            demoted.add(
                max(sorted(parameters), key=lambda p: sum(p in b for b in left))
            )


def lay_out(
    bins: list[set[int]], combos: _Combos, kind: _Index, moved: list[list[int]]
) -> dict[str, _Index]:
    """Slots, stars and groups of a model, by their names in `Arrays`.

    Parameters
    ----------
    bins : list of set of int
        Inner parameters of each bin.
    combos : list of dict
        Number of each combo of a bin, by its inner parameters.
    kind : ndarray, shape (p,)
        Constraints of the parameters.
    moved : list of list of int
        By outer parameter: combos that it moves.
    """
    leaf = {i: -1 for i, own in enumerate(bins) if not own}  # by bin
    star: dict[int, int] = {}
    centres: list[int] = []
    group_start, group_inner, group_bin_start, group_bin = [0], [], [0], []
    for parameters, where in _components(bins):
        centre = _centre(parameters, where, bins)
        if centre is None:
            group_inner.extend(sorted(parameters))
            group_start.append(len(group_inner))
            group_bin.extend(where)
            group_bin_start.append(len(group_bin))
            continue
        for i in where:
            leaf[i] = next(iter(bins[i] - {centre}), -1)
            if centre >= 0:
                star[i] = len(centres)
        if centre >= 0:
            centres.append(centre)
    classes = {NORMAL: 1, POISSON: 2, FREE: 3}

    def leaf_class(i: int) -> int:
        return 0 if leaf[i] < 0 else classes[int(kind[leaf[i]])]

    slots = sorted(leaf, key=lambda i: (leaf_class(i), i))
    slot_of = {i: t for t, i in enumerate(slots)}
    n_combos = sum(map(len, combos))
    combo_slot = np.full(n_combos, -1, dtype=np.int64)
    flag = np.zeros(n_combos, dtype=np.int64)
    for i, t in slot_of.items():
        centre = centres[star[i]] if i in star else -1
        for own, combo in combos[i].items():
            combo_slot[combo] = t
            flag[combo] = (1 if centre in own else 0) + (2 if leaf[i] in own else 0)
    members: list[list[int]] = [[] for _ in centres]
    for i, k in star.items():
        members[k].append(slot_of[i])
    pairs = [
        (k, *two)
        for k, two in enumerate(members)
        if len(two) == 2
        and kind[centres[k]] == FREE
        and all(leaf[slots[t]] < 0 for t in two)
    ]
    spans = []
    for these in moved:
        touched = combo_slot[index_array(these)]
        touched = touched[touched >= 0]
        spans.append((touched.min(), touched.max() + 1) if touched.size else (0, 0))
    return {
        "moved_start": index_array(np.cumsum([0, *map(len, moved)])),
        "moved": index_array([c for these in moved for c in these]),
        "combo_slot": combo_slot, "combo_flag": flag, "slot_bin": index_array(slots),
        "slot_star": index_array([star.get(i, len(centres)) for i in slots]),
        "slot_leaf": index_array([leaf[i] for i in slots]),
        "leaf_start": index_array(
            np.searchsorted([leaf_class(i) for i in slots], range(5))
        ),
        "span": index_array(spans).reshape(-1, 2),
        "star_centre": index_array(centres),
        "star_start": index_array(np.cumsum([0, *map(len, members)])),
        "star_slot": index_array([t for these in members for t in these]),
        "pair_star": index_array([k for k, *_ in pairs]),
        "pair_slot": index_array([own for _, *own in pairs]).reshape(-1, 2).T.copy(),
        "group_start": index_array(group_start), "group_inner": index_array(group_inner),
        "group_bin_start": index_array(group_bin_start),
        "group_bin": index_array(group_bin),
    }  # fmt: skip


def _components(bins: list[set[int]]) -> list[tuple[set[int], list[int]]]:
    """Connected inner parameters, and the bins that they share."""
    root: dict[int, int] = {}

    def find(p: int) -> int:
        while root[p] != p:
            root[p] = root[root[p]]
            p = root[p]
        return p

    for own in bins:
        members = sorted(own)
        for p in members:
            root.setdefault(p, p)
            root[find(p)] = find(members[0])
    groups: dict[int, tuple[set[int], list[int]]] = {}
    for i, own in enumerate(bins):
        if own:
            parameters, where = groups.setdefault(find(min(own)), (set(), []))
            parameters.update(own)
            where.append(i)
    return list(groups.values())


def _centre(parameters: set[int], where: list[int], bins: list[set[int]]) -> int | None:
    """The centre of a star (every bin has it and at most one other), or -1 for one leaf.

    None where the parameters do not form a star.
    """
    if len(where) == 1 and len(parameters) == 1:
        return -1
    for centre in sorted(parameters):
        leaves = [bins[i] - {centre} for i in where]
        flat = [p for own in leaves for p in own]
        if (
            all(centre in bins[i] for i in where)
            and all(len(own) <= 1 for own in leaves)
            and len(flat) == len(set(flat))
        ):
            return centre
    return None
