"""Request bodies of invoices (seed 002) and of actions on them."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from domain.core import money
from domain.core.errors import InvalidAmount
from domain.core.metadata import PREFIX
from service.http.errors import BadRequest, FieldError
from service.http.validation import (
    Currency,
    LongText,
    Name,
    RequestModel,
    SchemaKeywords,
    Text,
    Token,
    Url,
    Uuid,
    invalid,
)

MOST_LINES: Final = 20
"""Stripe docs: a subscription has up to 20 items."""


_KEY: Final = SchemaKeywords({"pattern": "^[^\\[\\]\\u0000-\\u001f\\u007f-\\u009f]*$"})


def _usable(key: str) -> str:
    """Reject keys that we set: a webhook's metadata identifies our invoice.

    And square brackets, of which Stripe's form encoding makes other parameters.
    """
    if key.startswith(PREFIX):
        raise invalid(f"keys that begin with {PREFIX} are reserved")
    if "[" in key or "]" in key:
        raise invalid("keys must not contain square brackets")
    return key


# Stripe docs, metadata: 50 keys, of which we use some; 40 and 500 characters.
MetadataKey = Annotated[
    Text, StringConstraints(min_length=1, max_length=40), AfterValidator(_usable), _KEY
]
MetadataValue = Annotated[Text, StringConstraints(max_length=500)]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Field(max_length=40),
    SchemaKeywords({"additionalProperties": False}),
]


class LineItem(RequestModel):
    """A line: quantity times a catalogue price, or times an amount in a currency."""

    name: Name | None = None
    quantity: int = Field(1, ge=1, le=money.MAX_QUANTITY)
    price: Token | None = None
    amount_minor: int | None = Field(None, ge=0, le=money.MAX_AMOUNT_MINOR)
    currency: Currency | None = None

    @model_validator(mode="after")
    def _price_or_amount(self, info: ValidationInfo) -> Self:
        priced = self.price is not None
        if {self.amount_minor is None, self.currency is None} != {priced}:
            raise invalid("give either price, or amountMinor with currency")
        amount, currency = self.amount_minor, self.currency
        if amount is not None and currency:
            provider = (info.context or {}).get("provider", "stripe")
            if (fault := money.step_fault(amount, provider, currency)) is not None:
                raise invalid(f"amountMinor {fault} at {provider.capitalize()}")
        return self

    def to_event(self) -> dict[str, Any]:
        """Return the line in the format of events."""
        return self.model_dump(by_alias=False)


class InvoiceRequestBody(RequestModel):
    """Body of an invoice request. The context has the path's `tenant_id` and `provider`."""

    tenant_uuid: Uuid
    line_items: list[LineItem] = Field(min_length=1, max_length=250)
    tax_rate_id: Token | None = None
    payment_method: Token | None = None
    type: Literal["payment", "subscription"]
    user_id: Name | None = None
    footer: LongText | None = None
    description: LongText | None = None
    metadata: Metadata = Field(default_factory=dict)
    redirect_url: Url | None = None
    connection: Name | None = None
    test: bool | None = None
    expected_total_minor: int | None = Field(None, ge=0, le=money.MAX_SUM_MINOR)

    @field_validator("tenant_uuid")
    @classmethod
    def _same_tenant(cls, tenant_id: Uuid, info: ValidationInfo) -> Uuid:
        if tenant_id != (info.context or {})["tenant_id"]:
            raise invalid("must equal the tenant in the path")
        return tenant_id

    @field_validator("line_items")
    @classmethod
    def _one_sum(cls, lines: list[LineItem]) -> list[LineItem]:
        if len({line.currency for line in lines if line.currency}) > 1:
            raise invalid("all lines must have one currency")
        try:
            total = sum(money.line_total(line.amount_minor or 0, line.quantity) for line in lines)
            money.line_total(total, 1)
        except InvalidAmount:
            raise invalid("the sum is too large") from None
        return lines


def require_subscribable(body: InvoiceRequestBody) -> None:
    """Reject lines that a subscription cannot have. Raises BadRequest with all errors."""
    if body.type != "subscription":
        return
    faults = [
        FieldError(message=f"{path}: {why}", path=path)
        for path, why in _unsubscribable(body.line_items)
    ]
    if faults:
        raise BadRequest(*faults)


def _unsubscribable(lines: list[LineItem]) -> Iterator[tuple[str, str]]:
    if len(lines) > MOST_LINES:
        yield "lineItems", f"a subscription has at most {MOST_LINES}"
    seen: set[str] = set()
    for index, line in enumerate(lines):
        if line.price is None:
            yield f"lineItems.{index}.amountMinor", "a subscription's lines name recurring prices"
        elif line.price in seen:
            yield f"lineItems.{index}.price", "is there already; give it once, with its quantity"
        else:
            seen.add(line.price)


class ActionBody(RequestModel):
    """Body of an action without fields."""


class RetryBody(ActionBody):
    """Body of a retry: the customer's payment method, or else the default one."""

    payment_method: Token | None = None


class CaptureBody(ActionBody):
    """Body of a capture: an amount, or all that the authorized payment holds."""

    amount_minor: int | None = Field(None, ge=1, le=money.MAX_AMOUNT_MINOR)


class RefundBody(ActionBody):
    """Body of a refund: an amount, or all that remains; with or without a credit note."""

    amount_minor: int | None = Field(None, ge=1, le=money.MAX_AMOUNT_MINOR)
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    credit_note: bool = True
