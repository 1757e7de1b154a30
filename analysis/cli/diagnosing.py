"""``nuem fit``, ``scan``, ``gof`` and ``impacts``: what stands behind a limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nuem.analysis.cli.common import (
    conditional_option,
    debug_option,
    deliver,
    json_option,
    parse_shard,
    progress,
)
from nuem.inputs.errors import InputError

if TYPE_CHECKING:
    from nuem.analysis.inference.likelihood import Likelihood

__all__ = ["fit", "gof", "impacts", "scan"]


_Command = TypeVar("_Command", bound=Callable[..., Any])


def _options(command: Any) -> Any:
    for option in (
        debug_option,
        json_option,
        click.option(
            "-o", "--output", help="Write the JSON document here; - is stdout."
        ),
        click.option("--measurement", help="Name of the measurement, if several."),
        click.argument("workspace_file", metavar="WORKSPACE"),
    ):
        command = option(command)
    return command


_figure = click.option("--figure", metavar="STEM", help="Draw STEM.pdf and STEM.png.")


def _keep(what: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--keep", metavar="DIR",
        help=f"Keep toys{what} here, and go on from those that are there.",
    )  # fmt: skip


_shard = click.option(
    "--shard", metavar="I/N",
    help="Throw the I-th of N parts of the toys; wants --keep.",
)  # fmt: skip


def _load(workspace_file: str, measurement: str | None) -> tuple[Any, Any]:
    from nuem.analysis.exchange.workspace import definition_of, read_workspace

    loaded = read_workspace(workspace_file)
    return loaded, (definition_of(loaded, measurement) or {}).get("links")


def _likelihood(workspace_file: str, measurement: str | None) -> Likelihood:
    from nuem.analysis.inference.likelihood import Likelihood

    loaded, links = _load(workspace_file, measurement)
    made = Likelihood(
        loaded.spec, measurement=measurement, links=links, name=loaded.name
    )
    if made.poi >= 0:  # a workspace of backgrounds alone may have none
        made.check_signal()
    return made


def _save(figure: Any, stem: str) -> None:
    from nuem.plots.style import save

    for path in save(figure, stem):
        click.echo(f"wrote {path}", err=True)


def _answer(document: Any, lines: list[str], output: str | None, as_json: bool) -> None:
    if output is not None:
        deliver(document, output)
    if as_json and output != "-":
        deliver(document, "-")
    elif output != "-":
        click.echo("\n".join(lines))


@click.command()
@_options
@_figure
def fit(
    workspace_file: str, measurement: str | None, figure: str | None, output: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Fit WORKSPACE: parameters, uncertainties, pulls, correlations."""
    from nuem.analysis.inference.fit import best_fit

    loaded, links = _load(workspace_file, measurement)
    found = best_fit(
        loaded.spec, measurement=measurement, links=links, name=loaded.name
    )
    lines = [f"-2 ln L = {found.twice_nll:.6f}"]
    for name, value in found.values.items():
        pull = found.pulls.get(name)
        text = (
            ""
            if pull is None
            else f"   pull {pull:+.2f} +- {found.constraints[name]:.2f}"
        )
        bound = "   at its bound" if name in found.at_bound else ""
        lines.append(
            f"  {name:24s} {value: .5g} +- {found.errors[name]:.3g}{text}{bound}"
        )
    _answer(found.to_dict(), lines, output, as_json)
    if figure is not None:
        from nuem.plots.pulls import pulls

        names = list(found.pulls)[:60]
        _save(
            pulls(
                names=names, values=[found.pulls[n] for n in names],
                errors=[found.constraints[n] for n in names],
            ),
            figure,
        )  # fmt: skip


@click.command()
@click.option("--parameter", help="Which one [default: the parameter of interest].")
@click.option("--against", help="A second one: the region of both.")
@click.option("--points", type=click.IntRange(3), help="Values [101; of two: 31 each].")
@click.option("--cl", default=0.9, show_default=True, help="Level of the islands.")
@click.option(
    "--toys", default=0, show_default=True, type=click.IntRange(0),
    help="At each point of a region; 0: the asymptotic critical value.",
)  # fmt: skip
@click.option(
    "--toy-points", type=click.IntRange(2), metavar="N",
    help="Throw toys at N of the values of each parameter only, and interpolate the "
    "critical value.  [default: at all]",
)  # fmt: skip
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@conditional_option
@_keep(" of a region")
@_shard
@_options
@_figure
def scan(
    workspace_file: str, measurement: str | None, figure: str | None, output: str | None,
    as_json: bool, parameter: str | None, against: str | None, points: int | None,
    cl: float, **how: Any,
) -> None:  # fmt: skip
    """Scan -2 ln L of WORKSPACE against one parameter or two, the others at their best."""
    if not 0 < cl < 1:
        raise InputError("confidence level", field="--cl", found=f"{cl:.15g}",
                         expected="0 to 1")  # fmt: skip
    if against is None:
        for name in ("toys", "toy_points", "conditional", "keep", "shard"):
            if how[name]:
                raise InputError(
                    "toys are thrown for a region of two parameters",
                    field=f"--{name.replace('_', '-')}", found=how[name],
                    expected="--against, or nuem limit --method feldman-cousins",
                )  # fmt: skip
    loaded, _ = _load(workspace_file, measurement)
    likelihood = _likelihood(workspace_file, measurement)
    show = _Shown(output, as_json, figure)
    if against is not None:
        names = (parameter or likelihood.poi_name, against)
        if names[0] == names[1]:
            raise InputError("a parameter against itself", field="--against",
                             found=against, expected="another one")  # fmt: skip
        meaning = _meaning(loaded, measurement)
        _region(likelihood, names, meaning, points or 31, cl, show, **how)
        return
    _line(likelihood, parameter, points or 101, cl, show)


@dataclass(frozen=True)
class _Shown:
    """How an answer is wanted."""

    output: str | None
    as_json: bool
    figure: str | None


def _symbol(name: str) -> str:
    """A coupling such as q_mu as it is printed; other names as they are."""
    symbol, _, flavour = name.partition("_")
    printed = {"e": "e", "mu": r"\mu", "tau": r"\tau"}
    return f"${symbol}_{printed[flavour]}$" if flavour in printed else name


def _meaning(loaded: Any, measurement: str | None) -> dict[str, Any]:
    """Unit and size of one unit of the parameters that are couplings themselves."""
    from nuem.analysis.exchange.workspace import definition_of

    found = definition_of(loaded, measurement) or {}
    return {
        link["parameter"]: {"reference": found["reference"], "unit": found["unit"]}
        for link in (found.get("links") or {}).values()
    }


def _line(
    likelihood: Likelihood, parameter: str | None, points: int, cl: float, show: _Shown
) -> None:
    """Scan of one parameter."""
    from scipy.special import chdtri

    from nuem.analysis.inference.profile import profile
    from nuem.analysis.inference.results import percent

    found = profile(likelihood, parameter=parameter, points=points)
    critical = float(chdtri(1, 1 - cl))
    islands = found.intervals(critical)
    document = {
        "parameter": found.parameter,
        "values": found.values.tolist(),
        "rise": found.rise.tolist(),
        "best_fit": found.best_fit,
        "twice_nll": found.best.twice_nll,
        "minima": [list(m) for m in found.minima],
        "cl": cl,
        "calibration": "asymptotic",
        "intervals": [list(i) for i in islands],
    }
    lines = [f"{found.parameter}: best fit {found.best_fit:.5g}"]
    lines += [
        f"  minimum at {at:.5g}, {rise:.3g} above" for at, rise in found.minima[1:]
    ]
    lines += [
        f"  {percent(cl)} interval (asymptotic) {a:.5g} to {b:.5g}" for a, b in islands
    ]
    _answer(document, lines, show.output, show.as_json)
    if show.figure is not None:
        from nuem.plots.belts import likelihood_scan

        _save(
            likelihood_scan(
                values=found.values, rise=found.rise, critical=critical,
                intervals=islands, cl=cl, parameter=found.parameter,
            ),
            show.figure,
        )  # fmt: skip


def _region(
    likelihood: Likelihood, names: tuple[str, str], meaning: dict[str, Any], points: int,
    cl: float, show: _Shown, *, toys: int, seed: int, toy_points: int | None,
    conditional: bool, keep: str | None, shard: str | None,
) -> None:  # fmt: skip
    """Region of two parameters, as far as it may reach."""
    import numpy as np
    from scipy.special import chdtri

    from nuem.analysis.inference.regions import region, region_spans
    from nuem.analysis.inference.results import percent
    from nuem.analysis.inference.toys import shard_range, tidy

    part = parse_shard(shard, keep)
    if part is not None:
        if not toys:
            raise InputError("a shard of no toys", field="--toys", found=toys)
        shard_range(toys, part)
    reach = 1.2 * float(chdtri(2, 1 - cl))
    spans = [tidy(np.array(s)) for s in region_spans(likelihood, names, reach)]
    x, y = (np.linspace(float(span[0]), float(span[1]), points) for span in spans)
    with progress() as say:
        found = region(
            likelihood, names, x, y, cl=cl, count=toys, seed=seed, toy_points=toy_points,
            fluctuate_aux=not conditional, progress=lambda text: say(f"region: {text}"),
            keep=keep, shard=part,
        )  # fmt: skip
    if part is not None:
        click.echo(
            f"{found.read + found.thrown} toys of shard {shard} are in {keep}: run all"
            " without --shard"
        )
        return
    thrown = None
    if toys:
        thrown = {"n": toys, "failed": found.failed, "seed": seed}
        if keep is not None:
            thrown |= {"read": found.read, "thrown": found.thrown}
    units = [meaning.get(name) for name in names]
    document = {
        "parameters": list(names),
        "x": x.tolist(),
        "y": y.tolist(),
        # JSON has no infinity
        "rise": [
            [r if r < np.inf else None for r in row] for row in found.rise.tolist()
        ],
        "critical": found.critical.tolist(),
        "toys_error": found.error.tolist() if toys else None,
        "best_fit": list(found.best_fit),
        "cl": cl,
        "calibration": found.calibration,
        "toys": thrown,
        "units": units,
    }
    share = float(found.accepted.mean())
    lines = [
        (
            f"{names[0]} and {names[1]}: best fit {found.best_fit[0]:.5g}, "
            f"{found.best_fit[1]:.5g}"
        ),
        (
            f"  {share:.1%} of {x[0]:.4g} to {x[-1]:.4g} by {y[0]:.4g} to {y[-1]:.4g} is "
            f"accepted at {percent(cl)} ({found.calibration})"
        ),
    ]
    for unit, name in zip(units, names, strict=True):
        if unit is not None:
            lines.append(f"  {name} in {unit['reference']:g} {unit['unit']}")
    outside = int(np.count_nonzero(np.isinf(found.rise)))
    if outside:
        lines.append(
            f"  at {outside} of {found.rise.size} points bins expect less than nothing: "
            "these are outside"
        )
    if thrown is not None:
        text = f"{toys} a point, {found.failed} failed"
        if keep is not None:
            text += f"; {found.read} were kept, {found.thrown} thrown"
        lines.append(
            f"  toys: {text}; critical values are known to {found.error.max():.2g} or"
            " better"
        )
    _answer(document, lines, show.output, show.as_json)
    if show.figure is not None:
        from nuem.plots.belts import region as draw

        # one unit for both axes, or none
        same = units[0] if units[0] == units[1] else None
        scale = 1.0 if same is None else same["reference"]
        highest = max(
            found.rise[np.isfinite(found.rise)].max(), 2 * found.critical.max()
        )
        _save(
            draw(
                x=x * scale, y=y * scale, rise=np.minimum(found.rise, highest),
                critical=found.critical,
                best_fit=(found.best_fit[0] * scale, found.best_fit[1] * scale), cl=cl,
                names=(_symbol(names[0]), _symbol(names[1])),
                unit="" if same is None else same["unit"],
                note="toys" if toys else "asymptotic",
            ),
            show.figure,
        )  # fmt: skip


@click.command()
@click.option("--toys", default=1000, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@conditional_option
@_keep("")
@_shard
@_options
def gof(
    workspace_file: str, measurement: str | None, output: str | None,
    as_json: bool, toys: int, seed: int, conditional: bool, keep: str | None,
    shard: str | None,
) -> None:  # fmt: skip
    """Goodness of fit of WORKSPACE: saturated, asymptotic and by toys."""
    from nuem.analysis.inference.diagnostics import goodness_of_fit

    part = parse_shard(shard, keep)
    if part is not None and not toys:
        raise InputError("a shard of no toys", field="--toys", found=toys)
    with progress() as say:
        found = goodness_of_fit(
            _likelihood(workspace_file, measurement), toys=toys, seed=seed,
            fluctuate_aux=not conditional, progress=say, keep=keep, shard=part,
        )  # fmt: skip
    if part is not None:
        click.echo(f"toys of shard {shard} are in {keep}: run all without --shard")
        return
    lines = [
        f"deviance {found.deviance:.4g} for {found.ndf} degrees of freedom",
        f"  p (asymptotic)  {found.p_asymptotic:.3g}",
    ]
    if found.p_toys is not None:
        lines.append(
            f"  p (toys)        {found.p_toys:.3g}   ({toys} {found.auxiliary},"
            f" {found.failed} failed)"
        )
    _answer(found.to_dict(), lines, output, as_json)


@click.command()
@click.option("--top", default=20, show_default=True, help="Number of those shown.")
@_options
@_figure
def impacts(
    workspace_file: str, measurement: str | None, figure: str | None, output: str | None,
    as_json: bool, top: int,
) -> None:  # fmt: skip
    """Rank the parameters of WORKSPACE by their impact on the result."""
    from nuem.analysis.inference.diagnostics import impact_notes
    from nuem.analysis.inference.diagnostics import impacts as find

    likelihood = _likelihood(workspace_file, measurement)
    found = find(likelihood)
    lines = [
        f"  {i.name:24s} {i.up:+.4g} {i.down:+.4g}"
        + ("" if i.pull is None else f"   pull {i.pull:+.2f} +- {i.constraint:.2f}")
        for i in found[:top]
    ]
    notes = impact_notes(likelihood, found)
    lines += [f"  note: {note}" for note in notes]
    document = {"impacts": [i.to_dict() for i in found], "notes": list(notes)}
    _answer(document, lines, output, as_json)
    if figure is not None:
        from nuem.plots.pulls import impacts as draw

        shown = found[:top]
        _save(
            draw(
                names=[i.name for i in shown], up=[i.up for i in shown],
                down=[i.down for i in shown], pulls=[i.pull for i in shown],
                errors=[i.constraint for i in shown], parameter=likelihood.poi_name,
            ),
            figure,
        )  # fmt: skip
