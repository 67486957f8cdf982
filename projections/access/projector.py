"""Apps, their keys and their connections: who may call, and with which credentials we charge."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from domain.apps.app import (
    ApiKeyCreated,
    ApiKeyReplaced,
    ApiKeyRevoked,
    AppChanged,
    AppCreated,
    AppSettingsChanged,
)
from domain.apps.connection import ConnectionChanged, ConnectionCreated, ConnectionDeleted
from domain.apps.dashboard_session import DashboardSessionEnded, DashboardSessionOpened
from domain.events import ACCESS_TOPICS
from eventlog.codec import Codec
from eventlog.follow.handler import Cursor, Handle
from eventlog.reading import RecordedEvent
from projections.engine.tables import Rows, Table, load, upsert

NAME: Final = "access"
TOPICS: Final = ACCESS_TOPICS

APPS: Final = Table(
    "apps",
    key=("app_id",),
    columns=("app_id", "name", "slug", "enabled", "default_connections", "position", "settings"),
)
API_KEYS: Final = Table(
    "api_keys",
    key=("app_id", "key_id"),
    columns=(
        "app_id",
        "key_id",
        "kind",
        "key_sha256",
        "prefix",
        "name",
        "created_at",
        "revoked_at",
        "position",
        "expires_at",
        "replaced_by",
        "issuer",
    ),
)
CONNECTIONS: Final = Table(
    "connections",
    key=("connection_id",),
    columns=(
        "connection_id",
        "app_id",
        "name",
        "provider",
        "mode",
        "sealed_key",
        "sealed_webhook_secrets",
        "redirect_url",
        "position",
        "in_use_since",
        "deleted_at",
    ),
)


def handler(schema: str) -> Handle:
    """Return what folds batches into one generation's tables."""
    codec = Codec()

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        events = [(recorded.position, codec.decode(recorded)) for recorded in batch]
        access = _Access()
        await access.load(cursor, [event for _, event in events], schema=schema)
        for position, event in events:
            access.take(event, position=position)
        await upsert(cursor, APPS, list(access.apps.values()), schema=schema)
        await upsert(cursor, API_KEYS, list(access.keys.values()), schema=schema)
        await upsert(cursor, CONNECTIONS, list(access.connections.values()), schema=schema)

    return handle


class _Access:
    """The rows that a batch concerns, by id."""

    def __init__(self) -> None:
        self.apps: Rows = {}
        self.keys: Rows = {}
        self.connections: Rows = {}

    async def load(self, cursor: Cursor, events: Sequence[object], *, schema: str) -> None:
        """Read what the events change of what is there."""
        apps = [
            (e.originator_id,) for e in events if isinstance(e, AppChanged | AppSettingsChanged)
        ]
        keys = [
            (e.originator_id, e.key_id)
            for e in events
            if isinstance(e, ApiKeyRevoked | ApiKeyReplaced)
        ]
        keys += [
            (e.app_id, e.originator_id) for e in events if isinstance(e, DashboardSessionEnded)
        ]
        changed = [
            (e.connection_id,)
            for e in events
            if isinstance(e, ConnectionChanged | ConnectionDeleted)
        ]
        self.apps = await load(cursor, APPS, apps, schema=schema)
        self.keys = await load(cursor, API_KEYS, keys, schema=schema)
        self.connections = await load(cursor, CONNECTIONS, changed, schema=schema)

    def take(self, event: object, *, position: int) -> None:
        """Apply one event."""
        match event:
            case AppCreated():
                self.apps[(event.originator_id,)] = _app(event, position=position)
            case AppChanged():
                self._change_app(event, position=position)
            case AppSettingsChanged():
                self._change_settings(event, position=position)
            case ApiKeyCreated():
                self.keys[event.originator_id, event.key_id] = _key(event, position=position)
            case ApiKeyRevoked():
                key = self.keys[event.originator_id, event.key_id]
                key |= {"revoked_at": event.timestamp, "position": position}
            case ApiKeyReplaced():
                self.keys[event.originator_id, event.key_id] |= {
                    "expires_at": datetime.fromtimestamp(event.expires_at, UTC),
                    "replaced_by": event.new_key_id,
                    "position": position,
                }
            case DashboardSessionOpened():
                self.keys[event.app_id, event.originator_id] = _session(event, position=position)
            case DashboardSessionEnded():
                session = self.keys[event.app_id, event.originator_id]
                session |= {"revoked_at": event.timestamp, "position": position}
            case _:
                self._take_connection(event, position=position)

    def _take_connection(self, event: object, *, position: int) -> None:
        match event:
            case ConnectionCreated():
                self.connections[(event.connection_id,)] = _connection(event, position=position)
            case ConnectionChanged():
                connection = self.connections[(event.connection_id,)]
                if connection["deleted_at"] is not None:
                    connection["in_use_since"] = event.timestamp
                connection |= {
                    "sealed_key": event.sealed_key,
                    "sealed_webhook_secrets": event.sealed_webhook_secrets,
                    "redirect_url": event.redirect_url,
                    "position": position,
                    "deleted_at": None,
                }
            case ConnectionDeleted():
                self.connections[(event.connection_id,)] |= {
                    "deleted_at": event.timestamp,
                    "position": position,
                }
            case _:
                raise AssertionError(f"{type(event).__name__} is not an event of this projection")

    def _change_app(self, event: AppChanged, *, position: int) -> None:
        changes = {
            "name": event.name,
            "enabled": event.enabled,
            "default_connections": event.default_connections,
        }
        app = self.apps[(event.originator_id,)]
        app |= {name: value for name, value in changes.items() if value is not None}
        app["position"] = position

    def _change_settings(self, event: AppSettingsChanged, *, position: int) -> None:
        app = self.apps[(event.originator_id,)]
        changes = dict(event.changes)
        app["slug"] = changes.pop("slug", app["slug"])
        app |= {"settings": app["settings"] | changes, "position": position}


def _app(event: AppCreated, *, position: int) -> dict[str, object]:
    return {
        "app_id": event.originator_id,
        "name": event.name,
        "slug": event.slug,
        "enabled": True,
        "default_connections": {},
        "position": position,
        "settings": {},
    }


def _key(event: ApiKeyCreated, *, position: int) -> dict[str, object]:
    return {
        "app_id": event.originator_id,
        "key_id": event.key_id,
        "kind": event.kind,
        "key_sha256": event.key_sha256,
        "prefix": event.prefix,
        "name": event.name,
        "created_at": event.timestamp,
        "revoked_at": None,
        "position": position,
        "expires_at": None,
        "replaced_by": None,
        "issuer": None,
    }


def _session(event: DashboardSessionOpened, *, position: int) -> dict[str, object]:
    return {
        "app_id": event.app_id,
        "key_id": event.originator_id,
        "kind": event.role,
        "key_sha256": event.secret_sha256,
        "prefix": "",
        "name": event.person,
        "created_at": event.timestamp,
        "revoked_at": None,
        "position": position,
        "expires_at": datetime.fromtimestamp(event.ends_at, UTC),
        "replaced_by": None,
        "issuer": event.issuer,
    }


def _connection(event: ConnectionCreated, *, position: int) -> dict[str, object]:
    return {
        "connection_id": event.connection_id,
        "app_id": event.app_id,
        "name": event.name,
        "provider": event.provider,
        "mode": event.mode,
        "sealed_key": event.sealed_key,
        "sealed_webhook_secrets": event.sealed_webhook_secrets,
        "redirect_url": event.redirect_url,
        "position": position,
        "in_use_since": event.timestamp,
        "deleted_at": None,
    }
