"""What `billhook doctor` asks of the read models."""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from eventlog.database import connect


@dataclass(frozen=True)
class SealedConnection:
    """A connection's secrets as they are stored, to see whether our keys open them."""

    app_id: UUID
    name: str
    sealed_key: str
    sealed_webhook_secrets: list[str]


def sealed_connections(dsn: str) -> list[SealedConnection]:
    """Give every connection's sealed secrets; empty before the first."""
    with connect(dsn, application_name="billhook doctor") as connection:
        cursor = connection.cursor(row_factory=class_row(SealedConnection))
        cursor.execute(
            "SELECT app_id, name, sealed_key, sealed_webhook_secrets FROM read.connections"
            " ORDER BY app_id, name",
        )
        return cursor.fetchall()
