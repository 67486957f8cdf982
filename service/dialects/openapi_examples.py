"""Examples of the dialects' requests and responses, with every field of Stripe's older versions."""

from typing import Final

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
PENDING_ITEMS_BODY: Final[Json] = {"customer": "cus_12345"}
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
