import typer

from cli.common import database_url, fail
from cli.migrations import apply_migrations
from eventlog.database.checks import connection_problem
from eventlog.errors import MigrationError


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
