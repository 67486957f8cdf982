import typer

import eventlog
import projections
from cli.common import database_url, fail
from eventlog.database.checks import connection_problem
from eventlog.database.migrate import migrate, pending
from eventlog.errors import MigrationError


def apply_migrations(database_url: str) -> list[str]:
    """Apply pending migrations; returns their names."""
    return migrate(database_url, eventlog.MIGRATIONS, projections.MIGRATIONS)


def pending_migrations(database_url: str) -> list[str]:
    """Return the names of the migrations that the database lacks."""
    return pending(database_url, eventlog.MIGRATIONS, projections.MIGRATIONS)


def migrate_command() -> None:
    """Apply pending migrations to the database of BILLHOOK_DATABASE_URL; safe to repeat."""
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
