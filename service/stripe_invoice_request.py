"""The body of the POST of seeds 000 and 001."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from domain import money
from service.validation import Name, Strictly, Text, Token, Uuid, fault

Footer = Annotated[Text, StringConstraints(max_length=256)]


class StripeInvoiceBody(Strictly):
    """What a caller asks for. The context's `tenant_id` is the path's."""

    price: Token
    tax_rate: Token
    mode: Literal["payment", "subscription"]
    quantity: int = Field(ge=1, le=money.MAX_QUANTITY)
    tenant_id: Uuid | None = None
    user_id: Name | None = None
    test: bool | None = None
    footer: Footer | None = None

    @field_validator("tenant_id")
    @classmethod
    def _same_tenant(cls, tenant_id: Uuid | None, info: ValidationInfo) -> Uuid | None:
        if tenant_id is not None and tenant_id != (info.context or {})["tenant_id"]:
            raise fault("must equal the tenant in the path")
        return tenant_id

    def lines(self) -> list[dict[str, Any]]:
        """Give the one line as events carry it."""
        line = {"name": None, "quantity": self.quantity, "price": self.price}
        return [line | {"amount_minor": None, "currency": None}]
