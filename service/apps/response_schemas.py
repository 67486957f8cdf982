"""Response models of the app, its keys and connections."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from domain.apps.commands import KeyKind
from service.http.response_model import (
    JsonObject,
    Mode,
    Moment,
    Provider,
    ResponseModel,
    SingleItem,
)


class ShownDefaults(ResponseModel):
    """Defaults of fields that an invoice request omits."""

    description: str | None
    footer: str | None
    currency: str | None


class ShownClaims(ResponseModel):
    """Names of the claims with the app (null: none), the tenant and the user."""

    app: str | None
    tenant: str
    user: str


class ShownKeys(ResponseModel):
    """A JWKS document."""

    keys: list[JsonObject]


class ShownTokens(ResponseModel):
    """Settings of the access tokens that are accepted."""

    issuer: str | None
    audience: str | None
    claims: ShownClaims
    signing_secret_set: bool
    """The secret is never returned."""
    jwks: ShownKeys


class App(ResponseModel):
    """An app: one of your systems."""

    id: UUID
    name: str
    slug: str
    enabled: bool
    default_connections: dict[str, str]
    """By provider, or by provider and mode as in `stripe:test`."""
    allowed_origins: list[str]
    """Origins whose pages may call the API from a browser."""
    invoice_defaults: ShownDefaults
    time_zone: str
    update_customers: bool
    """Whether a tenant's changed name and e-mail are set on its customers at providers."""
    client_prices: list[str]
    """The prices that a token may use."""
    client_tax_rates: list[str]
    """The tax rates that a token may use."""
    tokens: ShownTokens
    created_at: Moment
    updated_at: Moment


class Apps(SingleItem[App]):
    """The app."""

    kind: Literal["apps"]


class ApiKey(ResponseModel):
    """A key, without its text."""

    id: UUID
    kind: KeyKind
    prefix: str
    name: str | None
    created_at: Moment
    expires_at: Moment | None
    """Expiry of a rotated key."""
    replaced_by: UUID | None
    revoked_at: Moment | None


class NewApiKey(ApiKey):
    """A new key, with its text."""

    key: str | None
    """The key's text, returned only once; null in a replay."""


class ApiKeys(ResponseModel):
    """All keys of the app."""

    kind: Literal["apiKeys"]
    total_items: int
    items_length: int
    items: list[ApiKey]


class OneApiKey(SingleItem[ApiKey]):
    """A single key."""

    kind: Literal["apiKeys"]


class NewApiKeys(SingleItem[NewApiKey]):
    """The new key."""

    kind: Literal["apiKeys"]


class WebhookHealth(ResponseModel):
    """State of a connection's webhooks, as of the last check."""

    endpoint: Literal["healthy", "disabled", "missing", "misconfigured"] | None
    """State of the endpoint at Stripe; null before the first check, and where there is none."""
    problems: list[str]
    checked_at: Moment | None
    last_delivered_at: Moment | None
    """The newest webhook of the last 7 days."""
    found_share: Annotated[float | None, Field(ge=0, le=1)]
    """Share of the last 7 days' provider events that reconciliation found before a webhook."""


class Connection(ResponseModel):
    """An app's credentials at a provider, without the credentials."""

    id: UUID
    name: str
    provider: Provider
    mode: Mode
    webhook_url: str
    """The URL for the provider's webhooks."""
    webhook_secrets_set: int
    """Number of valid signing secrets; the secrets are never returned."""
    webhook_secret_marks: list[str]
    """A fingerprint for each secret, newest first, by which it can be removed."""
    redirect_url: str | None
    refund_overpayments: bool
    """Whether overpayments are refunded automatically."""
    import_payments: bool
    """Mollie: whether payments that were not requested here are imported once they are found."""
    default_for: list[str]
    """The keys of the app's `defaultConnections` that name this connection."""
    webhook_health: WebhookHealth | None
    """Null for a connection that was created just now."""


class Connections(ResponseModel):
    """All connections of the app."""

    kind: Literal["paymentConnections"]
    total_items: int
    items_length: int
    items: list[Connection]


class OneConnection(SingleItem[Connection]):
    """A single connection."""

    kind: Literal["paymentConnections"]


class ConnectionTest(ResponseModel):
    """Result of one read at the provider with a connection's key."""

    name: str
    provider: Provider
    mode: Mode
    accepted: bool
    """Whether the provider answered the read."""
    reason: Literal["refused", "unavailable", "unanswered"] | None
    """Null for an accepted key. `refused`: the key, its permission or its mode is wrong."""
    message: str | None
    duration_ms: int | None
    """Duration of the provider's answer; null without one."""
    tested_at: Moment


class ConnectionTests(SingleItem[ConnectionTest]):
    """A connection's test."""

    kind: Literal["connectionTests"]
