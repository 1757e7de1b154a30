from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from nuem.analysis.cli.main import cli
from nuem.analysis.simulate import simulate, write_events
from nuem.inputs.catalogue import load_experiment
from nuem.models.electron import cross_section

from .conftest import QUICK, SMALL, Load, Nuem

TRANSITION = "electron-millicharge-transition"
#: Packages that take long to import: help and models do without.
HEAVY = (
    "awkward", "boost_histogram", "hist", "iminuit", "matplotlib", "mplhep",
    "periodictable", "pyhf", "scipy", "uproot", "xraydb",
)  # fmt: skip
COMMANDS = (
    "run", "list", "info", "cross-section", "simulate", "histogram", "template",
    "workspace", "limit", "fit", "scan", "gof", "figures", "impacts", "manifest",
    "merge", "reproduce", "atom",
    "combine", "digest", "diff", "export", "recast", "hepdata", "cite",
    "fetch",
)  # fmt: skip


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a small experiment with one background."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "toy-ge.yaml").write_text(SMALL)
    loaded = load_experiment(folder / "toy-ge.yaml", QUICK)
    path = folder / "quick.yaml"
    path.write_text(json.dumps(loaded.model_dump(mode="json"), allow_nan=False))
    return path


@pytest.fixture(scope="module")
def events(experiment: Path) -> Path:
    drawn = simulate(load_experiment(experiment), seed=1)
    return write_events(experiment.with_name("events.root"), drawn, {})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes events and runs with some columns replaced."""

    def writer(*, drop: str = "", live: float = 8.64e6, **columns: Any) -> Path:
        size = 400
        tree = {
            "energy": np.linspace(0.6, 2.4, size),
            "time": np.arange(size, dtype=float),
            "run": np.repeat([1, 2], size // 2).astype("i4"),
            "reactor_on": np.repeat([True, False], size // 2),
            "score": np.ones(size, "f4"),
        }
        for name, (index, value) in columns.items():
            tree[name][index] = value
        tree.pop(drop, None)
        runs = {
            "run": np.array([1, 2], "i4"),
            "reactor_on": np.array([True, False]),
            "start": np.array([0.0, 1e7]),
            "live_time_s": np.array([live, live]),
        }
        path = tmp_path / "made.root"
        with uproot.recreate(path) as file:
            file.mktree("events", {k: v.dtype for k, v in tree.items()}).extend(tree)
            file.mktree("runs", {k: v.dtype for k, v in runs.items()}).extend(runs)
        return path

    return writer


# a fresh interpreter


def modules_after(code: str) -> set[str]:
    text = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import nuem.models",
        "import nuem.inputs.catalogue",
        (
            "sys.argv = ['nuem', '--help']\n"
            "from nuem.analysis.cli.main import main\n"
            "main()"
        ),
    ],
    ids=["models", "catalogue", "help"],
)
def test_heavy_packages_are_imported_where_they_are_used(code: str) -> None:
    loaded = modules_after(code)
    assert not loaded & set(HEAVY)
    if "--help" in code:
        assert not loaded & {"numpy", "yaml", "pydantic"}


def test_the_installed_command_runs() -> None:
    script = Path(sys.executable).with_name("nuem")
    done = subprocess.run(
        [script, "list", "--json"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert {"texono-pcge", "xenon1t-sr1"} <= {
        e["name"] for e in document["experiments"]
    }


# what is there


def test_help_names_every_command(nuem: Nuem) -> None:
    answer = nuem("--help")
    assert answer.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in answer.out
    assert set(cli.list_commands(None)) == set(COMMANDS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(nuem: Nuem, name: str) -> None:
    answer = nuem(name, "--help")
    assert answer.code == 0
    assert "--json" in answer.out
    assert "--debug" in answer.out


def test_version(nuem: Nuem) -> None:
    answer = nuem("--version")
    assert (answer.code, answer.out.split()[0]) == (0, "nuem")


def test_numbers_of_an_experiment(nuem: Nuem) -> None:
    answer = nuem("list", "texono-pcge", "--json")
    numbers = {row["field"]: row for row in json.loads(answer.out)["numbers"]}
    flux = numbers["sources.core.total_flux"]
    assert (flux["value"], flux["unit"], flux["status"]) == (
        6.4e12, "/cm2/s", "published",
    )  # fmt: skip
    assert "published    sources.core.total_flux" in nuem("list", "texono-pcge").out


def test_info(nuem: Nuem) -> None:
    document = json.loads(nuem("info", "--json").out)
    assert document["threads"] >= 1
    assert document["versions"]["nuem"] == document["nuem"]
    assert "reactor-spectra.yaml" in document["tables"]
    assert "threads" in nuem("info").out


def test_cross_section(nuem: Nuem) -> None:
    answer = nuem(
        "cross-section", TRANSITION, "--target", "Ge", "--energy", 1,
        "--recoil", "0.3,1", "--coupling", 1e-12, "--json",
    )  # fmt: skip
    document = json.loads(answer.out)
    assert document["recoil_kev"] == [0.3, 1.0]
    assert (document["process"], document["method"]) == (TRANSITION, "free")
    assert document["unit"] == "cm2/keV/atom"
    direct = cross_section(
        TRANSITION, "Ge", 1.0, np.array([0.3, 1.0]), method="free", coupling=1e-12
    )
    np.testing.assert_allclose(document["value"], direct)
    assert answer.err == ""


# the stages


def test_stages_one_by_one(
    nuem: Nuem, experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each prints one document and nothing else on stdout, and writes its file."""
    made = json.loads(
        nuem("simulate", experiment, "-o", "e.root", "--seed", 3, "--json").out
    )
    assert made["path"] == "e.root"
    assert made["provenance"]["configuration"]["seed"] == 3
    with uproot.open("e.root") as file:
        assert file["events"].num_entries == made["events"]
    histograms = nuem("histogram", experiment, "e.root", "-o", "h.json", "--json")
    assert json.loads(histograms.out) == json.loads(Path("h.json").read_text())
    template = nuem("template", experiment, "-o", "t.json", "--json")
    assert json.loads(template.out) == json.loads(Path("t.json").read_text())
    spec = nuem(
        "workspace", experiment, "--histograms", "h.json", "--template", "t.json",
        "-o", "w.json", "--json",
    )  # fmt: skip
    assert json.loads(spec.out) == json.loads(Path("w.json").read_text())
    assert {path.name for path in tmp_path.iterdir()} == {
        "e.root", "h.json", "t.json", "w.json", "w.meta.json",
    }  # fmt: skip
    limit = nuem("limit", "w.json", "--json", "-o", "l.json")
    assert json.loads(limit.out) == json.loads(Path("l.json").read_text())
    document = json.loads(limit.out)
    assert document["definition"]["flavours"] == ["anti-nu-e"]
    # the same from stdin, where the name of the measurement has to do
    monkeypatch.setattr(sys, "stdin", io.StringIO(Path("w.json").read_text()))
    piped = json.loads(nuem("limit", "-", "-o", "-").out)
    assert piped["observed"] == document["observed"]
    assert "flavours" not in piped["definition"]
    for answer in (histograms, template, spec, limit):
        assert answer.code == 0
        assert "error" not in answer.err


def test_dash_is_stdout(nuem: Nuem, experiment: Path, events: Path) -> None:
    for command in (("template", experiment), ("histogram", experiment, events)):
        answer = nuem(*command, "-o", "-")
        assert answer.code == 0
        assert json.loads(answer.out)["schema"].startswith("nuem-")
    assert list(Path().iterdir()) == []


def test_limit_for_a_reader(nuem: Nuem, tmp_path: Path) -> None:
    document = {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": [
            {"name": "s", "data": [10.0], "modifiers": [
                {"name": "mu", "type": "normfactor", "data": None}]},
            {"name": "b", "data": [50.0], "modifiers": []}]}],
        "observations": [{"name": "c", "data": [50.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }  # fmt: skip
    Path("w.json").write_text(json.dumps(document))
    answer = nuem("limit", "w.json", "--cl", 0.95)
    assert answer.code == 0
    assert "95% CL upper limit on mu (cls, asymptotic, one-sided)" in answer.out
    assert "expected" in answer.out
    refused = nuem("limit", "w.json", "--cl", 95)
    assert refused.code == 2
    assert refused.error == ("nuem: error: confidence level: found 95, expected 0 to 1")


def test_another_configuration_does_not_replace_a_file(
    nuem: Nuem, experiment: Path
) -> None:
    assert nuem("template", experiment, "-o", "t.json").code == 0
    assert nuem("template", experiment, "-o", "t.json").code == 0
    changed = ("template", experiment, "-o", "t.json", "--set", "title=Other")
    refused = nuem(*changed)
    assert refused.code == 2
    assert "t.json: output exists" in refused.error
    assert nuem(*changed, "--force").code == 0


def test_simulate_from_another_truth(nuem: Nuem, experiment: Path, load: Load) -> None:
    truth = load(*QUICK, "backgrounds.flat.rate.value=60").model_dump(mode="json")
    Path("truth.yaml").write_text(json.dumps(truth))
    own, other = (
        json.loads(nuem("simulate", experiment, "-o", name, *more, "--json").out)
        for name, more in (("a.root", ()), ("b.root", ("--truth", "truth.yaml")))
    )
    rates = [20 / 0.8 + 10, 60 / 0.8 + 10]
    assert other["events"] / own["events"] == pytest.approx(
        rates[1] / rates[0], rel=0.05
    )


# what is wrong with the call or the input: exit 2, one line


def test_missing_file(nuem: Nuem, experiment: Path) -> None:
    answer = nuem("histogram", experiment, "none.root")
    assert answer.code == 2
    assert "none.root: no such file" in answer.error
    assert answer.out == ""
    assert list(Path().iterdir()) == []


def test_not_a_root_file(nuem: Nuem, experiment: Path) -> None:
    Path("text.root").write_text("no events here")
    answer = nuem("histogram", experiment, "text.root")
    assert answer.code == 2
    assert "text.root: not a ROOT file" in answer.error


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_truncated_file(
    nuem: Nuem, experiment: Path, events: Path, part: float
) -> None:
    whole = events.read_bytes()
    Path("cut.root").write_bytes(whole[: int(part * len(whole))])
    answer = nuem("histogram", experiment, "cut.root")
    assert answer.code == 2
    assert "cut.root" in answer.error


def test_no_such_tree(nuem: Nuem, experiment: Path, events: Path) -> None:
    answer = nuem("histogram", experiment, events, "--set", "events.tree=data")
    assert answer.code == 2
    assert "data: no such tree: expected one of events, runs" in answer.error


def test_no_such_branch(
    nuem: Nuem, experiment: Path, write: Callable[..., Path]
) -> None:
    answer = nuem("histogram", experiment, write(drop="score"))
    assert answer.code == 2
    assert "no such branch" in answer.error
    assert "found score" in answer.error
    for name in ("energy", "reactor_on", "time"):
        assert name in answer.error


@pytest.mark.parametrize(
    "expression",
    ["__import__('os').system('date')", "open('/etc/passwd')", "energy.tofile('x')",
     "exec('1')", "(lambda: energy)()"],
    ids=["import", "open", "method", "exec", "lambda"],
)  # fmt: skip
def test_a_cut_that_calls_what_it_should_not(
    nuem: Nuem, experiment: Path, events: Path, expression: str
) -> None:
    answer = nuem(
        "histogram", experiment, events,
        "--set", f"events.cuts.quality.expression={json.dumps(expression)}",
    )  # fmt: skip
    assert answer.code == 2
    assert "events.cuts.quality.expression" in answer.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("template", "no-such"), "no such experiment: found 'no-such'"),
        (("template", "none.yaml"), "none.yaml: no such file"),
        (("template", "texono-pcge", "--set", "detectors.pcge.mass.value=-1"),
         "detectors.pcge.mass.value"),
        (("template", "texono-pcge", "--set", "detectors.pcge.colour=red"),
         "detectors.pcge.colour: unknown key"),
        (("template", "texono-pcge", "--set", "detectors.other.mass.value=1"),
         "no such member"),
        (("limit", "none.json"), "none.json: cannot be read"),
        (("cross-section", "electron-magnetic", "--target", "Ge", "--energy", "1",
          "--recoil", "1"), "needs a coupling"),
        (("cross-section", "electron-sm", "--target", "Ge", "--energy", "1",
          "--recoil", "1,x"), "not a number"),
        (("cross-section", "electron-sm", "--target", "Qq", "--energy", "1",
          "--recoil", "1"), "Qq"),
        (("cross-section", "electron-magnetic", "--target", "Ge", "--energy", "1",
          "--recoil", "1", "--coupling", "1e-11", "--method", "epa"), "epa"),
        (("cross-section", "electron-magnetic", "--target", "Ge", "--energy", "1",
          "--recoil", "1", "--coupling", "1e200"), "beyond the numbers of a computer"),
        (("cross-section", "nucleus-millicharge-transition", "--target", "Ge",
          "--energy", "4", "--recoil", "1e-200", "--coupling", "1"), "recoil_kev"),
        (("cross-section", "nucleus-sm", "--target", "Ge", "--energy", "1e308",
          "--recoil", "1"), "energy_mev"),
        (("template", "texono-pcge", "--set", "signals.0.form_factor=point"),
         "has no form_factor"),
    ],
    ids=["experiment", "file", "mass", "key", "member", "workspace", "coupling",
         "number", "element", "method", "huge coupling", "tiny recoil", "huge energy",
         "idle option"],
)  # fmt: skip
def test_wrong_calls(nuem: Nuem, arguments: tuple[str, ...], message: str) -> None:
    answer = nuem(*arguments)
    assert answer.code == 2
    assert message in answer.error
    assert answer.out == ""


def test_what_the_models_refuse_is_traced_to_the_experiment(nuem: Nuem) -> None:
    answer = nuem("template", "texono-pcge", "--set", "detectors.0.target=Gx")
    assert answer.code == 2
    assert answer.err.splitlines()[-1].startswith(
        "nuem: error: texono-pcge: detectors.pcge, electron-millicharge-transition: "
        "target: unknown element"
    )


def test_wrong_options_are_refused(nuem: Nuem) -> None:
    answer = nuem("limit", "w.json", "--method", "magic")
    assert answer.code == 2
    assert "magic" in answer.err
    assert "Traceback" not in answer.err


def test_output_that_cannot_be_written(
    nuem: Nuem, experiment: Path, events: Path
) -> None:
    Path("file").write_text("")
    for command in (
        ("template", experiment, "-o", "file/t.json"),
        ("histogram", experiment, events, "-o", "file/h.json"),
        ("simulate", experiment, "-o", "file/e.root"),
        ("run", experiment, "-o", "file"),
    ):
        answer = nuem(*command)
        assert answer.code == 2, command
        (line,) = (x for x in answer.err.splitlines() if "error" in x)
        assert line.startswith("nuem: error: file")
        assert "cannot be written" in line
        assert "Traceback" not in answer.err
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_debug_shows_where(nuem: Nuem) -> None:
    answer = nuem("limit", "none.json", "--debug")
    assert answer.code == 2
    assert "Traceback" in answer.err
    assert answer.err.splitlines()[-1].startswith("nuem: error: none.json")


# what the analysis has no answer to: exit 1


def test_zero_live_time(
    nuem: Nuem, experiment: Path, write: Callable[..., Path]
) -> None:
    answer = nuem("histogram", experiment, write(live=0.0))
    assert answer.code == 1
    assert "the live time is zero" in answer.error


def test_empty_selection(nuem: Nuem, experiment: Path, events: Path) -> None:
    answer = nuem(
        "histogram", experiment, events,
        "--set", "events.cuts.quality.expression=score > 2",
    )  # fmt: skip
    assert answer.code == 1
    line = answer.err.splitlines()[-1]
    assert line.startswith("nuem: error: no event is selected")


def test_events_beyond_all_bins(
    nuem: Nuem, experiment: Path, write: Callable[..., Path]
) -> None:
    """They pass the cuts, and no bin holds any of them."""
    path = write(energy=(slice(None), 50.0))
    answer = nuem("run", experiment, path, "-o", "out")
    assert answer.code == 1, answer.err
    assert "Traceback" not in answer.err
    assert not Path("out/limit.json").exists()


def test_no_limit_in_range(nuem: Nuem, experiment: Path, events: Path) -> None:
    nuem("histogram", experiment, events, "-o", "h.json")
    nuem("template", experiment, "-o", "t.json")
    call = ("workspace", experiment, "--histograms", "h.json", "--template", "t.json")
    assert nuem(*call, "-o", "w.json").code == 0
    document = json.loads(Path("w.json").read_text())
    for parameter in document["measurements"][0]["config"]["parameters"]:
        if parameter["name"] == "mu":
            parameter |= {"bounds": [[0.0, 0.01]], "inits": [0.005]}
    Path("narrow.json").write_text(json.dumps(document))
    answer = nuem("limit", "narrow.json")
    assert answer.code == 1
    assert "no upper limit in range" in answer.err.splitlines()[-1]


@pytest.mark.parametrize("engine", ["nuem", "pyhf"])
def test_a_fit_that_fails_is_one_line(tmp_path: Path, engine: str) -> None:
    """Without signal nothing is expected where events are: that fit has no minimum.

    In a process of its own: pyhf logs a table and a traceback by itself.
    """
    document = {
        "version": "1.0.0",
        "channels": [{"name": "c", "samples": [
            {"name": "s", "data": [10.0], "modifiers": [
                {"name": "mu", "type": "normfactor", "data": None},
                {"name": "k", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}]}]}],
        "observations": [{"name": "c", "data": [7.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }  # fmt: skip
    path = tmp_path / "w.json"
    path.write_text(json.dumps(document))
    code = "from nuem.analysis.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "limit", str(path),
         "--engine", engine],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    *progress, last = done.stderr.splitlines()
    assert last.startswith(f"nuem: error: {path}: the fit did not converge")
    assert all(line.startswith("nuem: ") for line in progress)


# values that are no energies


BROKEN = {"energy": (slice(0, 3), [np.nan, -0.5, -0.1]), "score": ([5], np.nan)}


def test_broken_values_are_counted_and_warned_of(
    nuem: Nuem, experiment: Path, write: Callable[..., Path]
) -> None:
    answer = nuem("histogram", experiment, write(**BROKEN), "-o", "h.json")
    assert answer.code == 0
    warnings = [x for x in answer.err.splitlines() if x.startswith("nuem: warning: ")]
    assert any("on: 1 events with NaN in an observable" in x for x in warnings)
    assert any("on: 2 events with a negative energy" in x for x in warnings)
    assert any("on: 1 events with NaN in the cut 'quality'" in x for x in warnings)
    document = json.loads(Path("h.json").read_text())
    flow = document["cut_flow"]["on"]
    assert (flow["assigned"], flow["nan"], flow["negative"]) == (200, 1, 2)
    assert flow["cuts"][0]["nan"] == 1
    assert flow["accepted"] == 196
    assert any("negative energy" in warning for warning in document["warnings"])


def test_broken_values_are_errors_in_strict_mode(
    nuem: Nuem, experiment: Path, write: Callable[..., Path]
) -> None:
    answer = nuem("histogram", experiment, write(**BROKEN), "-o", "h.json", "--strict")
    assert answer.code == 2
    assert "negative energy" in answer.err.splitlines()[-1]
    assert not Path("h.json").exists()


def test_the_schema_is_one_json_document(nuem: Nuem) -> None:
    answer = nuem("list", "--schema")
    assert answer.code == 0
    assert json.loads(answer.out)["title"] == "Experiment"
