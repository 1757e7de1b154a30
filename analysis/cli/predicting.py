"""``nuem cross-section`` and ``nuem template``."""

from __future__ import annotations

import math

import click

from nuem.analysis.cli.common import (
    debug_option,
    deliver,
    force_option,
    json_option,
    process_option,
    progress,
    set_option,
)
from nuem.inputs.errors import InputError
from nuem.inputs.vocabulary import (
    COUPLING_SYMBOL,
    Flavour,
    Method,
    Photoabsorption,
    Process,
    Regulator,
)

__all__ = ["cross_section", "template"]


@click.command("cross-section")
@click.argument("process", type=click.Choice([p.value for p in Process]))
@click.option("--target", required=True, help="Element, such as Ge.")
@click.option("--energy", required=True, type=float, help="Neutrino energy, MeV.")
@click.option("--recoil", required=True, help="Energy transfers, keV, with commas.")
@click.option(
    "--method", type=click.Choice([m.value for m in Method]), default="free",
    show_default=True, help="How the electrons of the atom are treated.",
)  # fmt: skip
@click.option("--coupling", type=float, help="Coupling, in its unit.")
@click.option(
    "--flavour", type=click.Choice([f.value for f in Flavour]), default="anti-nu-e",
    show_default=True, help="Neutrino at the detector.",
)  # fmt: skip
@click.option(
    "--photoabsorption", type=click.Choice([p.value for p in Photoabsorption]),
    default="henke", show_default=True, help="Table for the equivalent photons.",
)  # fmt: skip
@click.option(
    "--regulator", type=click.Choice([r.value for r in Regulator]),
    default="neutrino-mass", show_default=True,
    help="What ends the logarithm of the virtual photons.",
)  # fmt: skip
@click.option(
    "--sin2-theta-w", type=float, default=0.23863, show_default=True,
    help="Weak mixing angle.",
)  # fmt: skip
@json_option
@debug_option
def cross_section(
    process: str,
    target: str,
    energy: float,
    recoil: str,
    method: str,
    coupling: float | None,
    flavour: str,
    photoabsorption: str,
    regulator: str,
    sin2_theta_w: float,
    as_json: bool,
) -> None:
    """Differential cross section of PROCESS per atom, cm2/keV."""
    from nuem.models.electron import cross_section as calculate

    transfers = _numbers(recoil)
    if coupling is None and COUPLING_SYMBOL[Process(process)] is not None:
        raise InputError("the process needs a coupling", field="--coupling",
                         found="none", expected="a number")  # fmt: skip
    values = calculate(
        process, target, energy, transfers, method=method,
        coupling=0.0 if coupling is None else coupling, flavour=flavour,
        photoabsorption=photoabsorption, regulator=regulator,
        sin2_theta_w=sin2_theta_w,
    )  # fmt: skip
    document = {
        "process": process,
        "target": target,
        "method": method,
        "unit": "cm2/keV/atom",
        "recoil_kev": transfers,
        "value": [float(value) for value in values],
    }
    if as_json:
        deliver(document, "-")
        return
    click.echo(f"{process} on {target}, {method}, {energy:g} MeV  [cm2/keV/atom]")
    for transfer, value in zip(transfers, document["value"], strict=True):
        click.echo(f"  {transfer:>10g} keV  {value:.6e}")


@click.command()
@click.argument("experiment")
@click.option("-o", "--output", help="File [default: results/NAME/template.json].")
@process_option
@set_option
@force_option
@json_option
@debug_option
def template(
    experiment: str,
    output: str | None,
    process: str | None,
    settings: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Expected signal of EXPERIMENT by bin, per kg day, as a polynomial of the coupling."""
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.prediction import with_process
    from nuem.analysis.stages import make_template, stage_provenance
    from nuem.inputs.catalogue import load_experiment

    loaded = load_experiment(experiment, settings)
    if process is not None:
        loaded = with_process(loaded, process)
    path = output or f"results/{loaded.name}/template.json"
    configuration = {"stage": "template"}
    if path != "-":
        base = stage_provenance(loaded, configuration)["configuration"]
        guard_output(path, base, force)
    with progress() as say:
        say("template")
        document = make_template(loaded, configuration=configuration).to_dict()
    deliver(document, path)
    if as_json and path != "-":
        deliver(document, "-")


def _numbers(text: str) -> list[float]:
    values = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            raise InputError(
                "not a number", field="--recoil", found=repr(part),
                expected="keV, with commas",
            ) from None  # fmt: skip
        if not math.isfinite(value) or value <= 0:
            raise InputError("recoil", field="--recoil", found=part, expected="above 0")
        values.append(value)
    return values
