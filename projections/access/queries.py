"""Query apps, keys and connections."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL

from domain.apps.app import AppSettings
from domain.events import ACCESS_TOPICS
from eventlog.database.connect import connect
from projections.engine.pool import ReadPool


@dataclass(frozen=True)
class KeyRow:
    """A key or a dashboard session: `kind` is read, write or admin.

    `issuer`: where the person of a session signed in; None for a key.
    """

    app_id: UUID
    key_id: UUID
    kind: str
    revoked: bool
    expires_at: datetime | None = None
    issuer: str | None = None


@dataclass(frozen=True)
class KeyDetails:
    """Public data of a key, without its secret or hash."""

    key_id: UUID
    kind: str
    prefix: str
    name: str | None
    created_at: datetime
    expires_at: datetime | None
    replaced_by: UUID | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class SessionRow:
    """An open dashboard session; `person` is the issuer's name of whoever signed in."""

    session_id: UUID
    role: str
    person: str
    opened_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class AppRow:
    """An app; `default_connections` maps a provider to a connection's name."""

    app_id: UUID
    name: str
    slug: str
    enabled: bool
    default_connections: dict[str, str]
    settings: AppSettings = field(default_factory=AppSettings)


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
    deleted: bool = False


@dataclass(frozen=True)
class AccessFreshness:
    """Position of the access projection, and the log's head at the same moment.

    `changed`: rows may differ from those of the position that was asked about.
    """

    position: int
    head: int
    changed: bool


# Two apps with one key are not told apart: the first to have it keeps it.
_KEY: Final = SQL(
    "SELECT app_id, key_id, kind, revoked_at IS NOT NULL AS revoked, expires_at, issuer"
    " FROM read.api_keys WHERE key_sha256 = %s ORDER BY created_at, key_id LIMIT 1"
)
_DETAILS: Final = (
    "SELECT key_id, kind, prefix, name, created_at, expires_at, replaced_by, revoked_at"
    " FROM read.api_keys WHERE app_id = %s AND issuer IS NULL "
)
_KEYS: Final = SQL(_DETAILS + "ORDER BY created_at DESC, key_id")
_KEY_BY_ID: Final = SQL(_DETAILS + "AND key_id = %s")
_SESSIONS: Final = SQL(
    "SELECT key_id AS session_id, kind AS role, name AS person, created_at AS opened_at,"
    " expires_at AS ends_at FROM read.api_keys"
    " WHERE app_id = %s AND issuer IS NOT NULL AND revoked_at IS NULL AND expires_at > %s"
    " ORDER BY created_at DESC, key_id LIMIT 200"
)
_APPS: Final = (
    "SELECT app_id, name, slug, enabled, default_connections, settings FROM read.apps WHERE "
)
_APP: Final = SQL(_APPS + "app_id = %s")
# More apps than these that share an issuer and an audience are not told apart.
_APPS_OF_TOKENS: Final = SQL(
    _APPS + "settings->>'token_issuer' = %s AND settings->>'token_audience' = %s"
    " ORDER BY app_id LIMIT 50"
)
_ORIGIN: Final = SQL(
    "SELECT FROM read.apps"
    " WHERE settings->'allowed_origins' @> to_jsonb(%s::text) AND enabled LIMIT 1"
)
_CONNECTION: Final = (
    "SELECT app_id, connection_id, name, provider, mode, sealed_key, sealed_webhook_secrets,"
    " redirect_url, deleted_at IS NOT NULL AS deleted FROM read.connections "
)
_CONNECTION_BY_NAME: Final = SQL(
    _CONNECTION + "WHERE app_id = %s AND name = %s AND deleted_at IS NULL"
)
_CONNECTIONS: Final = SQL(_CONNECTION + "WHERE app_id = %s AND deleted_at IS NULL ORDER BY name")
_CONNECTION_BY_ID: Final = SQL(_CONNECTION + "WHERE connection_id = %s")
# A number is sent as the smallest type that holds it; two small ones must not overflow as a sum.
_FRESHNESS: Final = SQL(
    "SELECT position, (SELECT coalesce(max(position), 0) FROM eventlog.events) AS head,"
    " CASE WHEN position BETWEEN %(since)s AND %(since)s::bigint + %(far)s THEN EXISTS ("
    "   SELECT FROM eventlog.events AS event WHERE event.position > %(since)s"
    "   AND event.position <= reached.position AND event.topic = ANY(%(topics)s)"
    " ) ELSE true END AS changed"
    " FROM read.positions AS reached WHERE projection = 'access'"
)
# Further back than this, looking whether anything changed costs more than asking anew.
_FAR: Final = 20_000
# All requests of an app or a connection wait for one query of its row. One whose server is silent
# is repeated on another session before their deadline.
_SILENCE_S: Final = 2.5


class AccessQueries:
    """Questions to the read model. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool, *, freshness: ReadPool | None = None) -> None:
        """Use a pool for rows, and another one for `freshness` where rows may use up theirs."""
        self._pool = pool
        self._freshness = freshness or pool

    async def key_by_hash(self, sha256_hex: str) -> KeyRow | None:
        """Find a key, also a revoked one."""
        found = await self._lookup(_KEY, [sha256_hex], is_generic=True)
        return KeyRow(**found[0]) if found else None

    async def app(self, app_id: UUID) -> AppRow | None:
        """Find an app."""
        found = await self._lookup(_APP, [app_id], is_generic=True)
        return _app(found[0]) if found else None

    async def apps_of_tokens(self, issuer: str, audience: str) -> list[AppRow]:
        """Find the apps whose tokens say that they are by `issuer` and for `audience`."""
        found = await self._lookup(_APPS_OF_TOKENS, [issuer, audience])
        return [_app(row) for row in found]

    async def allows_origin(self, origin: str) -> bool:
        """Return whether any app lets a page of this origin call."""
        return bool(await self._lookup(_ORIGIN, [origin]))

    async def keys(self, app_id: UUID) -> list[KeyDetails]:
        """List an app's keys, the newest first."""
        return [KeyDetails(**row) for row in await self._pool.fetch(_KEYS, [app_id])]

    async def key(self, app_id: UUID, key_id: UUID) -> KeyDetails | None:
        """Find one of an app's keys by its id."""
        found = await self._pool.fetch(_KEY_BY_ID, [app_id, key_id])
        return KeyDetails(**found[0]) if found else None

    async def sessions(self, app_id: UUID, *, now: datetime) -> list[SessionRow]:
        """List an app's newest open dashboard sessions."""
        return [SessionRow(**row) for row in await self._pool.fetch(_SESSIONS, [app_id, now])]

    async def connection_by_name(self, app_id: UUID, name: str) -> ConnectionRow | None:
        """Find the connection that an app calls `name`; one that is out of use is not found."""
        found = await self._lookup(_CONNECTION_BY_NAME, [app_id, name], is_generic=True)
        return ConnectionRow(**found[0]) if found else None

    async def connection_by_id(self, connection_id: UUID) -> ConnectionRow | None:
        """Find the connection that a webhook's URL names, also one that is out of use."""
        found = await self._lookup(_CONNECTION_BY_ID, [connection_id], is_generic=True)
        return ConnectionRow(**found[0]) if found else None

    async def connections(self, app_id: UUID) -> list[ConnectionRow]:
        """List an app's connections by name."""
        return [ConnectionRow(**row) for row in await self._pool.fetch(_CONNECTIONS, [app_id])]

    async def freshness(self, since: int = -1) -> AccessFreshness:
        """Return the access projection's position, and whether it changed after a position.

        A healthy follower stores positions past others' events once a second only: what has to
        be verified is that `position` reaches a `head` seen earlier.
        """
        values = {"since": since, "far": _FAR, "topics": list(ACCESS_TOPICS)}
        found = await self._freshness.fetch(
            _FRESHNESS, values, is_generic=True, silence_s=_SILENCE_S
        )
        return AccessFreshness(**found[0])

    async def _lookup(
        self, query: SQL, values: Sequence[object], *, is_generic: bool = False
    ) -> list[dict[str, Any]]:
        """Read few rows by an index, for which all requests of an app or a connection wait."""
        return await self._pool.fetch(query, values, is_generic=is_generic, silence_s=_SILENCE_S)


def _app(row: dict[str, Any]) -> AppRow:
    return AppRow(**{**row, "settings": AppSettings.of(row["settings"])})


# What `billhook doctor` asks of the read models.


@dataclass(frozen=True)
class SealedConnection:
    """A connection's secrets as they are stored, to see whether our keys open them."""

    app_id: UUID
    name: str
    sealed_key: str
    sealed_webhook_secrets: list[str]


def sealed_connections(dsn: str) -> list[SealedConnection]:
    """Return every connection's sealed secrets; empty before the first."""
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
    """Return all apps' sealed signing secrets; empty before the first."""
    with connect(dsn, application_name="billhook doctor") as connection:
        cursor = connection.cursor(row_factory=class_row(SealedTokenSecret))
        cursor.execute(
            "SELECT app_id, secret->>'sealed' AS sealed FROM read.apps,"
            " jsonb_array_elements(coalesce(settings->'token_secrets', '[]')) AS secret"
            " ORDER BY app_id",
        )
        return cursor.fetchall()


# What the workers ask for each connection.


@dataclass(frozen=True)
class ConnectionInUse:
    """A connection that is not deleted, by its app and name."""

    app_id: UUID
    name: str
    provider: str


def connections_in_use(dsn: str) -> list[ConnectionInUse]:
    """Return all connections that are not deleted."""
    with connect(dsn, application_name="billhook connections") as connection:
        cursor = connection.cursor(row_factory=class_row(ConnectionInUse))
        cursor.execute(
            "SELECT app_id, name, provider FROM read.connections WHERE deleted_at IS NULL"
            " ORDER BY app_id, name",
        )
        return cursor.fetchall()
