"""The invoice object in Stripe's format."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.accounts import DEFAULT_COUNTRY
from sandbox.stripe.core.call import Call

NULL_FIELDS = (
    "account_tax_ids", "application", "automatically_finalizes_at", "custom_fields",
    "customer_account", "default_payment_method", "default_source", "description", "due_date",
    "effective_at", "ending_balance", "footer", "from_invoice", "hosted_invoice_url",
    "invoice_pdf", "last_finalization_error", "latest_revision", "next_payment_attempt",
    "number", "on_behalf_of", "parent", "receipt_number", "shipping_cost", "shipping_details",
    "statement_descriptor", "status_details", "test_clock",
)  # fmt: skip
ZERO_FIELDS = (
    "amount_due", "amount_overpaid", "amount_paid", "amount_remaining", "amount_shipping",
    "attempt_count", "post_payment_credit_notes_amount", "pre_payment_credit_notes_amount",
    "starting_balance", "subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax",
)  # fmt: skip


def snapshot(customer: Json) -> Json:
    """Returns the customer fields that an invoice copies."""
    return {
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
    }


def new_invoice(call: Call, customer: Json, currency: str) -> Json:
    """Returns an empty draft, not yet stored. Fields that begin with ``_`` are internal."""
    return {
        "id": ids.fresh("in_"),
        "object": "invoice",
        **dict.fromkeys(NULL_FIELDS),
        "account_country": DEFAULT_COUNTRY,
        "account_name": "Sandbox",
        "attempted": False,
        "auto_advance": False,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": call.now,
        "currency": currency,
        "customer": customer["id"],
        **snapshot(customer),
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": call.account.livemode,
        "metadata": {},
        "period_end": call.now,
        "period_start": call.now,
        "status": "draft",
        **_settings(),
        **_totals(),
        "webhooks_delivered_at": call.now,
        "_token": None,
        "_payment_intent": None,
        "_amount_paid_off_stripe": 0,
        "_days_until_due": None,
    }


def _settings() -> Json:
    return {
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "rendering": {
            "amount_tax_display": None,
            "pdf": {"page_size": "auto"},
            "template": None,
            "template_version": None,
        },
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
    }


def _totals() -> Json:
    lists = ("total_discount_amounts", "total_pretax_credit_amounts", "total_taxes")
    return {**dict.fromkeys(ZERO_FIELDS, 0), **{name: [] for name in lists}}
