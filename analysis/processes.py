"""Another process in place of those of an experiment file."""

from __future__ import annotations

from nuem.inputs.errors import InputError
from nuem.inputs.schema import Coupling, Experiment, Signal
from nuem.inputs.vocabulary import (
    COUPLING_DEFAULT,
    COUPLING_SYMBOL,
    COUPLING_UNIT,
    INTERFERING_PROCESSES,
    STANDARD_PROCESSES,
    Process,
)

__all__ = ["with_process"]


def with_process(experiment: Experiment, process: Process | str) -> Experiment:
    """The experiment with another process in place of its own.

    The coupling that drives it takes over the flavours of the experiment's own, with
    a reference value of its own.

    Raises
    ------
    InputError
        If there is no such process or it has no coupling.
    """
    try:
        process = Process(process)
    except ValueError:
        raise InputError(
            "no such process", found=repr(process), expected=", ".join(Process)
        ) from None
    symbol = COUPLING_SYMBOL[process]
    if symbol is None:
        raise InputError("the process has no coupling to set a limit on", found=process)
    method = next((s.method for s in experiment.signals if s.method), None)
    if not process.on_nuclei and method is None:
        raise InputError(
            "the experiment file names no method for electrons", found=process,
            expected="a signal on electrons in the file",
        )  # fmt: skip
    if [s.process for s in experiment.signals] == [process]:
        return experiment
    signals = _with_standard_model(experiment, process)
    on_electrons, on_nuclei, definition, zero = COUPLING_DEFAULT[symbol]
    reference = on_nuclei if process.on_nuclei else on_electrons
    coupling = Coupling.model_validate(
        {
            "symbol": symbol,
            "reference": {
                "value": reference, "unit": COUPLING_UNIT[symbol],
                "status": "assumed", "source": "scale of the workspace",
            },
            "definition": (
                f"diagonal coupling, interference with the Standard Model included ({zero})"
                if process in INTERFERING_PROCESSES and symbol != "ds2"
                else definition
            ),
            "flavours": experiment.coupling.flavours,
            "sign": (
                "that of the monomials of the template: a + b g + c g^2"
                if process in INTERFERING_PROCESSES
                else "only the square enters"
            ),
            "zero": zero,
        }
    )  # fmt: skip
    changed = experiment.model_copy(update={"signals": signals, "coupling": coupling})
    try:
        return Experiment.model_validate(changed.model_dump())
    except ValueError as error:
        problem = str(error).partition("Value error, ")[2].partition(" [type=")[0]
        raise InputError(
            problem or "the process does not fit the experiment", field="--process",
            found=str(process),
        ) from None  # fmt: skip


def _with_standard_model(experiment: Experiment, process: Process) -> list[Signal]:
    """The signal of a process, and the Standard Model where the file has it as well."""

    def signal(wanted: Process) -> Signal:
        # tables and options of the file hold for its other processes too
        alike = [
            s for s in experiment.signals if s.process.on_nuclei == wanted.on_nuclei
        ]
        if not alike:
            return Signal(process=wanted)
        return alike[0].model_copy(update={"process": wanted})

    signals = [signal(process)]
    for standard in STANDARD_PROCESSES:
        there = any(
            s.process.on_nuclei == standard.on_nuclei
            and s.process in (*STANDARD_PROCESSES, *INTERFERING_PROCESSES)
            for s in experiment.signals
        )
        own = process.on_nuclei == standard.on_nuclei
        if there and not (own and process in INTERFERING_PROCESSES):
            signals.append(signal(standard))
    return signals
