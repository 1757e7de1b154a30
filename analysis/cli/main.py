"""The command line: ``nuem``. Every command is a thin call of a public function."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import traceback
from types import FrameType

import click

from nuem.inputs.errors import NuemError

__all__ = ["cli", "main"]

#: Command -> (module, object, one line of help). The modules are imported when a
#: command is called, so that help answers at once.
_COMMANDS = {
    "fetch": ("fetching", "fetch", "Public data, checked by sha256."),
    "run": ("running", "run", "All stages in a row: events to limit and figures."),
    "list": ("inspecting", "list_", "Experiments, processes and methods."),
    "info": ("inspecting", "info", "Versions, threads and tables."),
    "cross-section": ("predicting", "cross_section", "A differential cross section."),
    "figures": ("drawing", "figures", "Figures of the literature, drawn anew."),
    "simulate": ("events", "simulate", "ROOT events of an experiment."),
    "histogram": ("events", "histogram", "Events to histograms and cut flow."),
    "template": ("predicting", "template", "Expected signal by bin."),
    "workspace": ("inferring", "workspace", "Histograms and template to pyhf JSON."),
    "atom": ("atomic", "atom", "The atomic ionisation table of an element."),
    "limit": ("inferring", "limit", "Upper limit from a pyhf workspace."),
    "fit": ("diagnosing", "fit", "Best fit, uncertainties, pulls and correlations."),
    "scan": ("diagnosing", "scan", "-2 ln L against a parameter, and its islands."),
    "gof": ("diagnosing", "gof", "Goodness of fit, saturated and by toys."),
    "impacts": ("diagnosing", "impacts", "What each parameter does to the result."),
    "reproduce": ("reproducing", "reproduce", "Published numbers beside ours."),
    "manifest": ("events", "manifest", "sha256, entries and live time of files."),
    "merge": ("merging", "merge", "Put shards of toys or histograms together."),
    "combine": ("combining", "combine", "Several workspaces to one."),
    "digest": ("sharing", "digest", "Digests of a workspace and its parts."),
    "diff": ("sharing", "diff", "What changed between two workspaces."),
    "export": ("exporting", "export", "A workspace in other programs' formats."),
    "recast": ("sharing", "recast", "Another signal on a published workspace."),
    "cite": ("sharing", "cite", "BibTeX of what a result is made of."),
    "hepdata": ("sharing", "hepdata", "A HEPData submission of an analysis."),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        loaded = importlib.import_module(f"nuem.analysis.cli.{module}")
        command = getattr(loaded, attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        del ctx
        rows = [(name, help_) for name, (_, _, help_) in _COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"nuem {version('nuem')}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True,
    callback=_print_version, help="Show the version and exit.",
)  # fmt: skip
def cli() -> None:
    """Limits on the electromagnetic couplings of neutrinos, from detector events.

    Exit codes: 0 done; 1 the analysis has no answer; 2 the call, the configuration or
    an input is wrong; 130 interrupted, and 143 terminated: what is done is kept.
    """


class _Terminated(KeyboardInterrupt):
    """The end of the time that a batch system gives; what is done is kept as well."""


def _terminate(signum: int, _frame: FrameType | None) -> None:
    raise _Terminated(signum)


def main() -> None:
    """Entry point: one line for an expected error, its exit code, no traceback."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        _main()
    finally:
        signal.signal(signal.SIGTERM, before)


def _main() -> None:
    debug = "--debug" in sys.argv
    if not debug:  # pyhf logs a table and a traceback of each fit that fails
        logging.getLogger("pyhf").addHandler(logging.NullHandler())
    try:
        cli(standalone_mode=False)
    except NuemError as error:
        if debug:
            traceback.print_exc()
        click.echo(f"nuem: error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"nuem: error: {' '.join(error.format_message().split())}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        first = error.__cause__ or error
        for note in getattr(first, "__notes__", ()):
            click.echo(f"nuem: {note}", err=True)
        ended = isinstance(first, _Terminated)
        click.echo(f"nuem: {'terminated' if ended else 'interrupted'}", err=True)
        sys.exit(143 if ended else 130)
    except BrokenPipeError:
        # the reader of a pipe went away; nothing is left to say, nor to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
