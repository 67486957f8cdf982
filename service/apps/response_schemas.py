"""Response models of the app, its keys and connections."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from domain.apps.commands import KeyKind
from service.http.response_model import JsonObject, Mode, Moment, One, Provider, ResponseModel


class ShownDefaults(ResponseModel):
    """Defaults of fields that an invoice request leaves out."""

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
    """The secret itself is never shown."""
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
    """Whose pages may call from a browser."""
    invoice_defaults: ShownDefaults
    time_zone: str
    client_prices: list[str]
    """The prices that a token may use."""
    client_tax_rates: list[str]
    """The tax rates that a token may use."""
    tokens: ShownTokens
    created_at: Moment
    updated_at: Moment


class Apps(ResponseModel):
    """The app."""

    kind: Literal["apps"]
    total_items: One
    items_length: One
    items: Annotated[list[App], Field(min_length=1, max_length=1)]


class ApiKey(ResponseModel):
    """A key, without its text."""

    id: UUID
    kind: KeyKind
    prefix: str
    name: str | None
    created_at: Moment
    expires_at: Moment | None
    """Where the key was rotated, when it ends."""
    replaced_by: UUID | None
    revoked_at: Moment | None


class NewApiKey(ApiKey):
    """A new key, with its text."""

    key: str | None
    """The key itself, this once; null in a replay."""


class ApiKeys(ResponseModel):
    """All keys of the app."""

    kind: Literal["apiKeys"]
    total_items: int
    items_length: int
    items: list[ApiKey]


class OneApiKey(ResponseModel):
    """A single key."""

    kind: Literal["apiKeys"]
    total_items: One
    items_length: One
    items: Annotated[list[ApiKey], Field(min_length=1, max_length=1)]


class NewApiKeys(ResponseModel):
    """The new key."""

    kind: Literal["apiKeys"]
    total_items: One
    items_length: One
    items: Annotated[list[NewApiKey], Field(min_length=1, max_length=1)]


class Connection(ResponseModel):
    """An app's credentials at a provider, without the credentials."""

    id: UUID
    name: str
    provider: Provider
    mode: Mode
    webhook_url: str
    """Where the provider has to send its webhooks."""
    webhook_secrets_set: int
    """How many secrets a delivery may be signed with; they are never shown."""
    webhook_secret_marks: list[str]
    """A mark for each, the newest first, to drop it by."""
    redirect_url: str | None
    refund_overpayments: bool
    """Whether what is paid for an invoice a second time goes back by itself."""
    default_for: list[str]
    """As in `defaultConnections` of the app."""


class Connections(ResponseModel):
    """All connections of the app."""

    kind: Literal["paymentConnections"]
    total_items: int
    items_length: int
    items: list[Connection]


class OneConnection(ResponseModel):
    """A single connection."""

    kind: Literal["paymentConnections"]
    total_items: One
    items_length: One
    items: Annotated[list[Connection], Field(min_length=1, max_length=1)]
