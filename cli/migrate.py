from typing import Annotated

import typer

from cli.common import database_url, fail
from cli.migrations import apply_migrations
from eventlog.database.checks import connection_problem
from eventlog.errors import LogUnavailable, MigrationError
from eventlog.partitions.layout import add_partition_ahead, set_partition_size
from projections.runtime_role import grant_runtime_role

RuntimeRole = Annotated[
    str | None,
    typer.Option(
        envvar="BILLHOOK_RUNTIME_ROLE",
        help="Database role of the other processes; gets only the rights that they need.",
    ),
]
PartitionEvents = Annotated[
    int | None,
    typer.Option(
        envvar="BILLHOOK_LOG_PARTITION_EVENTS",
        min=1,
        help="Events in each partition of the log; fixed by its first event. 10,000,000 if unset.",
    ),
]


def migrate_command(
    *, runtime_role: RuntimeRole = None, partition_events: PartitionEvents = None
) -> None:
    """Apply pending migrations to the database of BILLHOOK_DATABASE_URL; safe to repeat."""
    url = database_url()
    if problem := connection_problem(url):
        fail(problem)
    try:
        applied = apply_migrations(url)
        if partition_events is not None:
            set_partition_size(url, partition_events)
        add_partition_ahead(url)
        if runtime_role is not None:
            grant_runtime_role(url, runtime_role)
    except (MigrationError, LogUnavailable) as error:
        fail(str(error))
    for name in applied:
        typer.echo(f"migrated: {name}")
    if not applied:
        typer.echo("nothing to migrate")
    if runtime_role is not None:
        typer.echo(f"granted to {runtime_role}")
