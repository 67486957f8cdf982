"""Define an app: its name, settings, keys and default connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.apps.commands import ChangeApp, CreateApp, CreateKey, EnableTokens, RevokeKey, RotateKey
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.core.errors import Contradiction, NotFound

TENANT_CLAIM: Final = "tenant"
USER_CLAIM: Final = "sub"


def token_secret_context(app_id: UUID) -> str:
    """Name what an app's signing secrets are sealed for, so that they open nowhere else."""
    return f"app:{app_id}:tokens"


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """An app's settings; what was never set has the default that stands here.

    `invoice_defaults`: description, footer, currency. `client_prices` and `client_tax_rates` are
    the ids that a token may use. `token_claims` names the claims that hold app (None: not asked
    for), tenant and user. `update_customers`: a tenant's changed name and e-mail are set at
    providers. `token_secrets`: {kid, sealed, until}, newest first; `until` (epoch seconds) ends an
    older one. `token_keys`: public JWKs, each with kid and alg.
    """

    allowed_origins: list[str] = field(default_factory=list)
    invoice_defaults: dict[str, str | None] = field(default_factory=dict)
    time_zone: str = "UTC"
    update_customers: bool = True
    client_prices: list[str] = field(default_factory=list)
    client_tax_rates: list[str] = field(default_factory=list)
    token_issuer: str | None = None
    token_audience: str | None = None
    token_claims: dict[str, str | None] = field(
        default_factory=lambda: {"app": None, "tenant": TENANT_CLAIM, "user": USER_CLAIM}
    )
    token_secrets: list[dict[str, Any]] = field(default_factory=list, repr=False)
    token_keys: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> AppSettings:
        """Read what was stored; what only a newer version knows is left out."""
        return cls(**{name: value for name, value in stored.items() if name in NAMES})


NAMES: Final = frozenset(known.name for known in fields(AppSettings))


# Apps: whose system calls us, with which keys.


class AppEvent(DomainEvent):
    """Base class of an app's events."""


class AppCreated(AppEvent, Aggregate.Created):
    """An app exists. `slug` is unique by convention of its operator and shown to people."""

    TOPIC: ClassVar[str] = "app.created"
    name: str
    slug: str


class AppChanged(AppEvent):
    """App settings were changed; a field that is None kept its value."""

    TOPIC: ClassVar[str] = "app.changed"
    name: str | None
    enabled: bool | None
    default_connections: dict[str, str] | None


class AppSettingsChanged(AppEvent):
    """Settings have new values: `changes` by their names in AppSettings, or `slug`."""

    TOPIC: ClassVar[str] = "app.settings_changed"
    changes: dict[str, Any]


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


class ApiKeyReplaced(AppEvent):
    """Another key has taken a key's place; until `expires_at` (epoch seconds) both open the app."""

    TOPIC: ClassVar[str] = "app.api_key_replaced"
    key_id: UUID
    new_key_id: UUID
    expires_at: int


class App(AggregateRoot):
    """An app with its keys and default connections (`<provider>` → connection's name)."""

    TOPIC: ClassVar[str] = "app"
    Event = AppEvent
    Created = AppCreated

    name: str
    slug: str
    enabled: bool
    default_connections: dict[str, str]
    keys: dict[UUID, str]
    replaced: dict[UUID, int]
    stored_settings: dict[str, Any]

    def __init__(self) -> None:
        self.enabled = True
        self.default_connections = {}
        self.keys = {}
        self.replaced = {}
        self.stored_settings = {}

    @property
    def settings(self) -> AppSettings:
        """Return the app's settings, with defaults for those that are not set."""
        return AppSettings.of(self.stored_settings)

    @classmethod
    def create(cls, command: CreateApp, *, occurred_at: datetime) -> App:
        """Make an app without keys."""
        return cls._create(
            AppCreated,
            id=command.app_id,
            timestamp=occurred_at,
            actor=command.actor,
            name=command.name,
            slug=command.slug,
        )

    def change(self, command: ChangeApp, *, occurred_at: datetime) -> None:
        """Change what is given; nothing new leaves no event."""
        defaults = self._defaults_after(command)
        changes = {
            "name": None if command.name == self.name else command.name,
            "enabled": None if command.enabled == self.enabled else command.enabled,
            "default_connections": None if defaults == self.default_connections else defaults,
        }
        if any(value is not None for value in changes.values()):
            self.record_event(AppChanged, occurred_at=occurred_at, actor=command.actor, **changes)
        known = {"slug": self.slug} | self.stored_settings
        settings = {
            name: value
            for name, value in command.settings.items()
            if name not in known or known[name] != value
        }
        if settings:
            self.record_event(
                AppSettingsChanged, occurred_at=occurred_at, actor=command.actor, changes=settings
            )

    def enable_tokens(self, command: EnableTokens, *, occurred_at: datetime) -> None:
        """Set the token issuer, audience and secret that the app does not have yet."""
        known = self.settings
        missing: dict[str, Any] = {}
        if known.token_issuer is None:
            missing["token_issuer"] = command.issuer
        if known.token_audience is None:
            missing["token_audience"] = command.audience
        if not known.token_secrets:
            missing["token_secrets"] = [dict(command.secret)]
        if missing:
            self.record_event(
                AppSettingsChanged, occurred_at=occurred_at, actor=command.actor, changes=missing
            )

    def _defaults_after(self, command: ChangeApp) -> dict[str, str] | None:
        if command.default_connections is None:
            return None
        wanted = {**self.default_connections, **command.default_connections}
        return {slot: name for slot, name in wanted.items() if name is not None}

    def add_key(self, command: CreateKey, *, occurred_at: datetime) -> None:
        """Add a key; a repetition with the same key id has no effect."""
        if command.key_id in self.keys:
            return
        self.record_event(
            ApiKeyCreated,
            occurred_at=occurred_at,
            actor=command.actor,
            key_id=command.key_id,
            kind=command.kind,
            key_sha256=command.key_sha256,
            prefix=command.prefix,
            name=command.name,
        )

    def revoke_key(self, command: RevokeKey, *, occurred_at: datetime) -> None:
        """Revoke a key; twice is silent, an unknown one raises NotFound."""
        if command.key_id not in self.keys:
            raise NotFound(kind="key", id=command.key_id)
        if self.keys[command.key_id] != "revoked":
            self.record_event(
                ApiKeyRevoked, occurred_at=occurred_at, actor=command.actor, key_id=command.key_id
            )

    def rotate_key(self, command: RotateKey, *, occurred_at: datetime) -> None:
        """Replace a key that ends soon by one of its kind; a repetition has no effect.

        Raises NotFound, Contradiction for a key that was revoked or has been replaced already.
        """
        if command.new_key.key_id in self.keys:
            return
        kind = self.keys.get(command.key_id)
        if kind is None:
            raise NotFound(kind="key", id=command.key_id)
        if kind == "revoked" or command.key_id in self.replaced:
            raise Contradiction(what="key", id=command.key_id)
        self.add_key(command.new_key, occurred_at=occurred_at)
        self.record_event(
            ApiKeyReplaced,
            occurred_at=occurred_at,
            actor=command.actor,
            key_id=command.key_id,
            new_key_id=command.new_key.key_id,
            expires_at=command.expires_at,
        )

    def apply_event(self, event: AppEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
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
            case ApiKeyReplaced():
                self.replaced[event.key_id] = event.expires_at
            case AppSettingsChanged():
                changes = dict(event.changes)
                self.slug = changes.pop("slug", self.slug)
                self.stored_settings = self.stored_settings | changes
