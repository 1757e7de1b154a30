"""``nuem cross-section`` and ``nuem template``."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

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
    Convention,
    Flavour,
    FormFactor,
    Method,
    Photoabsorption,
    Process,
    Regulator,
    WeakCouplings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nuem.models.options import OptionWords

__all__ = ["cross_section", "template"]


_DEFAULT = click.core.ParameterSource.DEFAULT
#: Where an option enters, for the message that it does not.
_NEEDS = {
    "couplings": "a process on nuclei",
    "form_factor": "a process on nuclei",
    "photoabsorption": "a millicharge on electrons by epa or epa+stepped",
    "regulator": "a millicharge on electrons by epa, epa+stepped or atomic",
    "density": "--regulator medium",
    "sin2_theta_w": "electrons, or --couplings tree",
    "atomic_shift": "--method atomic",
    "beyond_validity": "--method atomic",
}


def _words(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([str(word) for word in kind])


@click.command("cross-section")
@click.argument("process", type=_words(Process))
@click.option(
    "--target", required=True,
    help="Element (Ge), isotope (Ge72) or formula (CsI, C9H10).",
)  # fmt: skip
@click.option("--energy", required=True, type=float, help="Neutrino energy, MeV.")
@click.option("--recoil", required=True, help="Recoils, keV, with commas.")
@click.option(
    "--method", type=_words(Method),
    help="How the electrons of the atom are treated; for electrons only.  "
    "[default: free]",
)  # fmt: skip
@click.option(
    "--coupling", type=float,
    help="Charge in e, moment in mu_B, charge radius squared in cm^2 or shift of sin^2 "
    "theta_W (0 is the Standard Model).",
)  # fmt: skip
@click.option(
    "--flavour", type=_words(Flavour), default="anti-nu-e",
    show_default=True, help="Neutrino at the detector.",
)  # fmt: skip
@click.option(
    "--couplings", type=_words(WeakCouplings), default="radiative",
    show_default=True, help="Weak couplings of the nucleons; for nuclei.",
)  # fmt: skip
@click.option(
    "--form-factor", type=_words(FormFactor), default="helm",
    show_default=True, help="Form factor of the nucleus; for nuclei.",
)  # fmt: skip
@click.option(
    "--convention", type=_words(Convention), default="physical",
    show_default=True, help="Whose formulas: the correct ones, or as a paper has them.",
)  # fmt: skip
@click.option(
    "--regulator", type=_words(Regulator), default="neutrino-mass",
    show_default=True, help="What cuts off the log of soft photons: the first for "
    "comparison with published numbers, medium for new ones.",
)  # fmt: skip
@click.option(
    "--density", type=float, help="g/cm3, for --regulator medium.  [default: known]"
)
@click.option(
    "--photoabsorption", type=_words(Photoabsorption),
    default="henke", show_default=True, help="Table for the equivalent photons.",
)  # fmt: skip
@click.option(
    "--sin2-theta-w", type=float, default=0.23863, show_default=True,
    help="Weak mixing angle, for electrons and tree couplings.",
)  # fmt: skip
@click.option(
    "--atomic-shift", type=float, default=0.0, show_default=True,
    help="Atomic response in half-widths of its error band: -1 and 1 are its ends.",
)  # fmt: skip
@click.option(
    "--beyond-validity",
    is_flag=True,
    help="Use an atomic table where photoabsorption is off by more than 10 %.",
)
@json_option
@debug_option
def cross_section(
    process: str,
    target: str,
    energy: float,
    recoil: str,
    method: str | None,
    coupling: float | None,
    flavour: str,
    couplings: str,
    form_factor: str,
    convention: str,
    regulator: str,
    density: float | None,
    photoabsorption: str,
    sin2_theta_w: float,
    atomic_shift: float,
    beyond_validity: bool,
    as_json: bool,
) -> None:
    """Differential cross section of PROCESS, cm2/keV.

    Per atom for electrons, per nucleus of the natural mixture or of one isotope, and
    per formula unit for compounds.
    """
    from nuem.models.options import Options
    from nuem.models.process import cross_section as calculate
    from nuem.models.process import scattering

    chosen = Process(process)
    if COUPLING_SYMBOL[chosen] is None and coupling is not None:
        raise InputError("the process has no coupling", field="--coupling",
                         found=coupling, expected="none")  # fmt: skip
    if COUPLING_SYMBOL[chosen] is not None and coupling is None:
        raise InputError("the process needs a coupling", field="--coupling",
                         found="none", expected="a number")  # fmt: skip
    if method is None and not chosen.on_nuclei:
        method = "free"
    transfers = _numbers(recoil)
    options: OptionWords = {
        "sin2_theta_w": sin2_theta_w,
        "photoabsorption": photoabsorption,
        "couplings": couplings,
        "form_factor": form_factor,
        "convention": convention,
        "regulator": regulator,
        "density_g_cm3": density,
        "atomic_shift": atomic_shift,
        "beyond_validity": beyond_validity,
    }
    one = scattering(process, target, method, flavour, Options(**options))
    _refuse_idle_options(process, method, one.metadata)
    values = calculate(
        process, target, energy, transfers, method=method, coupling=coupling,
        flavour=flavour, **options,
    )  # fmt: skip
    document = {
        "process": process,
        "target": target,
        "method": method,
        "unit": one.unit,
        "recoil_kev": transfers,
        "value": [float(value) for value in values],
        "energy_mev": energy,
        "coupling": coupling,
        "flavour": flavour,
        **one.metadata,
        "notes": list(one.notes(min(transfers), max(transfers))),
    }
    if as_json:
        deliver(document, "-")
        return
    how = "" if method is None else f", {method}"
    click.echo(f"{process} on {target}{how}, {energy:g} MeV  [{one.unit}]")
    for transfer, value in zip(transfers, values, strict=True):
        click.echo(f"  {transfer:>10g} keV  {value:.6e}")
    for note in one.notes(min(transfers), max(transfers)):
        click.echo(f"note: {note}", err=True)


@click.command()
@click.argument("experiment")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("-o", "--output", help="File [default: results/NAME/template.json].")
@click.option("--response", help="File for the response matrix of each channel too.")
@process_option
@set_option
@force_option
@json_option
@debug_option
def template(
    experiment: str,
    files: tuple[str, ...],
    output: str | None,
    response: str | None,
    process: str | None,
    settings: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Expected signal of EXPERIMENT by bin, per kg day, as a polynomial of the coupling.

    FILEs (UHI JSON) have the histograms that the experiment file refers to, if it does.
    """
    from nuem.analysis.channel_models import response_matrices
    from nuem.analysis.exchange.provenance import guard_output
    from nuem.analysis.grid import read_given
    from nuem.analysis.processes import with_process
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
    export = None
    if response is not None:
        record = stage_provenance(loaded, {"stage": "response"})
        if response != "-":
            guard_output(response, record["configuration"], force)
        export = {
            "schema": "nuem-response-1",
            "channels": {
                name: matrix.as_dict()
                for name, matrix in response_matrices(loaded).items()
            },
            "provenance": record,
        }
    with progress() as say:
        say("template")
        given, inputs = read_given(files)
        document = make_template(
            loaded, given=given, inputs=inputs, configuration=configuration
        ).to_dict()
    deliver(document, path)
    if export is not None and response is not None:
        deliver(export, response)
    if as_json and path != "-":
        deliver(document, "-")


def _refuse_idle_options(
    process: str, method: str | None, used: Mapping[str, object]
) -> None:
    """An option that was given and does not enter the result is an error.

    ``used`` is the record of the choices that do enter, None for those that do not.
    """
    context = click.get_current_context()
    parameters = context.params
    medium = used.get("regulator") and parameters["regulator"] == Regulator.MEDIUM
    atomic = True if method == Method.ATOMIC else None
    enters = {
        "couplings": used.get("couplings of nucleons"),
        "form_factor": used.get("form factor"),
        "photoabsorption": used.get("photoabsorption"),
        "regulator": used.get("regulator"),
        "density": medium or None,
        "sin2_theta_w": used.get("sin2_theta_w"),
        "atomic_shift": atomic,
        "beyond_validity": atomic,
    }
    for name, value in enters.items():
        if value is None and context.get_parameter_source(name) is not _DEFAULT:
            how = process if method is None else f"{process} by {method}"
            raise InputError(
                "the option does not enter this prediction",
                field="--" + name.replace("_", "-"),
                found=f"{parameters[name]} for {how}",
                expected=f"the option left out, or {_NEEDS[name]}",
            )


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
