"""Belts where experiments without signal are far from the data, or bins expect nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuem.analysis.inference.belts import Belt
from nuem.analysis.inference.exact import poisson_interval
from nuem.analysis.inference.feldman_cousins import calibrate, scan_for_belt
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.limits import Limit, upper_limit
from nuem.analysis.inference.profile import Profile, profile
from nuem.inputs.errors import InputError


def counting(
    signal: Sequence[float],
    background: Sequence[float],
    observed: Sequence[float],
    bounds: tuple[float, float],
) -> dict[str, Any]:
    """Return a model of a signal strength over known backgrounds."""
    strength = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "s", "data": [*signal], "modifiers": [strength]},
        {"name": "b", "data": [*background], "modifiers": []},
    ]
    parameters = [{"name": "mu", "bounds": [[*bounds]]}]
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [*observed]}],
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": parameters}}
        ],
    }


def unified(spec: dict[str, Any], toys: int = 1000) -> Limit:
    return upper_limit(spec, method="feldman-cousins", toys=toys)


@pytest.mark.parametrize("method", ["feldman-cousins", "profile"])
def test_expected_limits_do_not_depend_on_the_data(method: str) -> None:
    """Nothing is profiled: without signal all is the same, however strong that is."""
    weak, strong = (
        upper_limit(
            counting([10.0], [50.0], [n], (-4.9, 1000.0)), method=method, toys=1000
        )
        for n in (55.0, 3000.0)
    )
    assert weak.expected_poi_error is not None
    for band, error in weak.expected_poi_error.items():
        assert strong.expected_poi[band] == pytest.approx(
            weak.expected_poi[band], abs=4 * error + 0.02
        )
    assert strong.poi.intervals[0][0] > 280


def test_events_without_background() -> None:
    """Where none is expected without signal, the data are impossible at 0."""
    found = unified(counting([1.0], [0.0], [5.0], (0.0, 60.0)), toys=2000)
    low, high = poisson_interval(5, 0.0)
    assert found.poi.intervals[0] == (
        pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.6)
    )  # fmt: skip
    assert found.p0 < 0.001


def test_a_bound_that_empties_a_bin_with_events() -> None:
    found = unified(counting([1.0], [3.0], [1.0], (-3.0, 60.0)))
    assert -3.0 < found.poi.intervals[0][0] < -2.5


def test_a_signal_that_takes_events_away() -> None:
    """Beyond 4 the first bin would expect nothing: belts end there, and say so."""
    found = unified(counting([-1.0, 0.01], [4.0, 9.0], [2.0, 9.0], (0.0, 30.0)), 400)
    assert 3.5 < found.poi.upper_limit < 4.0
    assert any("belt ends" in note for note in found.warnings)


def test_a_free_background_that_must_grow_with_a_negative_signal() -> None:
    """Fits far from the best one begin at the one beside them."""
    free = {"name": "beta", "type": "normfactor", "data": None}
    strength = {"name": "mu", "type": "normfactor", "data": None}
    background = {"name": "b", "data": [1.0], "modifiers": [free]}
    signal = {"name": "s", "data": [1.0], "modifiers": [strength]}
    likelihood = Likelihood(
        {
            "channels": [
                {"name": "off", "samples": [background]},
                {"name": "on", "samples": [signal, background]},
            ],
            "observations": [
                {"name": "off", "data": [2.0]},
                {"name": "on", "data": [5.0]},
            ],
            "measurements": [
                {
                    "name": "m",
                    "config": {
                        "poi": "mu",
                        "parameters": [
                            {"name": "mu", "bounds": [[-10.0, 60.0]]},
                            {"name": "beta", "bounds": [[0.0, 100.0]]},
                        ],
                    },
                }
            ],
        }
    )
    scan = profile(likelihood, values=np.linspace(-9.0, 20.0, 30))
    assert np.isfinite(scan.rise).all()
    (low, high), = calibrate(likelihood, scan_for_belt(likelihood), count=200).invert(scan)  # fmt: skip
    assert -4 < low < 0
    assert 6 < high < 11


def test_bounds_of_a_coupling_that_exclude_zero() -> None:
    spec = counting([5.0], [50.0], [60.0], (-20.0, -1.0))
    spec["measurements"][0]["config"]["parameters"][0]["inits"] = [-2.0]
    links = {"mu": {"parameter": "g", "power": 1}}
    assert Likelihood(spec, links=links).poi_bounds == (-20.0, -1.0)


def test_values_that_are_none() -> None:
    likelihood = Likelihood(counting([1.0], [3.0], [5.0], (0.0, 40.0)))
    scan = scan_for_belt(likelihood)
    with pytest.raises(InputError, match="no values with toys"):
        calibrate(likelihood, scan, values=np.array([]))
    with pytest.raises(InputError, match="mu: value with toys: found -2, expected 0 to 40"):  # fmt: skip
        calibrate(likelihood, scan, values=np.array([-2.0]))
    for values in ([], [0.0, 0.0], [2.0, 1.0]):
        with pytest.raises(InputError, match="mu: values of a scan"):
            profile(likelihood, values=np.array(values))


def test_values_that_are_asked_for_twice_are_thrown_once(tmp_path: Path) -> None:
    likelihood = Likelihood(counting([1.0], [3.0], [5.0], (0.0, 40.0)))
    scan = scan_for_belt(likelihood)
    belt = calibrate(
        likelihood, scan, values=np.array([1.0, 1.0, 2.0]), count=50, keep=tmp_path
    )
    assert belt.values.tolist() == [1.0, 2.0]
    assert belt.read == 0


def hand_made(**changes: Any) -> Belt:
    arrays: dict[str, Any] = {
        "values": [0.0, 1.4, 1.5, 1.6, 3.0],
        "critical": [1.0, 1.0, 3.5, 1.0, 1.0],
        "least": [0.9, 0.9, 2.5, 0.9, 0.9],
        "most": [1.1, 1.1, 4.5, 1.1, 1.1],
        **changes,
    }
    values = {key: np.array(value) for key, value in arrays.items()}
    return Belt(
        parameter="mu", cl=0.9, low=values["values"], high=values["values"], toys=100,
        failed=0, seed=1, **values,
    )  # fmt: skip


def test_errors_of_an_island_that_fewer_toys_would_not_have() -> None:
    likelihood = Likelihood(counting([1.0], [3.0], [5.0], (0.0, 40.0)))
    best = likelihood.fit()
    scan = Profile("mu", np.arange(4.0), np.array([9.0, 3.0, 3.0, 9.0]), best, 1.5, ())
    belt = hand_made()
    (low, high), = belt.invert(scan)  # fmt: skip
    (below, above), = belt.interval_errors(scan)  # fmt: skip
    assert 1.4 < low < 1.5 < high < 1.6
    assert 0 < below < 0.1
    assert 0 < above < 0.1


def test_no_island_at_all() -> None:
    ends, _ = hand_made().upper_ends(
        np.arange(3.0), np.array([[9.0, 8.0, np.inf], [9.0, 0.5, 9.0]])
    )
    assert np.isnan(ends[0])
    assert 1.0 < ends[1] < 2.0


def test_a_belt_file_with_a_missing_value(tmp_path: Path) -> None:
    path = hand_made(most=[1.0, 2.0]).save(tmp_path / "belt.json")
    with pytest.raises(InputError, match="most: damaged belt: found 2 values, expected 5"):  # fmt: skip
        Belt.load(path)
