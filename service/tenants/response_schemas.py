"""Response models of tenants and access tokens."""

from typing import Literal
from uuid import UUID

from service.http.response_model import Moment, Position, ResponseModel, SingleItem


class TenantCustomer(ResponseModel):
    """A provider's customer of the tenant."""

    connection: str
    customer_id: str
    deleted_at: Moment | None
    """Time when the provider's deletion was found; unlink the customer to create a new one."""


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


class Tenants(SingleItem[Tenant]):
    """A single tenant."""

    kind: Literal["tenants"]


class AccessToken(ResponseModel):
    """A token for one tenant."""

    token: str
    token_type: Literal["Bearer"]
    tenant_uuid: UUID
    user_id: str | None
    expires_at: Moment


class AccessTokens(SingleItem[AccessToken]):
    """The new token."""

    kind: Literal["accessTokens"]
