"""What readers may ask about apps, keys and connections."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg.sql import SQL

from projections.pool import ReadPool


@dataclass(frozen=True)
class KeyRow:
    """A key: `kind` is read, write or admin."""

    app_id: UUID
    key_id: UUID
    kind: str
    revoked: bool


@dataclass(frozen=True)
class AppRow:
    """An app; `default_connections` maps a provider to a connection's name."""

    app_id: UUID
    name: str
    slug: str
    enabled: bool
    default_connections: dict[str, str]


@dataclass(frozen=True, repr=False)
class ConnectionRow:
    """A connection with its secrets sealed."""

    app_id: UUID
    connection_id: UUID
    name: str
    provider: str
    mode: str
    sealed_key: str
    sealed_webhook_secrets: list[str]
    redirect_url: str | None


@dataclass(frozen=True)
class AccessFreshness:
    """How far access is folded, and how long the log was at the same moment."""

    position: int
    head: int


# Two apps with one key are not told apart: the first to have it keeps it.
_KEY: Final = SQL(
    "SELECT app_id, key_id, kind, revoked_at IS NOT NULL AS revoked FROM read.api_keys"
    " WHERE key_sha256 = %s ORDER BY created_at, key_id LIMIT 1"
)
_APP: Final = SQL(
    "SELECT app_id, name, slug, enabled, default_connections FROM read.apps WHERE app_id = %s"
)
_CONNECTION: Final = (
    "SELECT app_id, connection_id, name, provider, mode, sealed_key, sealed_webhook_secrets,"
    " redirect_url FROM read.connections "
)
_CONNECTION_BY_NAME: Final = SQL(_CONNECTION + "WHERE app_id = %s AND name = %s")
_CONNECTION_BY_ID: Final = SQL(_CONNECTION + "WHERE connection_id = %s")
_FRESHNESS: Final = SQL(
    "SELECT position, (SELECT coalesce(max(position), 0) FROM eventlog.events) AS head"
    " FROM read.positions WHERE projection = 'access'"
)


class AccessQueries:
    """Questions to the read model. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def key_by_hash(self, sha256_hex: str) -> KeyRow | None:
        """Find a key, also a revoked one."""
        found = await self._pool.fetch(_KEY, [sha256_hex])
        return KeyRow(**found[0]) if found else None

    async def app(self, app_id: UUID) -> AppRow | None:
        """Find an app."""
        found = await self._pool.fetch(_APP, [app_id])
        return AppRow(**found[0]) if found else None

    async def connection_by_name(self, app_id: UUID, name: str) -> ConnectionRow | None:
        """Find the connection that an app calls `name`."""
        found = await self._pool.fetch(_CONNECTION_BY_NAME, [app_id, name])
        return ConnectionRow(**found[0]) if found else None

    async def connection_by_id(self, connection_id: UUID) -> ConnectionRow | None:
        """Find the connection that a webhook's URL names."""
        found = await self._pool.fetch(_CONNECTION_BY_ID, [connection_id])
        return ConnectionRow(**found[0]) if found else None

    async def freshness(self) -> AccessFreshness:
        """Tell how far access is folded.

        A healthy follower stores positions past others' events once a second only: what has to
        be verified is that `position` reaches a `head` seen earlier.
        """
        found = await self._pool.fetch(_FRESHNESS)
        return AccessFreshness(**found[0])
