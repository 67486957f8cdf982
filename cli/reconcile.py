"""`billhook reconcile …`: what differs from the providers, and how far reconciliation is."""

from __future__ import annotations

import typer

from cli.audit import run
from cli.books import books
from cli.drift import report, status

reconcile = typer.Typer(
    no_args_is_help=True, help="Compare with the providers, and report differences."
)
reconcile.command("run")(run)
reconcile.command("status")(status)
reconcile.command("report")(report)
reconcile.command("books")(books)
