"""Stripe's objects as examples show them, with every field that the older versions had."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, RootModel

from service.dialects.stripe_draft import DraftBody
from service.http.validation import RequestModel
from service.openapi.common_schemas import (
    JsonObject,
    Moment,
    ProviderModel,
    ResponseModel,
    optional_field,
)
from service.openapi.declare import Json

OLDER_INVOICE: Final[Json] = {
    "id": "in_12345",
    "object": "invoice",
    "account_country": "US",
    "account_name": "Billhook",
    "account_tax_ids": None,
    "amount_due": 1,
    "amount_paid": 0,
    "amount_remaining": 1,
    "amount_shipping": 0,
    "application": None,
    "application_fee_amount": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "automatic_tax": {"enabled": False, "status": None},
    "billing_reason": "manual",
    "charge": None,
    "collection_method": "charge_automatically",
    "created": 1769851800,
    "currency": "eur",
    "custom_fields": None,
    "customer": "cus_12345",
    "customer_address": None,
    "customer_email": "ada@example.com",
    "customer_name": "Ada GmbH",
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": "pm_12345",
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discount": None,
    "discounts": [],
    "due_date": None,
    "effective_at": None,
    "ending_balance": None,
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "last_finalization_error": None,
    "latest_revision": None,
    "lines": {
        "object": "list",
        "data": [],
        "has_more": False,
        "total_count": 0,
        "url": "/v1/invoices/in_12345/lines",
    },
    "livemode": False,
    "metadata": {},
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "paid": False,
    "paid_out_of_band": False,
    "payment_intent": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "period_end": 1769851800,
    "period_start": 1769851800,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "quote": None,
    "receipt_number": None,
    "rendering": {"amount_tax_display": None, "pdf": {"page_size": "auto"}},
    "rendering_options": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status": "draft",
    "status_transitions": {
        "finalized_at": None,
        "marked_uncollectible_at": None,
        "paid_at": None,
        "voided_at": None,
    },
    "subscription": None,
    "subscription_details": {"metadata": None},
    "subtotal": 1,
    "subtotal_excluding_tax": 1,
    "tax": None,
    "test_clock": None,
    "total": 1,
    "total_discount_amounts": [],
    "total_excluding_tax": 1,
    "total_tax_amounts": [],
    "transfer_data": None,
    "webhooks_delivered_at": None,
}
PENDING_INVOICE: Final[Json] = {"id": None, "object": "invoice", "status": "requested"}
DRAFT: Final[Json] = {
    "items": [{"name": "All resources", "amount": 3300}],
    "customer": "cus_12345",
    "paymentMethod": "pm_12345",
}
GATHER: Final[Json] = {"customer": "cus_12345"}
ADMIN_INVOICE: Final[Json] = {
    "_id": "5b0f3c1e-2a4d-5e6f-8a9b-0c1d2e3f4a5b",
    "invoiceId": "in_12345",
    "user": {"_id": "user-1", "name": "Ada GmbH"},
    "status": "paid",
    "amount": 3300,
    "invoicePdf": "https://billing.example.com/d/eyJhbGciOiJIUzI1NiJ9",
    "createdAt": "2026-01-31T09:30:00.000Z",
    "updatedAt": "2026-01-31T09:30:02.000Z",
}

CHARGE: Final[Json] = {
    "price": "price_12345",
    "taxRate": "txr_12345",
    "mode": "payment",
    "quantity": 1,
    "tenantId": "11111111-1111-1111-1111-111111111111",
    "userId": "user-1",
    "footer": "Thank you.",
}
_INTENT: Final[Json] = {
    "id": "pi_12345",
    "object": "payment_intent",
    "amount": 1999,
    "amount_received": 1999,
    "client_secret": "pi_12345_secret_67890",
    "currency": "eur",
    "customer": "cus_12345",
    "invoice": "in_12345",
    "livemode": False,
    "status": "succeeded",
}
_PENDING: Final[Json] = {"id": None, "status": "processing"}


def _succeeded(message: str, data: Json) -> Json:
    return {"success": True, "message": message, "error": None, "data": data}


_KIND: Final[Json] = {"kind": "stripePaymentIntent"}
CHARGED: Final = _succeeded("Stripe invoice created", _KIND | _INTENT)
CHARGE_PENDING: Final = _succeeded("Stripe invoice requested", _KIND | _PENDING)
CHARGED_FOR_TENANT: Final = _succeeded("Stripe invoice created", {"paymentIntents": _INTENT})
CHARGE_FOR_TENANT_PENDING: Final = _succeeded(
    "Stripe invoice requested", {"paymentIntents": _PENDING}
)


# What the four other dialects answer with.


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
    """Fetched for this answer; never stored."""


class KindOfIntent(PaymentIntent):
    """The PaymentIntent, named."""

    kind: Literal["stripePaymentIntent"]


class PendingIntent(ResponseModel):
    """A payment that is not known yet."""

    id: None
    status: Literal["processing"]


class KindOfPendingIntent(PendingIntent):
    """A payment that is not known yet, named."""

    kind: Literal["stripePaymentIntent"]


class Intents(ResponseModel):
    """The PaymentIntent under the name that seed 001 gives it."""

    payment_intents: PaymentIntent


class PendingIntents(ResponseModel):
    """A payment that is not known yet, under that name."""

    payment_intents: PendingIntent


class _Succeeded(ResponseModel):
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


class WrappedDraft(RequestModel):
    """The body, wrapped."""

    data: DraftBody


class DraftAsk(RootModel[DraftBody | WrappedDraft]):
    """The body, bare or wrapped in `data`."""


def _every_field_there(schema: dict[str, Any]) -> None:
    schema["required"] = list(OLDER_INVOICE)


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
    """The invoice is not there yet."""

    id: None
    object: Literal["invoice"]
    status: Literal["requested"]


class AdminUser(ResponseModel):
    """Who pays: your user, else the tenant, else the customer."""

    id: Annotated[str | None, Field(alias="_id")]
    name: str | None


class AdminInvoice(ResponseModel):
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


class AdminInvoices(ResponseModel):
    """A page of the invoices that Stripe has, newest first."""

    invoices: list[AdminInvoice]
    count: Annotated[int, Field(ge=0)]
    """How many there are on all pages."""


FORM: Final = "application/x-www-form-urlencoded"
