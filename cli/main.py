"""The operator's command line: `billhook COMMAND`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import typer

_STDERR: Final = 2
# As the shell reports a process that Ctrl-C ended.
_INTERRUPTED: Final = 130
# Control characters, and the bytes that were not UTF-8. As for texts of the API's callers, whose
# module `billhook --help` does not import.
UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Command:
    """A command or group of commands; its module is imported when the command is used."""

    module: str
    attribute: str
    help: str


# The help texts repeat those of the modules, so that `billhook --help` imports none of them.
COMMANDS: Final = {
    "up": Command(
        "cli.up",
        "up",
        "Run the whole system here, on its own PostgreSQL and Redis, with a sandbox.",
    ),
    "migrate": Command(
        "cli.migrate",
        "migrate_command",
        "Apply pending migrations to the database of BILLHOOK_DATABASE_URL; safe to repeat.",
    ),
    "doctor": Command(
        "cli.doctor",
        "doctor",
        "Check the installation and print how to fix what is wrong; exits with 1 if a check fails.",
    ),
    "demo": Command(
        "cli.demo", "app", "Print the demo that `billhook up` creates, and fill the dashboard."
    ),
    "apps": Command("cli.apps", "apps", "Manage apps: the systems whose tenants are billed."),
    "keys": Command("cli.keys", "keys", "Manage an app's API keys."),
    "tenants": Command("cli.tenants", "tenants", "Erase tenants' personal data."),
    "connections": Command(
        "cli.connections", "connections", "Manage an app's credentials at its providers."
    ),
    "work": Command("cli.work", "work", "List unfinished work and dead letters, and resend them."),
    "reconcile": Command(
        "cli.reconcile", "reconcile", "Compare with the providers, and report differences."
    ),
    "log": Command(
        "cli.log", "log", "Verify the event log, skip an event, and move old partitions."
    ),
    "clusters": Command(
        "cli.clusters", "clusters", "List and remove the databases that root's data folders had."
    ),
    "import": Command("cli.import_", "imports", "Import tenants, and a provider's history."),
    "connect": Command("cli.connect", "connect", "Connect an app to a provider."),
}


def command_line(used: str | None = None) -> typer.Typer:
    """Build the command line. `used`: the only command to import; None imports all."""
    app = typer.Typer(
        name="billhook",
        help="One billing API over Stripe and Mollie.",
        no_args_is_help=True,
        # A traceback that shows local variables shows secrets.
        pretty_exceptions_show_locals=False,
    )
    app.callback()(_prepare)
    for name, command in COMMANDS.items():
        if used not in (None, name):
            app.command(name, help=command.help)(_not_imported)
            continue
        found = getattr(import_module(command.module), command.attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    """Run the command line: the console script `billhook`.

    Ends with a message where a file cannot be read or written, standard output among them, and
    where a time is beyond the calendar; with 130 by Ctrl-C, also while modules are imported.
    """
    _open_standard_files()
    _require_text(sys.argv[1:])
    completing = "_BILLHOOK_COMPLETE" in os.environ
    used = sys.argv[1] if len(sys.argv) > 1 else "--help"
    try:
        try:
            command_line(None if completing else used)(obj=_configure_logging)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except OverflowError as error:
        sys.exit(f"billhook: {error}")
    except OSError as error:
        if error.errno is None:  # such as a time-out, which is none of a file's
            raise
        _discard_output()
        sys.exit(f"billhook: {error}")


def _discard_output() -> None:
    """Lead standard output to nothing: the interpreter writes what is left of it at its end."""
    if sys.stdout is not None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def _open_standard_files() -> None:
    """Open standard input, output and error on nothing where they are closed.

    Else the next files get their numbers: of a socket among them libuv aborts the process.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(opened)


def _require_text(arguments: Sequence[str]) -> None:
    """End the command unless its arguments are printable text: names are kept, and shown again."""
    for number, argument in enumerate(arguments, start=1):
        if UNSAFE.search(argument):
            sys.exit(f"billhook: argument {number} has control characters, or is not UTF-8")


def _prepare(context: typer.Context) -> None:
    """Set up the process for a command, and read the settings of the system that runs here."""
    # Read by Stripe's SDK when it is imported: it would print bodies with personal data.
    os.environ.pop("STRIPE_LOG", None)
    configure: Callable[[], None] | None = context.obj
    if configure is not None:
        configure()
    if context.invoked_subcommand != "up":
        from cli.common import DEFAULT_DATA_DIR, adopt_running_system  # noqa: PLC0415 - see COMMANDS

        adopt_running_system(Path(os.environ.get("BILLHOOK_DATA_DIR", DEFAULT_DATA_DIR)))


def _configure_logging() -> None:
    """Send log lines to standard error: standard output has the command's result."""
    from eventlog.process.log_setup import configure_logging  # noqa: PLC0415 - see COMMANDS

    chosen = os.environ.get("BILLHOOK_LOG_FORMAT", "json")
    configure_logging("console" if chosen == "console" else "json")


def _not_imported() -> None:
    """Stand in for a command that is not used."""


if __name__ == "__main__":
    main()
