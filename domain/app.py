"""Apps: whose system calls us, with which keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.base import Fact, Root
from domain.commands import ChangeApp, CreateApp, CreateKey, RevokeKey
from domain.errors import NotFound


class AppEvent(Fact):
    """The root of an app's facts."""

    def apply(self, aggregate: Any) -> None:  # noqa: ANN401 - eventsourcing's signature
        """Let the app take the fact in."""
        aggregate.take_in(self)


class AppCreated(AppEvent, Aggregate.Created):
    """An app exists. `slug` is unique by convention of its operator and shown to people."""

    TOPIC: ClassVar[str] = "app.created"
    name: str
    slug: str


class AppChanged(AppEvent):
    """What is not None has a new value."""

    TOPIC: ClassVar[str] = "app.changed"
    name: str | None
    enabled: bool | None
    default_connections: dict[str, str] | None


class ApiKeyCreated(AppEvent):
    """A key opens the app: `kind` is read, write or admin."""

    TOPIC: ClassVar[str] = "app.api_key_created"
    key_id: UUID
    kind: str
    key_sha256: str
    prefix: str
    name: str | None


class ApiKeyRevoked(AppEvent):
    """A key opens nothing any more."""

    TOPIC: ClassVar[str] = "app.api_key_revoked"
    key_id: UUID


class App(Root):
    """An app with its keys and default connections (`<provider>` → connection's name)."""

    TOPIC: ClassVar[str] = "app"
    Event = AppEvent
    Created = AppCreated

    name: str
    slug: str
    enabled: bool
    default_connections: dict[str, str]
    keys: dict[UUID, str]

    def __init__(self) -> None:
        self.enabled = True
        self.default_connections = {}
        self.keys = {}

    @classmethod
    def create(cls, command: CreateApp, *, at: datetime) -> App:
        """Make an app without keys."""
        return cls._create(
            AppCreated,
            id=command.app_id,
            timestamp=at,
            by=command.by,
            name=command.name,
            slug=command.slug,
        )

    def change(self, command: ChangeApp, *, at: datetime) -> None:
        """Change settings; nothing new leaves no event."""
        defaults = command.default_connections
        if defaults is not None:
            defaults = self.default_connections | defaults
        changes = {
            "name": None if command.name == self.name else command.name,
            "enabled": None if command.enabled == self.enabled else command.enabled,
            "default_connections": None if defaults == self.default_connections else defaults,
        }
        if any(value is not None for value in changes.values()):
            self.remember(AppChanged, at=at, by=command.by, **changes)

    def add_key(self, command: CreateKey, *, at: datetime) -> None:
        """Give a key; the same key id twice is silent."""
        if command.key_id in self.keys:
            return
        self.remember(
            ApiKeyCreated,
            at=at,
            by=command.by,
            key_id=command.key_id,
            kind=command.kind,
            key_sha256=command.key_sha256,
            prefix=command.prefix,
            name=command.name,
        )

    def revoke_key(self, command: RevokeKey, *, at: datetime) -> None:
        """Revoke a key; twice is silent, an unknown one raises NotFound."""
        if command.key_id not in self.keys:
            raise NotFound(kind="key", id=command.key_id)
        if self.keys[command.key_id] != "revoked":
            self.remember(ApiKeyRevoked, at=at, by=command.by, key_id=command.key_id)

    def take_in(self, event: AppEvent) -> None:
        """Assign what the fact says; runs again on every replay."""
        match event:
            case AppCreated():
                self.name, self.slug = event.name, event.slug
            case AppChanged():
                self.name = event.name if event.name is not None else self.name
                self.enabled = event.enabled if event.enabled is not None else self.enabled
                if event.default_connections is not None:
                    self.default_connections = event.default_connections
            case ApiKeyCreated():
                self.keys[event.key_id] = event.kind
            case ApiKeyRevoked():
                self.keys[event.key_id] = "revoked"
