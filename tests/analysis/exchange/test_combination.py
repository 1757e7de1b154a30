"""Combination: what was one stays one, what was declared is done, the rest refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pyhf.utils
import pytest

from nuem.analysis.exchange.combination import combine, split
from nuem.analysis.exchange.difference import describe, differences
from nuem.analysis.exchange.workspace import Workspace, read_workspace, validate
from nuem.analysis.inference.likelihood import Likelihood
from nuem.analysis.inference.limits import upper_limit
from nuem.inputs.correlations import Correlations, load_correlations
from nuem.inputs.errors import InputError

from .conftest import Document, random_workspace, same_likelihood


def told(**settings: Any) -> Correlations:
    return Correlations.model_validate(settings)


def pieces(spec: Document, seed: int) -> list[list[str]]:
    """Deal the channels of a workspace out to some parts."""
    rng = np.random.default_rng(seed)
    names = [c["name"] for c in spec["channels"]]
    rng.shuffle(names)
    count = int(rng.integers(2, len(names) + 1))
    parts = [names[i::count] for i in range(count)]
    return [p for p in parts if p]


def part_by_pyhf(spec: Document, keep: Sequence[str]) -> Document:
    """Take some channels with pyhf's own tool."""
    others = [c["name"] for c in spec["channels"] if c["name"] not in keep]
    return dict(pyhf.Workspace(deepcopy(spec)).prune(channels=others))


@pytest.mark.parametrize("seed", range(8))
def test_split_by_channels_and_combined_again(seed: int) -> None:
    spec = random_workspace(seed)
    parts = [
        Workspace(part_by_pyhf(spec, keep), name=f"part{i}")
        for i, keep in enumerate(pieces(spec, seed))
    ]
    made = combine(parts).workspace.spec
    names = {n: n for n in pyhf.Workspace(deepcopy(spec)).model(measurement_name="first").config.par_order
             if not n.startswith(("staterror", "fake_rate"))}  # fmt: skip
    assert same_likelihood(spec, made, names, {}, seed) < 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_split_renamed_and_combined_again(seed: int) -> None:
    spec = random_workspace(seed)
    first, *others = [c["name"] for c in spec["channels"]]
    tool = pyhf.Workspace(part_by_pyhf(spec, others))
    new = {"mu": "strength", "jes": "scale", "xsec_top": "theory"}
    moved = {name: f"signal_{name}" for name in others}
    renamed = dict(tool.rename(modifiers=new, channels=moved))
    made = combine(
        [
            Workspace(part_by_pyhf(spec, [first]), name="a.json"),
            Workspace(renamed, name="b.json"),
        ],
        told(
            correlate=[
                {"name": "jes", "parameters": ["a:jes", "b:scale"]},
                {"name": "xsec_top", "parameters": ["a:xsec_top", "b:theory"]},
            ],
            poi="mu",
        ),
    ).workspace.spec
    model = pyhf.Workspace(deepcopy(spec)).model(measurement_name="first")
    names = {n: n for n in model.config.par_order if not n.startswith(("staterror", "fake_rate"))}  # fmt: skip
    assert same_likelihood(spec, made, names, moved, seed) < 1e-9
    # a wrong declaration is another likelihood: the comparison can fail
    wrong = deepcopy(made)
    sample = wrong["channels"][0]["samples"][1]
    sample["data"][0] *= 1.001
    assert same_likelihood(spec, wrong, names, moved, seed) > 1e-6


def test_our_own_split() -> None:
    spec = random_workspace(3)
    whole = Workspace(spec, name="w")
    names = [c["name"] for c in spec["channels"]]
    assert split(whole, names).spec == spec
    with pytest.raises(InputError, match="no such channel"):
        split(whole, ["nowhere"])


def counting(
    name: str = "c", *, n: Sequence[float] = (105.0, 98.0, 91.0), signal: float = 10.0,
    size: float = 0.1, parameter: str = "flux", measurement: str = "m", poi: str = "mu",
    **meta: Any,
) -> Workspace:  # fmt: skip
    """Return a channel of a signal with a flux error over a background with one."""
    spec = {
        "version": "1.0.0",
        "channels": [
            {
                "name": name,
                "samples": [
                    {
                        "name": "em",
                        "data": [signal] * len(n),
                        "modifiers": [
                            {"name": poi, "type": "normfactor", "data": None},
                            {"name": parameter, "type": "normsys",
                             "data": {"hi": 1 + size, "lo": 1 / (1 + size)}},
                        ],
                    },
                    {
                        "name": "b",
                        "data": [100.0] * len(n),
                        "modifiers": [
                            {"name": "shape", "type": "histosys",
                             "data": {"hi_data": [108.0] * len(n), "lo_data": [92.0] * len(n)}},
                        ],
                    },
                ],
            }
        ],
        "observations": [{"name": name, "data": list(n)}],
        "measurements": [
            {"name": measurement, "config": {"poi": poi, "parameters": [
                {"name": poi, "bounds": [[0.0, 50.0]], "inits": [1.0]}]}}
        ],
    }  # fmt: skip
    return Workspace(spec, dict(meta) or None, f"{name}.json")


def test_the_rule_for_what_nothing_was_said_of() -> None:
    a, b = counting("a"), counting("b", n=(88.0, 104.0, 99.0))
    one = combine([a, b])
    assert "same name" in one.report["rule"]
    assert {g["name"] for g in one.report["correlated"]} == {"mu", "flux", "shape"}
    apart = combine(
        [
            counting("a", experiment="texono"),
            counting("b", n=(88.0, 104.0, 99.0), experiment="gemma"),
        ]
    )
    assert "independent" in apart.report["rule"]
    assert [g["name"] for g in apart.report["correlated"]] == ["mu"]
    assert apart.report["renamed"]["parameters"] == {
        "texono:flux": "texono_flux", "texono:shape": "texono_shape",
        "gemma:flux": "gemma_flux", "gemma:shape": "gemma_shape",
    }  # fmt: skip


def test_channels_of_one_name() -> None:
    made = combine([counting("on"), counting("on", n=(88.0, 104.0, 99.0))])
    assert [c["name"] for c in made.workspace.spec["channels"]] == [
        "on-1_on",
        "on-2_on",
    ]
    assert set(made.report["renamed"]["channels"]) == {"on-1:on", "on-2:on"}


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_partial_correlation_has_the_covariance_that_was_asked_for(rho: float) -> None:
    """Errors of the two signals by linear propagation: variances and covariance."""
    a = counting("a", size=0.05)
    b = counting("b", n=(88.0, 104.0, 99.0), size=0.08)
    made = combine(
        [a, b],
        told(default="independent",
             correlate=[{"name": "flux", "parameters": ["*:flux"], "rho": rho}]),
    )  # fmt: skip
    likelihood = Likelihood(made.workspace.spec)
    step = 1e-4
    base = likelihood.expected(likelihood.init)
    gradient = []
    for name in likelihood.names:
        if "flux" not in name:
            continue
        moved = likelihood.init.copy()
        moved[likelihood.index(name)] += step
        gradient.append((likelihood.expected(moved) - base)[[0, 3]] / step)
    rows = np.array(gradient)
    covariance = rows.T @ rows
    sizes = 10 * np.log([1.05, 1.08])
    expected = np.outer(sizes, sizes) * np.array([[1, rho], [rho, 1]])
    np.testing.assert_allclose(covariance, expected, rtol=2e-4, atol=1e-9)


def test_another_reference_value_is_another_scale() -> None:
    common = {
        "symbol": "q",
        "unit": "e",
        "power": 2,
        "definition": "q",
        "regulator": "r",
    }
    a = counting("a", definition={**common, "reference": 1e-12})
    b = counting("b", n=(88.0, 104.0, 99.0), signal=40.0, definition={**common, "reference": 2e-12})  # fmt: skip
    both = combine([a, b])
    assert both.workspace.meta is not None
    assert both.workspace.meta["definition"]["reference"] == 1e-12
    assert both.report["coupling"]["rescaled"] == {"b": {"from": 2e-12, "to": 1e-12}}
    same = combine([a, counting("b", n=(88.0, 104.0, 99.0), definition={**common, "reference": 1e-12})])  # fmt: skip
    for made in (both, same):
        spec = made.workspace.spec
        assert spec["channels"][1]["samples"][0]["data"] == [10.0] * 3
    first, second = (
        upper_limit(m.workspace.spec).poi.upper_limit for m in (both, same)
    )
    assert first == pytest.approx(second, rel=1e-9)
    # the wide bounds of the other scale are kept
    assert both.workspace.spec["measurements"][0]["config"]["parameters"][0]["bounds"] == [[0.0, 200.0]]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("regulator", "medium", "unequal regulators"),
        ("definition", "another", "unequal coupling definitions"),
        ("flavours", ["nu-mu"], "unequal coupling definitions"),
        ("sign", "either", "unequal coupling definitions"),
    ],
)
def test_unequal_couplings_are_refused(key: str, value: Any, text: str) -> None:
    stated: dict[str, Any] = {
        "symbol": "q", "unit": "e", "power": 2, "definition": "q", "regulator": "r",
        "flavours": ["anti-nu-e"], "sign": "only q^2", "reference": 1e-12,
    }  # fmt: skip
    a = counting("a", definition=stated)
    b = counting("b", n=(88.0, 104.0, 99.0), definition={**stated, key: value})
    with pytest.raises(InputError, match=text):
        combine([a, b])
    silent = {name: v for name, v in stated.items() if name != key}
    with pytest.raises(InputError, match=f"does not say the {key}"):
        combine([a, counting("b", n=(88.0, 104.0, 99.0), definition=silent)])
    with pytest.raises(InputError, match="does not say what"):
        combine([a, counting("b", n=(88.0, 104.0, 99.0))])
    combine([a, counting("b", n=(88.0, 104.0, 99.0))], told(inputs={"b": {"file": "b.json", "reference": 1e-12}}))  # fmt: skip


def interfering(name: str, n: Sequence[float], reference: float) -> Workspace:
    """Return samples sm, int and em; g of the reference value adds -3 g + 5 g^2."""
    scale = reference / 1e-12
    spec = {
        "version": "1.0.0",
        "channels": [
            {"name": name, "samples": [
                {"name": "sm", "data": [20.0] * 3, "modifiers": []},
                {"name": "int", "data": [-3.0 * scale] * 3, "modifiers": [
                    {"name": "g_lin", "type": "normfactor", "data": None}]},
                {"name": "em", "data": [5.0 * scale**2] * 3, "modifiers": [
                    {"name": "g_quad", "type": "normfactor", "data": None}]},
            ]}
        ],
        "observations": [{"name": name, "data": list(n)}],
        "measurements": [{"name": "m", "config": {"poi": "g_lin", "parameters": [
            {"name": "g_lin", "bounds": [[-9.0, 9.0]], "inits": [0.0]},
            {"name": "g_quad", "bounds": [[0.0, 81.0]], "inits": [0.0]}]}}],
    }  # fmt: skip
    links = {"g_lin": {"parameter": "g", "power": 1}, "g_quad": {"parameter": "g", "power": 2}}  # fmt: skip
    definition = {"symbol": "q", "unit": "e", "power": 1, "reference": reference,
                  "links": links, "processes": ["electron-millicharge"]}  # fmt: skip
    return Workspace(spec, {"definition": definition}, f"{name}.json")


def test_interference_is_combined_as_a_polynomial() -> None:
    made = combine(
        [interfering("a", (20.0, 22.0, 25.0), 1e-12), interfering("b", (31.0, 17.0, 19.0), 3e-12)]
    )  # fmt: skip
    assert made.workspace.meta is not None
    definition = made.workspace.meta["definition"]
    likelihood = Likelihood(made.workspace.spec, links=definition["links"])
    for g in (-2.0, 0.4, 1.7):
        expected = likelihood.expected(np.array([g, g * g])[: len(likelihood.names)])
        np.testing.assert_allclose(expected, 20 - 3 * g + 5 * g * g, rtol=1e-12)
    name = made.workspace.spec["measurements"][0]["name"]
    assert name == "electron-millicharge@g_ref=1e-12"


def test_pruning_and_fixing() -> None:
    a = counting("a", size=0.004)
    made = combine([a], told(prune={"below": 0.005}, fix={"shape": 0.5}))
    assert made.report["pruned"] == ["a:a.em.flux (normsys)"]
    entry = next(
        p for p in made.workspace.spec["measurements"][0]["config"]["parameters"]
        if p["name"] == "shape"
    )  # fmt: skip
    assert entry == {"name": "shape", "inits": [0.5], "fixed": True}
    fitted = Likelihood(made.workspace.spec)
    assert fitted.fit().values[fitted.index("shape")] == 0.5


def test_a_second_luminosity_is_a_change_of_shape() -> None:
    """The same -2 ln L, up to the constant ln sigma of the density of the constraint."""

    def lumi(name: str, n: Sequence[float], value: float) -> Workspace:
        spec = counting(name, n=n).spec
        for sample in spec["channels"][0]["samples"]:
            sample["modifiers"] = [
                m for m in sample["modifiers"] if m["type"] != "histosys"
            ]
            sample["modifiers"].append({"name": "lumi", "type": "lumi", "data": None})
        spec["measurements"][0]["config"]["parameters"].append(
            {
                "name": "lumi",
                "auxdata": [value],
                "sigmas": [0.1],
                "inits": [value],
                "bounds": [[0.1, 5.0]],
            }
        )
        return Workspace(spec, name=f"{name}.json")

    second = lumi("b", (60.0, 55.0, 47.0), 0.5)
    made = combine(
        [lumi("a", (105.0, 98.0, 91.0), 1.0), second], told(default="independent")
    )
    ours, theirs = Likelihood(made.workspace.spec), Likelihood(second.spec)
    found = []
    for mu, pull in ((0.4, 0.0), (1.2, 1.3), (0.0, -2.4)):
        x = ours.init.copy()
        x[ours.index("mu")] = mu
        name = next(n for n in ours.names if n.startswith("b_lumi"))
        x[ours.index(name)] = pull
        y = theirs.init.copy()
        y[theirs.index("mu")], y[theirs.index("lumi")] = mu, 0.5 + 0.1 * pull
        found.append((ours.expected(x)[3:], theirs.expected(y)))
    for a, b in found:
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_same_data_twice() -> None:
    a = counting("a")
    with pytest.raises(InputError, match="the same data twice"):
        combine([a, counting("renamed")])
    made = combine([a, counting("renamed")], told(allow_same_data=True))
    assert made.report["same_data"] == [["a.json: a", "renamed.json: renamed"]]
    # a few equal counts of different expectations are a coincidence
    small = counting("small", n=(3.0,)), counting("other", n=(3.0,), signal=11.0)
    combine(small)
    with pytest.raises(InputError, match="the same data twice"):
        combine([counting("small", n=(3.0,)), counting("other", n=(3.0,))])


def test_what_is_not_there_is_named_in_one_line() -> None:
    a, b = counting("a"), counting("b", n=(88.0, 104.0, 99.0))
    for settings, text in (
        ({"correlate": [{"name": "x", "parameters": ["a:gone", "b:flux"]}]}, "no such parameter: found 'a:gone'"),
        ({"correlate": [{"name": "x", "parameters": ["c:flux", "b:flux"]}]}, "no such input"),
        ({"correlate": [{"name": "x", "parameters": ["a:flux", "b:mu"]}]}, "different sorts"),
        ({"correlate": [{"name": "x", "parameters": ["a:mu", "b:mu"]}]}, "parameter of interest"),
        ({"correlate": [{"name": "x", "parameters": ["a:flux"]}]}, "of one parameter"),
        ({"inputs": {"c": {"file": "c.json"}}}, "no workspace fits"),
        ({"fix": {"gone": 1.0}}, "no such parameter"),
        ({"prune": {"channels": ["a:gone"]}}, "no such channel"),
        ({"prune": {"channels": ["a:a"]}}, "no channel is left"),
        ({"prune": {"parameters": ["a:mu"]}}, "parameter of interest"),
        ({"prune": {"samples": ["gone"]}}, "no such sample"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=text) as error:
            combine([a, b], told(**settings))
        assert "\n" not in str(error.value)


def test_incompatible_binning() -> None:
    a = counting("a")
    a.spec["channels"][0]["samples"][1]["data"].append(1.0)
    with pytest.raises(InputError, match="incompatible binning"):
        combine([a])


def test_two_effects_cannot_become_one() -> None:
    a = counting("a")
    modifiers = a.spec["channels"][0]["samples"][0]["modifiers"]
    modifiers.append({**modifiers[1], "name": "power"})
    with pytest.raises(InputError, match="two effects on one sample"):
        combine(
            [a], told(correlate=[{"name": "x", "parameters": ["a:flux", "a:power"]}])
        )


def test_constraints_that_contradict() -> None:
    a, b = counting("a"), counting("b", n=(88.0, 104.0, 99.0))
    b.spec["measurements"][0]["config"]["parameters"].append(
        {"name": "flux", "auxdata": [0.5]}
    )
    with pytest.raises(InputError, match="two ways"):
        combine([a, b])
    combine([a, b], told(independent=["b:flux"]))


def test_a_correlations_file_is_checked(tmp_path: Any) -> None:
    path = tmp_path / "c.yaml"
    for text, line in (
        ("correlate: 3", "correlate"),
        ("correlations: []", "correlations"),
        ("correlate: [{name: x, parameters: ['a:b', 'c:d'], rho: 2}]", "rho"),
        ("independent: ['a:b', 'a:b']", "named twice"),
        ("- 3", "mapping"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=line):
            load_correlations(path)


@pytest.mark.parametrize("turned", [False, True])
def test_a_control_region_without_signal(turned: bool) -> None:
    """A part whose parameter of interest acts on nothing there, before or after."""
    spec = random_workspace(4)
    name = spec["channels"][0]["name"]
    spec["channels"][0]["samples"] = spec["channels"][0]["samples"][1:]
    others = [c["name"] for c in spec["channels"][1:]]
    parts = [
        Workspace(part_by_pyhf(spec, keep), name=f"{i}.json")
        for i, keep in enumerate(([name], others))
    ]
    made = combine(parts[::-1] if turned else parts).workspace.spec
    model = pyhf.Workspace(deepcopy(spec)).model(measurement_name="first")
    names = {n: n for n in model.config.par_order if not n.startswith(("staterror", "fake_rate"))}  # fmt: skip
    assert same_likelihood(spec, made, names, {}, 4) < 1e-9
    assert [m["config"]["poi"] for m in made["measurements"]] == ["mu", "mu"]


def spoilt(change: str) -> dict[str, Any]:
    """Return a workspace with something wrong in it."""
    spec = counting("c").spec
    channel, observation = spec["channels"][0], spec["observations"][0]
    measurement = spec["measurements"][0]
    if change == "channel twice":
        spec["channels"].append(deepcopy(channel))
        spec["observations"].append(deepcopy(observation))
    elif change == "sample twice":
        channel["samples"].append(deepcopy(channel["samples"][0]))
    elif change == "measurement twice":
        spec["measurements"].append(deepcopy(measurement))
    elif change == "bins of a sample":
        channel["samples"][0]["data"].pop()
    elif change == "bins of a shape":
        channel["samples"][1]["modifiers"][0]["data"]["hi_data"].pop()
    elif change == "observed bins":
        observation["data"].append(1.0)
    elif change == "negative counts":
        observation["data"][0] = -1.0
    elif change == "no observation":
        spec["observations"] = []
    elif change == "not the schema":
        channel["colour"] = "red"
    else:
        raise AssertionError(change)
    return spec


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("channel twice", "channels.c: channel twice"),
        ("sample twice", "channels.c.samples: two of one name: found 'em'"),
        ("measurement twice", "measurements: two of one name: found 'm'"),
        ("bins of a sample", "incompatible binning"),
        ("bins of a shape", "c.b.shape: incompatible binning: found 2 bins, expected 3 bins"),
        ("observed bins", "incompatible binning"),
        ("negative counts", "observations.c: negative counts: found -1.0, expected 0 or more"),
        ("no observation", "not a pyhf workspace|observations do not fit"),
        ("not the schema", "not a pyhf workspace"),
    ],
)  # fmt: skip
def test_bad_workspaces_are_one_line(change: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(spoilt(change)))
    with pytest.raises(InputError, match=text) as caught:
        read_workspace(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_an_input_without_its_parameter_of_interest() -> None:
    """Right for a control region, said all the same; nothing is left if no input has it."""
    a, b = counting("a"), counting("b", n=(88.0, 104.0, 99.0))
    b.spec["measurements"][0]["config"]["poi"] = "gone"
    made = combine([a, b])
    assert "b: no sample has its parameter of interest, gone" in made.report["warnings"]
    with pytest.raises(InputError, match="no sample of any input"):
        combine([b])


def grid(patches: int) -> tuple[Document, Document]:
    """Return a background of four regions and a patchset of signals, as searches have them."""
    rng = np.random.default_rng(9)
    spec = random_workspace(2)
    for channel in spec["channels"]:
        channel["samples"] = [s for s in channel["samples"] if s["name"] != "signal"]
    spec["measurements"] = spec["measurements"][:1]
    made = []
    for k in range(patches):
        operations = []
        for index, channel in enumerate(spec["channels"]):
            data = rng.uniform(0.1, 9.0, len(channel["samples"][0]["data"])).tolist()
            effects = [{"name": "mu", "type": "normfactor", "data": None},
                       {"name": "lumi", "type": "lumi", "data": None}]  # fmt: skip
            operations.append(
                {"op": "add", "path": f"/channels/{index}/samples/0",
                 "value": {"name": "signal", "data": data, "modifiers": effects}}
            )  # fmt: skip
        made.append({"metadata": {"name": f"p{k}", "values": [k]}, "patch": operations})
    return spec, {
        "version": "1.0.0",
        "metadata": {
            "references": {"hepdata": "ins1234567"},
            "digests": {"sha256": pyhf.utils.digest(spec)},
            "labels": ["mass"],
            "description": "a grid",
        },
        "patches": made,
    }


def test_a_patchset_of_hundreds() -> None:
    """Patches of a grid, applied by pyhf: told apart, split and combined again."""
    background, document = grid(300)
    patches = pyhf.PatchSet(document)
    whole = pyhf.Workspace(deepcopy(background))
    patches.verify(whole)
    seen = set()
    for name in list(patches.patches)[::60]:
        spec = dict(patches.apply(whole, name.name))
        validate(spec, name.name)
        seen.add(describe(Workspace(spec, name=name.name))["content"])
        parts = [
            Workspace(part_by_pyhf(spec, keep), name=f"part{i}")
            for i, keep in enumerate(pieces(spec, 1))
        ]
        made = combine(parts).workspace.spec
        model = whole.model(patches=[patches[name.name]])
        names = {n: n for n in model.config.par_order if not n.startswith(("staterror", "fake_rate"))}  # fmt: skip
        assert same_likelihood(spec, made, names, {}, points=2) < 1e-9
    assert len(seen) == 5
    found = differences(
        Workspace(dict(patches.apply(whole, "p1"))),
        Workspace(dict(patches.apply(whole, "p2"))),
    )
    assert len(found) == len(background["channels"])
