"""Response models of tenants and access tokens."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from service.http.response_model import Moment, One, Position, ResponseModel


class TenantCustomer(ResponseModel):
    """A provider's customer of the tenant."""

    connection: str
    customer_id: str
    deleted_at: Moment | None
    """When it was found to be deleted at the provider; unlink it for a new one."""


class Tenant(ResponseModel):
    """A tenant: the one that is billed."""

    tenant_uuid: UUID
    name: str | None
    email: str | None
    country: str | None
    vat_id: str | None
    provider_customers: list[TenantCustomer]
    created_at: Moment
    updated_at: Moment
    position: Position


class Tenants(ResponseModel):
    """A single tenant."""

    kind: Literal["tenants"]
    total_items: One
    items_length: One
    items: Annotated[list[Tenant], Field(min_length=1, max_length=1)]


class AccessToken(ResponseModel):
    """A token for one tenant."""

    token: str
    token_type: Literal["Bearer"]
    tenant_uuid: UUID
    user_id: str | None
    expires_at: Moment


class AccessTokens(ResponseModel):
    """The new token."""

    kind: Literal["accessTokens"]
    total_items: One
    items_length: One
    items: Annotated[list[AccessToken], Field(min_length=1, max_length=1)]
