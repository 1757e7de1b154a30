"""Which data a workspace holds, independent of names: to find the same data twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuem.analysis.exchange.provenance import digest

__all__ = ["ChannelIdentity", "channel_identities", "content_digest", "same_data"]

#: Below this probability equal counts are not a coincidence.
_CHANCE = 1e-6


@dataclass(frozen=True)
class ChannelIdentity:
    """What tells a channel from others, whatever it is called.

    Attributes
    ----------
    name : str
    bins : int
    events : float
    observed : str
        sha256 of the observed counts.
    expected : str
        sha256 of the nominal expectation of all samples together, to 9 digits.
    chance : float
        Probability that two Poisson observations of this size agree in all bins.
    """

    name: str
    bins: int
    events: float
    observed: str
    expected: str
    chance: float

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "bins": self.bins, "events": self.events, "observed": self.observed,
            "expected": self.expected,
        }  # fmt: skip


def channel_identities(spec: Mapping[str, Any]) -> dict[str, ChannelIdentity]:
    """Identity of each channel of a pyhf document.

    Examples
    --------
    >>> spec = {"channels": [{"name": "c", "samples": [
    ...     {"name": "s", "data": [1.0], "modifiers": []}]}],
    ...     "observations": [{"name": "c", "data": [3]}]}
    >>> found = channel_identities(spec)["c"]
    >>> found.events, round(found.chance, 3)
    (3.0, 0.167)
    """
    from scipy.special import ive

    observed = {o["name"]: np.array(o["data"], float) for o in spec["observations"]}
    result = {}
    for channel in spec["channels"]:
        counts = observed[channel["name"]]
        total = np.sum([sample["data"] for sample in channel["samples"]], axis=0)
        result[channel["name"]] = ChannelIdentity(
            name=channel["name"],
            bins=counts.size,
            events=float(counts.sum()),
            observed=digest({"counts": counts.tolist()}),
            expected=digest({"counts": [f"{x:.9g}" for x in total]}),
            # two Poisson counts of mean n agree with probability exp(-2n) I0(2n)
            chance=float(np.prod(ive(0, 2 * np.maximum(counts, 0.0)))),
        )
    return result


def same_data(a: ChannelIdentity, b: ChannelIdentity) -> bool:
    """Whether two channels are the same data.

    Equal counts are, where they hold too much to be a coincidence; few counts are if
    the same is expected as well.
    """
    if a.observed != b.observed:
        return False
    return a.chance < _CHANCE or a.expected == b.expected


def content_digest(spec: Mapping[str, Any], channel: str) -> str:
    """The sha256 of all that a document says of a channel.

    The order of samples and modifiers, and the names of channel and samples, do not
    matter.
    """
    counts = next(o["data"] for o in spec["observations"] if o["name"] == channel)
    own = next(c for c in spec["channels"] if c["name"] == channel)
    samples = sorted(
        digest({"data": _floats(sample["data"]), "modifiers": _sorted(sample)})
        for sample in own["samples"]
    )
    return digest({"samples": samples, "observed": _floats(counts)})


def _floats(values: Any) -> Any:
    if isinstance(values, list):
        return [_floats(v) for v in values]
    if isinstance(values, Mapping):
        return {k: _floats(v) for k, v in values.items()}
    return float(values) if isinstance(values, int) else values


def _sorted(sample: Mapping[str, Any]) -> list[str]:
    return sorted(
        digest({"name": m["name"], "type": m["type"], "data": _floats(m["data"])})
        for m in sample["modifiers"]
    )
