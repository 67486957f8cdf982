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


@dataclass(frozen=True)
class SealedTokenSecret:
    """A secret that signs an app's tokens, as it is stored."""

    app_id: UUID
    sealed: str


def sealed_token_secrets(dsn: str) -> list[SealedTokenSecret]:
    """Give all apps' sealed signing secrets; empty before the first."""
    with connect(dsn, application_name="billhook doctor") as connection:
        cursor = connection.cursor(row_factory=class_row(SealedTokenSecret))
        cursor.execute(
            "SELECT app_id, secret->>'sealed' AS sealed FROM read.apps,"
            " jsonb_array_elements(coalesce(settings->'token_secrets', '[]')) AS secret"
            " ORDER BY app_id",
        )
        return cursor.fetchall()
