"""Response models of seeds 000, 001, 003 and 004."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from service.dialects import openapi_examples
from service.http.response_model import Count, JsonObject, Moment, ResponseModel, optional_field


class ProviderModel(ResponseModel):
    """A provider's document; fields that are not declared are as the provider sends them."""

    model_config = ConfigDict(alias_generator=None, extra="allow")


class PaymentIntent(ProviderModel):
    """Stripe's PaymentIntent, with the older `invoice`. `id` is null where nothing was charged."""

    id: str | None
    object: Literal["payment_intent"]
    amount: int
    amount_received: int
    currency: str | None
    status: str
    invoice: str | None
    client_secret: str | None = optional_field()
    """Fetched for this response; never stored."""


class KindOfIntent(PaymentIntent):
    """The PaymentIntent, with its kind."""

    kind: Literal["stripePaymentIntent"]


class PendingIntent(ResponseModel):
    """A payment without an outcome."""

    id: None
    status: Literal["processing"]


class KindOfPendingIntent(PendingIntent):
    """A payment without an outcome, with its kind."""

    kind: Literal["stripePaymentIntent"]


class Intents(ResponseModel):
    """The PaymentIntent as `paymentIntents` (seed 001)."""

    payment_intents: PaymentIntent


class PendingIntents(ResponseModel):
    """A payment without an outcome, as `paymentIntents`."""

    payment_intents: PendingIntent


class _Succeeded(ResponseModel):
    success: Literal[True]
    message: str
    error: None


class Charged(_Succeeded):
    """The payment (seed 000)."""

    data: KindOfIntent


class ChargePending(_Succeeded):
    """The payment has no outcome yet (seed 000)."""

    data: KindOfPendingIntent


class ChargedForTenant(_Succeeded):
    """The payment (seed 001)."""

    data: Intents


class ChargeForTenantPending(_Succeeded):
    """The payment has no outcome yet (seed 001)."""

    data: PendingIntents


def _every_field_there(schema: dict[str, Any]) -> None:
    schema["required"] = list(openapi_examples.OLDER_INVOICE)


class StripeInvoice(ProviderModel):
    """Stripe's invoice, with every field that its older versions had."""

    model_config = ConfigDict(json_schema_extra=_every_field_there)

    id: str
    object: Literal["invoice"]
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    auto_advance: bool
    currency: str
    customer: str | None
    amount_due: int
    amount_paid: int
    amount_remaining: int
    created: int
    lines: JsonObject
    livemode: bool
    metadata: dict[str, str]
    paid: bool
    payment_intent: str | None
    charge: str | None
    subscription: str | None
    tax: int | None
    total: int


class PendingInvoice(ResponseModel):
    """The invoice does not exist at Stripe yet."""

    id: None
    object: Literal["invoice"]
    status: Literal["requested"]


class AdminUser(ResponseModel):
    """The payer: your user, or else the tenant or the customer."""

    id: Annotated[str | None, Field(alias="_id")]
    name: str | None


class AdminInvoice(ResponseModel):
    """An invoice at Stripe."""

    id: Annotated[str, Field(alias="_id")]
    """The invoice's id."""
    invoice_id: str
    """The invoice's id at Stripe."""
    user: AdminUser
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    amount: int
    invoice_pdf: str | None
    created_at: Moment
    updated_at: Moment


class AdminInvoices(ResponseModel):
    """A page of the invoices at Stripe, newest first."""

    invoices: list[AdminInvoice]
    count: Count
    """Number of items on all pages."""
