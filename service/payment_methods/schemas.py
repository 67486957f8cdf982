"""Response models of payment method setups."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from domain.payment_methods.setup import STATUSES
from service.http.validation import SchemaKeywords
from service.openapi.common_schemas import Mode, Moment, Position, Provider, ResponseModel


class SetupMethod(ResponseModel):
    """The payment method that was left."""

    id: str
    type: str
    brand: str | None
    last4: Annotated[str | None, Field(alias="last4")]


class SetupFailure(ResponseModel):
    """Why the provider refuses."""

    code: str | None
    provider_code: str | None
    message: str | None


class MethodSetup(ResponseModel):
    """A page where a tenant leaves a payment method."""

    id: UUID
    tenant_uuid: UUID
    provider: Provider
    connection: str
    mode: Mode
    status: Annotated[str, SchemaKeywords({"enum": list(STATUSES)})]
    """`open`: the page waits. `submitted`: a method was left there. `completed`: it is what is
    charged where a request names none."""
    url: str | None
    """Whoever has it can leave a method for this tenant, and do nothing else."""
    expires_at: Moment | None
    redirect_url: str
    """Where the customer goes from the page."""
    customer: str | None
    """The tenant, as the provider knows it."""
    payment_method: SetupMethod | None
    failure: SetupFailure | None
    created_at: Moment
    updated_at: Moment
    position: Position


class SingleSetup(ResponseModel):
    """One setup; where its customer goes also stands at the top."""

    kind: Literal["paymentMethodSetups"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[MethodSetup], Field(min_length=1, max_length=1)]
    url: str | None
