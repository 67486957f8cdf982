"""What the four other dialects answer with."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, RootModel

from service.draft_requests import DraftBody
from service.openapi.examples_stripe import OLDER_INVOICE
from service.openapi.shapes import JsonObject, Moment, Open, Shown, left_out
from service.validation import Strictly


class PaymentIntent(Open):
    """Stripe's PaymentIntent, with the older `invoice`. `id` is null where nothing was charged."""

    id: str | None
    object: Literal["payment_intent"]
    amount: int
    amount_received: int
    currency: str | None
    status: str
    invoice: str | None
    client_secret: str | None = left_out()
    """Fetched for this answer; never stored."""


class KindOfIntent(PaymentIntent):
    """The PaymentIntent, named."""

    kind: Literal["stripePaymentIntent"]


class PendingIntent(Shown):
    """A payment that is not known yet."""

    id: None
    status: Literal["processing"]


class KindOfPendingIntent(PendingIntent):
    """A payment that is not known yet, named."""

    kind: Literal["stripePaymentIntent"]


class Intents(Shown):
    """The PaymentIntent under the name that seed 001 gives it."""

    payment_intents: PaymentIntent


class PendingIntents(Shown):
    """A payment that is not known yet, under that name."""

    payment_intents: PendingIntent


class _Succeeded(Shown):
    success: Literal[True]
    message: str
    error: None


class Charged(_Succeeded):
    """The payment (seed 000)."""

    data: KindOfIntent


class ChargePending(_Succeeded):
    """The payment is not known yet (seed 000)."""

    data: KindOfPendingIntent


class ChargedForTenant(_Succeeded):
    """The payment (seed 001)."""

    data: Intents


class ChargeForTenantPending(_Succeeded):
    """The payment is not known yet (seed 001)."""

    data: PendingIntents


class WrappedDraft(Strictly):
    """The body, wrapped."""

    data: DraftBody


class DraftAsk(RootModel[DraftBody | WrappedDraft]):
    """The body, bare or wrapped in `data`."""


def _every_field_there(schema: dict[str, Any]) -> None:
    schema["required"] = list(OLDER_INVOICE)


class StripeInvoice(Open):
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


class PendingInvoice(Shown):
    """The invoice is not there yet."""

    id: None
    object: Literal["invoice"]
    status: Literal["requested"]


class AdminUser(Shown):
    """Who pays: your user, else the tenant, else the customer."""

    id: Annotated[str | None, Field(alias="_id")]
    name: str | None


class AdminInvoice(Shown):
    """An invoice that Stripe has."""

    id: Annotated[str, Field(alias="_id")]
    """Our id."""
    invoice_id: str
    """Stripe's."""
    user: AdminUser
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    amount: int
    invoice_pdf: str | None
    created_at: Moment
    updated_at: Moment


class AdminInvoices(Shown):
    """A page of the invoices that Stripe has, newest first."""

    invoices: list[AdminInvoice]
    count: Annotated[int, Field(ge=0)]
    """How many there are on all pages."""


FORM: Final = "application/x-www-form-urlencoded"
