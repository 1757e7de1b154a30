"""Binned values from text and UHI JSON, and the way from them to a limit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from nuem.analysis.modelling import build_workspace
from nuem.analysis.pipeline import run
from nuem.analysis.prediction import predict
from nuem.analysis.spectra import read_spectra
from nuem.analysis.stages import make_spectra_workspace, make_template
from nuem.inputs.catalogue import load_experiment
from nuem.inputs.errors import InferenceError, InputError

PAGE = Path(__file__).parents[2] / "docs" / "data" / "new-data-set.md"
RATE = (
    "{kind: constant}, rate: {value: 20, unit: /(kg keV d), status: assumed, "
    "source: figure 2}"
)
LOW = np.round(np.arange(0.3, 2.25, 0.1), 10)


def page_yaml() -> str:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]


@pytest.fixture
def description(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(page_yaml())
    return path


def table(on: np.ndarray, off: np.ndarray, days: tuple[float, float]) -> str:
    """Rates in counts/(kg keV d) that were measured in so many kg days, 0.1 keV bins."""
    lines = ["# a comment", "low  high  on  on_error  off  off_error"]
    for low, a, b in zip(LOW, on, off, strict=True):
        errors = [np.sqrt(r / (0.1 * d)) for r, d in zip((a, b), days, strict=True)]
        lines.append(f"{low} {low + 0.1} {a} {errors[0]} {b} {errors[1]}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def spectrum(tmp_path: Path) -> Path:
    generator = np.random.default_rng(3)
    on = generator.poisson(200.0, LOW.size) / 10.0
    off = generator.poisson(100.0, LOW.size) / 5.0
    path = tmp_path / "spectrum.txt"
    path.write_text(table(on, off, (100.0, 50.0)))
    return path


def test_the_tutorial_is_below_thirty_lines_and_runs(
    description: Path, spectrum: Path, tmp_path: Path
) -> None:
    assert page_yaml().count("\n") < 30
    result = run(description, [spectrum], output=tmp_path / "out")
    assert result.limit.coupling is not None
    assert 1e-12 < result.limit.coupling.upper_limit < 1e-9
    assert result.limit.p0 > 0.001
    meta = json.loads(result.paths["meta"].read_text())
    assert meta["observation"] == "scaled-counts"
    assert set(meta["spectra"]["on"]) == {"values", "errors", "counts", "factors"}
    assert meta["provenance"]["inputs"][0]["file"] == str(spectrum)
    assert result.channels["on"]["rate"] == pytest.approx(20.0, rel=0.05)


def test_rates_are_the_counts_that_they_came_from(
    description: Path, spectrum: Path, tmp_path: Path
) -> None:
    """Rates with errors sqrt(n)/exposure, and the counts n: the same workspace."""
    rates = load_experiment(description)
    text = description.read_text().replace("scaled-counts", "counts")
    text = text.replace(
        "per: keV, exposure: {value: 1, unit: kg day, status: published, "
        "source: axis of figure 2}, ", "",
    ).replace(", error: on_error", "").replace(", error: off_error", "")  # fmt: skip
    other = tmp_path / "counts.yaml"
    other.write_text(text)
    counted = load_experiment(other)
    rows = np.loadtxt(spectrum, skiprows=2)
    raw = tmp_path / "counts.csv"
    raw.write_text(
        "low, high, on, off\n"
        + "".join(f"{r[0]}, {r[1]}, {r[2] * 10}, {r[4] * 5}\n" for r in rows)
    )
    a = make_spectra_workspace(
        rates, read_spectra(rates, [spectrum]), predict(rates)
    ).spec
    b = make_spectra_workspace(
        counted, read_spectra(counted, [raw]), predict(counted)
    ).spec
    for one, two in zip(a["observations"], b["observations"], strict=True):
        np.testing.assert_allclose(one["data"], two["data"], rtol=1e-6)
    for one, two in zip(a["channels"], b["channels"], strict=True):
        for s, t in zip(one["samples"], two["samples"], strict=True):
            np.testing.assert_allclose(s["data"], t["data"], rtol=1e-4)


def test_the_model_is_multiplied_by_counts_per_value(
    description: Path, tmp_path: Path
) -> None:
    """Errors twice as large: a quarter of the counts, a quarter of the signal."""
    experiment = load_experiment(description)
    values = np.full(LOW.size, 20.0)
    counts, signals = [], []
    for days in ((100.0, 50.0), (25.0, 12.5)):
        path = tmp_path / f"{days[0]}.txt"
        path.write_text(table(values, values, days))
        spectra = read_spectra(experiment, [path])
        workspace = build_workspace(
            experiment, spectra.counts, spectra.exposures(experiment), predict(experiment)
        )  # fmt: skip
        counts.append(spectra.counts["on"])
        samples = workspace.spec["channels"][0]["samples"]
        signals.append(np.array(samples[0]["data"]))
    np.testing.assert_allclose(counts[0], 200.0)
    np.testing.assert_allclose(counts[0], 4 * counts[1])
    np.testing.assert_allclose(signals[0], 4 * signals[1])


def test_finer_bins_are_added_up(description: Path, tmp_path: Path) -> None:
    experiment = load_experiment(
        description, ["observables.energy.binning.0.width=0.5"]
    )
    path = tmp_path / "fine.txt"
    path.write_text(table(np.arange(20.0, 40.0), np.full(20, 9.0), (100.0, 50.0)))
    spectra = read_spectra(experiment, [path])
    np.testing.assert_allclose(spectra.channels["on"].values, [22, 27, 32, 37])
    np.testing.assert_allclose(spectra.channels["on"].counts, [1100, 1350, 1600, 1850])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("on_error", "error_on"), "no such column: found 'on_error', expected low"),
        (("0.3 0.4 ", "0.31 0.4 "), r"0\.3 to 0\.4: a bin of the analysis is not fil"),
        (("0.3 0.4 ", "0.3 0.5 "), r"straddles an edge.*found 0\.3 to 0\.5"),
        (("0.3 0.4 20.0", "0.3 0.4 0.0"), "cannot be 0 or negative.*wider bins"),
        (
            ("0.3 0.4 20.0", "0.3 0.4 -1.0"),
            r"on: 0\.3 to 0\.4 keVee: scaled counts can",
        ),
        (("0.3 0.4 20.0", "0.3 0.4 nan"), "line 3: not a finite number: found 'nan'"),
        (("1.4142135623730951", "0"), "0.3 to 0.4: a value without error: found 20"),
        (("1.4142135623730951", "-1.4"), "0.3 to 0.4: an error below 0: found -1.4"),
        (("0.3 0.4 ", "0.4 0.3 "), r"0\.4 to 0\.3: a bin without width"),
        (("0.4 0.5 ", "0.3 0.4 "), r"0\.3 to 0\.4: bins overlap"),
    ],
)
def test_a_spectrum_that_is_wrong(
    description: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    values = np.full(LOW.size, 20.0)
    text = table(values, values, (100.0, 50.0))
    assert change[0] in text
    path = tmp_path / "spectrum.txt"
    path.write_text(text.replace(*change))
    with pytest.raises(InputError, match=message):
        read_spectra(load_experiment(description), [path])


def test_a_channel_in_no_file_or_in_two(
    description: Path, spectrum: Path, tmp_path: Path
) -> None:
    experiment = load_experiment(description)
    with pytest.raises(InputError, match="a channel is there twice"):
        read_spectra(experiment, [spectrum, spectrum])
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    with pytest.raises(InputError, match=r"no file has the channel.*empty\.json"):
        read_spectra(experiment, [empty])
    with pytest.raises(InputError, match="no files: binned values are not simulated"):
        run(description, output=tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("scaled-counts", "counts"), "channels.on: observation 'counts' has no 'error'"),
        ((", error: on_error", ""), "observation 'scaled-counts' needs 'error'"),
        (("low: low, high: high", "low: low"), "give either 'centre' and 'width'"),
        ((RATE, "{kind: free-per-bin}"), "cannot be free-per-bin"),
    ],
)  # fmt: skip
def test_a_description_that_is_wrong(
    description: Path, change: tuple[str, str], message: str
) -> None:
    text = description.read_text()
    assert change[0] in text
    description.write_text(text.replace(*change))
    with pytest.raises(InputError, match=message):
        load_experiment(description)


def test_what_finer_bins_would_hide(description: Path, tmp_path: Path) -> None:
    """Adding up leaves the width, and the size of an error, as they should be."""
    wide = load_experiment(description, ["observables.energy.binning.0.width=0.2"])
    values = np.full(LOW.size, 20.0)
    text = table(values, values, (100.0, 50.0))
    path = tmp_path / "spectrum.txt"
    for change, message in (
        (("0.4 0.5 ", "0.3 0.4 "), "bins overlap"),
        (("1.4142135623730951", "-1.4142135623730951"), "an error below 0"),
        (("1.4142135623730951", "0.0"), "a value without error"),
    ):
        assert change[0] in text
        path.write_text(text.replace(*change, 1))
        with pytest.raises(InputError, match=message):
            read_spectra(wide, [path])


UNBINNED = (
    "spectrum: {unbinned: true, channels: {on: {value: 1, file: on.csv}, "
    "off: {value: 1, file: off.csv}}}\n"
)


@pytest.fixture
def energies(tmp_path: Path, description: Path) -> tuple[Path, Path, Path]:
    """Description and the energies of two periods."""
    text = re.sub(r"spectrum: .*\n", UNBINNED, description.read_text())
    path = tmp_path / "unbinned.yaml"
    path.write_text(text.replace("scaled-counts", "counts"))
    generator = np.random.default_rng(4)
    for name, count in (("on", 3000), ("off", 1500)):
        rows = generator.uniform(0.1, 3.0, count)
        (tmp_path / f"{name}.csv").write_text("\n".join(map(str, rows)) + "\n")
    return path, tmp_path / "on.csv", tmp_path / "off.csv"


def test_single_energies_that_are_wrong(energies: tuple[Path, Path, Path]) -> None:
    path, on, off = energies
    experiment = load_experiment(path)
    text = on.read_text()
    on.write_text("nan\n" + text)  # which is no name of a column
    with pytest.raises(InputError, match="line 1: not a finite number: found 'nan'"):
        read_spectra(experiment, [on, off])
    on.write_text("".join(f"{1000 * float(x)}\n" for x in text.split()))
    with pytest.raises(
        InferenceError, match=r"on: no energy lies in the bins: found 1"
    ):
        read_spectra(experiment, [on, off])
    on.write_text(text + "-1\n-2\n")
    spectra = read_spectra(experiment, [on, off])
    assert spectra.warnings == ("on: 2 energies below 0 are left out",)
    workspace = make_spectra_workspace(experiment, spectra, predict(experiment))
    assert workspace.meta is not None
    assert workspace.meta["warnings"] == list(spectra.warnings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("off: {value: off, error: off_error}", "off: {value: on, error: on_error}"),
         "value 'on' is that of 'on'"),
        (('cut_efficiency: {expression: "1"', "cut_efficiency: {points: [[0, -0.1], [9, 1]]"),
         "an efficiency of -0.1 at 0, expected 0 to 1"),
        (("kernel_width", "kernelwidth"), "response.*unknown key"),
    ],
)  # fmt: skip
def test_descriptions_that_contradict_themselves(
    description: Path, change: tuple[str, str], message: str
) -> None:
    text = description.read_text()
    assert change[0] in text
    description.write_text(text.replace(*change))
    with pytest.raises(InputError, match=message):
        load_experiment(description)


def test_a_run_says_how_well_it_fits(
    description: Path, spectrum: Path, tmp_path: Path
) -> None:
    result = run(description, [spectrum], output=tmp_path / "out")
    gof = result.limit.gof
    assert gof is not None
    assert (gof["statistic"], gof["calibration"]) == ("saturated", "asymptotic")
    assert (gof["bins"], gof["sparse"], gof["ndf"]) == (40, 0, 38)
    assert 15 < gof["deviance"] < 70
    assert 1e-3 < gof["p_asymptotic"] < 0.999
    assert json.loads(result.paths["limit"].read_text())["gof"] == gof


def test_a_blind_experiment_stays_closed(description: Path, spectrum: Path) -> None:
    experiment = load_experiment(description, ["blind=true"])
    spectra = read_spectra(experiment, [spectrum])
    with pytest.raises(InputError, match="--unblind"):
        make_spectra_workspace(experiment, spectra, make_template(experiment))
    workspace = make_spectra_workspace(
        experiment, spectra, make_template(experiment), unblind=True
    )
    assert workspace.meta is not None
    assert len(workspace.meta["unblinded"]) == 64


def test_a_quenching_is_chosen_by_name() -> None:
    chosen = load_experiment(
        "dresden-ii", ["detectors.ge.response.quenching=photo-neutron"]
    )
    assert chosen.detectors[0].response.quenching == chosen.quenchings["photo-neutron"]
    with pytest.raises(InputError, match=r"no 'other', there are: iron-filter, lind"):
        load_experiment("dresden-ii", ["detectors.ge.response.quenching=other"])


# --- other releases: Gaussian values, single events with a table of efficiencies


def gaussian(description: Path) -> Path:
    text = description.read_text().replace("scaled-counts", "gaussian")
    description.write_text(text)
    return description


def test_gaussian_values_have_the_chi_square_of_their_errors(
    description: Path, tmp_path: Path
) -> None:
    """The Poisson likelihood on a pedestal against chi^2, with values below 0."""
    experiment = load_experiment(gaussian(description))
    generator = np.random.default_rng(8)
    truth, error = 0.4, np.linspace(0.3, 0.9, LOW.size)
    on = truth + error * generator.standard_normal(LOW.size)
    lines = ["low high on on_error off off_error"]
    lines += [
        f"{low} {low + 0.1} {a} {s} 0.1 0.5"
        for low, a, s in zip(LOW, on, error, strict=True)
    ]
    path = tmp_path / "values.txt"
    path.write_text("\n".join(lines))
    assert (on < 0).any()
    spectra = read_spectra(experiment, [path])
    found = spectra.channels["on"]
    assert found.pedestal is not None
    assert (found.pedestal > 0).all()

    def twice_nll(model: np.ndarray) -> float:
        mean = found.factors * model + found.pedestal
        n = found.counts
        return float(2 * np.sum(mean - n + n * np.log(n / mean)))

    for model in (on, on + error, on - 2 * error, np.full(LOW.size, truth)):
        chi2 = float(np.sum(((on - model) / error) ** 2))
        assert twice_nll(model) == pytest.approx(chi2, rel=5e-3, abs=1e-9)


def test_gaussian_values_give_the_limit_of_their_scaled_counts(
    description: Path, spectrum: Path, tmp_path: Path
) -> None:
    """Where there are many counts in a bin the two descriptions agree."""
    scaled = run(description, [spectrum], output=tmp_path / "scaled")
    values = run(gaussian(description), [spectrum], output=tmp_path / "gaussian")
    assert scaled.limit.coupling is not None
    assert values.limit.coupling is not None
    assert values.limit.coupling.upper_limit == pytest.approx(
        scaled.limit.coupling.upper_limit, rel=0.1
    )
    assert values.channels["on"]["rate"] == pytest.approx(20.0, rel=0.05)
    spec = json.loads(values.paths["workspace"].read_text())
    assert [s["name"] for s in spec["channels"][0]["samples"]][1] == "pedestal"
    assert spec["channels"][0]["samples"][1]["modifiers"] == []
    meta = json.loads(values.paths["meta"].read_text())
    assert meta["observation"] == "gaussian"
    assert set(meta["spectra"]["on"]) >= {"values", "errors", "pedestal"}


def test_single_energies_and_a_table_of_efficiencies(
    description: Path, tmp_path: Path
) -> None:
    text = description.read_text().replace("scaled-counts", "counts")
    text = re.sub(
        r"spectrum: .*",
        "spectrum: {unbinned: true, channels: {on: {value: energy, file: on.csv}, "
        "off: {value: energy, file: off.csv}}}",
        text,
    )
    text = text.replace(
        'cut_efficiency: {expression: "1", status: published, source: corrected for}',
        "cut_efficiency: {table: {file: eff.csv, x: energy, y: efficiency}, "
        "status: published, source: figure 4}",
    )
    description.write_text(text)
    (tmp_path / "eff.csv").write_text("energy,efficiency\n0,0.4\n1,0.8\n3,0.9\n")
    generator = np.random.default_rng(2)
    for name, count in (("on", 4000), ("off", 2000)):
        energies = generator.uniform(0.2, 2.5, count)
        (tmp_path / f"{name}.csv").write_text(
            "energy\n" + "\n".join(map(str, [*energies, 2.3])) + "\n"
        )
    files = [tmp_path / "on.csv", tmp_path / "off.csv"]
    experiment = load_experiment(description)
    curve = experiment.detectors[0].response.cut_efficiency
    assert curve.source == "figure 4 [eff.csv]"
    np.testing.assert_allclose(curve(np.array([0.5, 2.0])), [0.6, 0.85])
    spectra = read_spectra(experiment, files)
    energies = np.loadtxt(files[0], skiprows=1)
    assert spectra.counts["on"].sum() == np.sum((energies >= 0.3) & (energies < 2.3))
    result = run(description, files, output=tmp_path / "out")
    assert result.limit.coupling is not None
    (tmp_path / "eff.csv").unlink()
    with pytest.raises(InputError, match=r"eff\.csv: cannot be read"):
        load_experiment(description)


def test_lines_of_which_nothing_says_what_they_are(
    description: Path, spectrum: Path
) -> None:
    text = description.read_text().replace("low: low, high: high, ", "")
    description.write_text(text)
    with pytest.raises(InputError, match=r"spectrum.channels.on.* has no 'error'"):
        load_experiment(description)
