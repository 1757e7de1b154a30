"""A model as flat arrays, which compiled kernels can walk.

The expectation of bin i is a sum over samples of (nominal + shape changes) times
factors. Parameters that act on whole samples are *outer* (normfactor, lumi, normsys,
histosys); those with a component for each bin are *inner* (staterror, shapesys,
shapefactor). Inner ones that share bins form a cluster; given the outer ones, the
clusters are independent of each other, and the kernels solve each by itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "index_array"]

_Array = NDArray[np.float64]
_Index = NDArray[np.int64]


class Arrays(NamedTuple):
    """Everything a kernel needs (``p`` parameters, ``g`` outer ones).

    A *term* is a sample in a bin; a *block* the terms of a sample in a channel; a
    *combo* the terms of a bin that the same inner parameters multiply.

    A *star* is a free content shared by several bins (the centre), each of which may
    have one parameter of its own (a leaf). A *slot* is a bin of a star, a bin with a
    leaf alone, or a bin without inner parameters; slots are sorted by the kind of
    their leaf, so that loops over them do the same for each. The bins of all other
    clusters belong to *groups*.
    """

    # parameters, shape (p,)
    low: _Array
    high: _Array
    kind: _Index
    width: _Array
    # outer parameters, shape (g,): index among all
    outer: _Index
    # blocks
    term_start: _Index
    base: _Array
    combo_of: _Index
    factor_start: _Index
    factor_type: _Index  # 0: power of the parameter, 1: normsys
    factor_outer: _Index
    factor_power: _Index
    factor_data: _Array  # (n, 8): ln hi, ln lo, six coefficients
    shape_start: _Index
    shape_outer: _Index
    shape_offset: _Index
    shape_up: _Array
    shape_down: _Array
    # bins and combos
    combo_start: _Index  # by bin
    inner_start: _Index  # by combo
    inner: _Index  # parameter index
    moved_start: _Index  # by outer parameter: combos that it moves
    moved: _Index
    # slots
    combo_slot: _Index  # by combo: its slot, -1 in a group
    combo_flag: (
        _Index  # by combo: 1 where the centre multiplies it, plus 2 for the leaf
    )
    slot_bin: _Index
    slot_star: _Index  # the number of stars where there is none
    slot_leaf: _Index  # parameter or -1
    leaf_start: _Index  # (5,): slots without leaf, with a normal, Poisson, free one
    span: _Index  # (g, 2): first slot that an outer parameter moves, and past the last
    star_centre: _Index  # parameter
    star_start: _Index
    star_slot: _Index
    pair_star: _Index  # stars of two bins without leaves
    pair_slot: _Index  # (2, q): their slots
    # groups: their parameters and bins
    group_start: _Index
    group_inner: _Index
    group_bin_start: _Index
    group_bin: _Index
    # where fits begin anew, see `turning_starts`: none where there is one minimum
    turn_slot: _Index  # (r, 2): outer parameters; -1 where it is one only
    turn_value: _Array  # (r, 3): their values; what the second takes over of the first


def index_array(values: Any) -> _Index:
    """Integers for kernels.

    Examples
    --------
    >>> index_array([1, 2]).dtype
    dtype('int64')
    """
    return np.asarray(values, dtype=np.int64)
