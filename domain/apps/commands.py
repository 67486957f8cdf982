"""Commands on apps, their keys and connections: frozen and already validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from domain.core.providers import Mode, Provider

KeyKind = Literal["read", "write", "admin"]


@dataclass(frozen=True, kw_only=True)
class CreateApp:
    """Make an app, the system whose tenants are billed."""

    app_id: UUID
    name: str
    slug: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class ChangeApp:
    """Change what is given; None leaves it.

    `default_connections`: the slots named in it change, a slot with None is emptied.
    `settings`: new values by their names in AppSettings, or `slug`.
    """

    app_id: UUID
    name: str | None = None
    enabled: bool | None = None
    default_connections: Mapping[str, str | None] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    actor: str


@dataclass(frozen=True, kw_only=True)
class EnableTokens:
    """Set an app's missing values for signing tokens.

    `secret`: {kid, sealed, until} as in AppSettings.
    """

    app_id: UUID
    issuer: str
    audience: str
    secret: Mapping[str, Any]
    actor: str


@dataclass(frozen=True, kw_only=True)
class CreateKey:
    """Add a key to an app; only its SHA-256 is recorded."""

    app_id: UUID
    key_id: UUID
    kind: KeyKind
    key_sha256: str
    prefix: str
    name: str | None = None
    actor: str


@dataclass(frozen=True, kw_only=True)
class RevokeKey:
    """Revoke an API key."""

    app_id: UUID
    key_id: UUID
    actor: str


@dataclass(frozen=True, kw_only=True)
class RotateKey:
    """Put a new key, of the same kind, in the place of one that ends at `expires_at` (epoch s)."""

    app_id: UUID
    key_id: UUID
    new_key: CreateKey
    expires_at: int
    actor: str


@dataclass(frozen=True, kw_only=True)
class DeleteConnection:
    """Delete a connection; requests made before go on."""

    app_id: UUID
    name: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetConnection:
    """Make or replace a connection. Secrets come sealed by the vault, never in clear.

    `refund_overpayments`: what is paid for an invoice a second time goes back by itself.
    `import_payments`: Mollie's payments that were not requested here are imported once found.
    """

    app_id: UUID
    name: str
    provider: Provider
    mode: Mode
    sealed_key: str
    sealed_webhook_secrets: list[str]
    redirect_url: str | None = None
    refund_overpayments: bool = False
    import_payments: bool = True
    actor: str
