"""Request bodies and queries of seeds 000, 001, 003 and 004."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, RootModel, StringConstraints, ValidationInfo, field_validator

from domain.core import money
from service.http.validation import Name, RequestModel, Text, Token, Uuid, invalid

FORM: Final = "application/x-www-form-urlencoded"
Footer = Annotated[Text, StringConstraints(max_length=256)]


class StripeInvoiceBody(RequestModel):
    """Body of a charge. The validation context has the path's `tenant_id`."""

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
            raise invalid("must equal the tenant in the path")
        return tenant_id

    def lines(self) -> list[dict[str, Any]]:
        """Return the line in the format of events."""
        line = {"name": None, "quantity": self.quantity, "price": self.price}
        return [line | {"amount_minor": None, "currency": None}]


class DraftItem(RequestModel):
    """A line: a name and its amount in minor units of the currency that the provider chooses."""

    name: Name
    amount: int = Field(ge=1, le=money.MAX_AMOUNT_MINOR)


class DraftBody(RequestModel):
    """Body of a draft (seed 003)."""

    items: list[DraftItem] = Field(min_length=1, max_length=250)
    customer: Token
    payment_method: Token | None = None

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines in the format of events."""
        return [
            {
                "name": item.name,
                "quantity": 1,
                "price": None,
                "amount_minor": item.amount,
                "currency": None,
            }
            for item in self.items
        ]


class PendingItemsBody(RequestModel):
    """Body of a draft with the pending items of a customer (seed 004)."""

    customer: Token


class PendingItemsQuery(RequestModel):
    """Query of seed 004: the slug of the app and the connection."""

    name: Name
    connection_name: Name = Field(alias="connection_name")


class WrappedDraft(RequestModel):
    """The body, wrapped."""

    data: DraftBody


class DraftRequest(RootModel[DraftBody | WrappedDraft]):
    """The body, bare or wrapped in `data`."""


def unwrapped(given: object) -> object:
    """Return the body from `data`: seed 003's table wraps it, its example does not."""
    if isinstance(given, dict) and set(given) == {"data"}:
        return given["data"]
    return given
