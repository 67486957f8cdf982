"""Response models of payment method setups."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from domain.payment_methods.view import STATUSES
from service.http.response_model import (
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
    SingleItem,
)
from service.http.validation import SchemaKeywords


class SetupMethod(ResponseModel):
    """The saved payment method."""

    id: str
    type: str
    brand: str | None
    last4: Annotated[str | None, Field(alias="last4")]


class SetupFailure(ResponseModel):
    """The reason of a rejected setup."""

    code: str | None
    provider_code: str | None
    message: str | None


class MethodSetup(ResponseModel):
    """A setup page where a tenant's customer saves a payment method."""

    id: UUID
    tenant_uuid: UUID
    provider: Provider
    connection: str
    mode: Mode
    status: Annotated[str, SchemaKeywords({"enum": list(STATUSES)})]
    """`open`: the page is waiting for the customer. `submitted`: a payment method was saved.
    `completed`: it is the default for requests without one. `revoked`: its mandate is no longer at
    Mollie."""
    url: str | None
    """Grants only saving a payment method for this tenant."""
    expires_at: Moment | None
    redirect_url: str
    """The URL to which the customer returns from the page."""
    customer: str | None
    """The tenant's customer at the provider."""
    payment_method: SetupMethod | None
    failure: SetupFailure | None
    created_at: Moment
    updated_at: Moment
    position: Position


class SingleSetup(SingleItem[MethodSetup]):
    """A single setup; the URL of its page is also at the top level."""

    kind: Literal["paymentMethodSetups"]
    url: str | None
