import typer

import eventlog
import projections
from cli.common import database_url, fail
from eventlog.database.checks import connection_problem
from eventlog.database.migrate import migrate, pending
from eventlog.errors import MigrationError


def apply_migrations(database_url: str) -> list[str]:
    """Bring the database up to date; gives the names of what was applied."""
    return migrate(database_url, eventlog.MIGRATIONS, projections.MIGRATIONS)


def pending_migrations(database_url: str) -> list[str]:
    """Name what this version needs and the database lacks."""
    return pending(database_url, eventlog.MIGRATIONS, projections.MIGRATIONS)


def migrate_command() -> None:
    """Bring the database of BILLHOOK_DATABASE_URL up to date; safe to run at any time."""
    url = database_url()
    if problem := connection_problem(url):
        fail(problem)
    try:
        applied = apply_migrations(url)
    except MigrationError as error:
        fail(str(error))
    for name in applied:
        typer.echo(f"migrated: {name}")
    if not applied:
        typer.echo("nothing to migrate")
