"""The application: global options, and how errors reach the user."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Annotated, Any

import typer

from discover._version import __version__
from discover.cli import (
    allocate_command,
    bench_command,
    board_command,
    compare_command,
    engine_commands,
    export_command,
    fit_command,
    import_command,
    law_commands,
    llm_commands,
    predict_command,
    report_command,
    run_commands,
    suggest_command,
    task_commands,
)
from discover.errors import DiscoverError, InterruptedRunError

USAGE, FAILURE, INTERRUPTED = 2, 1, 130

app = typer.Typer(
    name="discover",
    add_completion=True,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
for family in (
    run_commands, compare_command, fit_command, import_command, task_commands, bench_command, predict_command,
    allocate_command, suggest_command, report_command, board_command, export_command, law_commands, engine_commands,
    llm_commands,
):  # fmt: skip
    family.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"discover {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Examples: [bold]discover run data_constrained --budget 60s[/bold] finds the law of a shipped table, "
    "[bold]discover run runs.csv --target loss[/bold] that of your own."
)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with every error.")] = False,
) -> None:
    """Discover scaling laws that extrapolate, from a table of training experiments."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    Errors that a user can mend are one line on stderr. `--debug`, anywhere on the line, shows tracebacks.
    """
    _fill_streams()
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    if not debug:
        # What a user must know of a fit stands in its diagnosis; numpy's warnings would name our lines only.
        warnings.simplefilter("ignore")
    try:
        status: Any = app([word for word in given if word != "--debug"], prog_name="discover", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _report("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as problem:
        if debug:
            raise
        return _failed(problem)
    if status == INTERRUPTED:  # Typer takes an interrupt for a wish to exit
        return _report("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _fill_streams() -> None:
    """Gives a process whose stdout or stderr is closed one that goes nowhere.

    Otherwise the next file that it opens, such as a journal, would take the number of the closed one, and what
    libraries print would be written into it. A reader of stderr that goes away does not end a run, either.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    elif sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Notes(sys.stderr)


class _Notes(io.TextIOWrapper):
    """A stderr whose reader may go away."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        super().__init__(stream.buffer, stream.encoding, "backslashreplace", line_buffering=True)

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            self._give_up()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())

    def __del__(self) -> None:
        """The buffer stays open: it belongs to the interpreter."""


def _failed(problem: Exception) -> int:
    if isinstance(problem, DiscoverError):
        return _report(str(problem), problem.status if isinstance(problem, InterruptedRunError) else FAILURE)
    if isinstance(problem, typer.Abort):
        return _report("interrupted", INTERRUPTED)
    unexpected = _unexpected_value(problem)
    if unexpected is not None:
        return _report(unexpected, FAILURE)
    # Typer ships its own copy of click in some versions, so usage errors are known by what they can do.
    describe = getattr(problem, "format_message", None)
    if describe is not None:
        context = getattr(problem, "ctx", None)
        path = context.command_path if context is not None else "discover"
        return _report(f"{describe().rstrip('.')}. See: {path} --help", USAGE)
    if isinstance(problem, OSError) and problem.strerror:
        place = f"{problem.filename}: " if problem.filename else ""
        return _report(f"{place}{problem.strerror}", FAILURE)
    if isinstance(problem, MemoryError):
        return _report("out of memory", FAILURE)
    return _report(
        f"internal error: {type(problem).__name__}: {problem}. "
        "This is a mistake in discover; run again with --debug and report the traceback.",
        FAILURE,
    )


def _unexpected_value(problem: Exception) -> str | None:
    """What to say of an option whose value is of another kind or out of its range; None for other problems."""
    option = next(iter(getattr(getattr(problem, "param", None), "opts", ())), "")
    describe = getattr(problem.__cause__, "errors", None)
    found = describe()[0] if option and describe is not None else {}
    expected = {
        "int_parsing": "a whole number",
        "float_parsing": "a number",
        "greater_than_equal": f"at least {found.get('ctx', {}).get('ge')}",
    }.get(found.get("type", ""))
    return None if expected is None else f"{option} is {found['input']}; expected {expected}"


def _report(message: str, status: int) -> int:
    from discover.cli.output import note

    note(f"error: {message}")
    return status


def _closed_pipe() -> int:
    """Somebody like `head` stopped reading: not an error, but nothing more may be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
