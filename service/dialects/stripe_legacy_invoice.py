"""Stripe's invoice as its older API versions printed it (seeds 003 and 004).

What Stripe sends today stays; the fields that it has moved or dropped since are added, derived from
where they live now (docs/dialects.md lists them). Pure: nothing here is stored.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from domain.core.metadata import without_ours
from service.http.envelope import Json

# Fields that Stripe removed without a successor, or omits without a value.
_NULL_UNLESS_SENT: Final = (
    "account_tax_ids", "application", "application_fee_amount", "charge", "custom_fields",
    "customer_address", "customer_email", "customer_name", "customer_phone", "customer_shipping",
    "default_payment_method", "default_source", "description", "due_date", "effective_at",
    "ending_balance", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf",
    "last_finalization_error", "latest_revision", "next_payment_attempt", "number",
    "on_behalf_of", "receipt_number", "rendering", "rendering_options", "shipping_cost",
    "shipping_details", "statement_descriptor", "test_clock", "transfer_data",
    "webhooks_delivered_at",
)  # fmt: skip
_TWELVE_DECIMALS: Final = Decimal("1e-12")
_LINE_NULL_UNLESS_SENT: Final = ("description", "plan")
_PRICE_NULL_UNLESS_SENT: Final = (
    "active", "billing_scheme", "created", "custom_unit_amount", "lookup_key", "nickname",
    "product", "recurring", "tiers_mode", "transform_quantity",
)  # fmt: skip


def older_invoice(invoice: Json) -> Json:
    """Return an invoice with every field of the older API versions."""
    shown = dict.fromkeys(_NULL_UNLESS_SENT) | invoice
    shown["metadata"] = _callers_metadata(invoice)
    shown |= {name: derive(invoice) for name, derive in _DERIVED.items()}
    lines = dict(invoice.get("lines") or {})
    lines["data"] = [_older_line(line) for line in lines.get("data") or ()]
    return shown | {"lines": lines}


def _default_payment(invoice: Json) -> Json:
    payments: list[Json] = (invoice.get("payments") or {}).get("data") or []
    found = next((entry for entry in payments if entry.get("is_default")), None)
    return (found or {}).get("payment") or {}


def _payment_intent(invoice: Json) -> str | None:
    return _id(_default_payment(invoice).get("payment_intent"))


def _charge(invoice: Json) -> str | None:
    payment = _default_payment(invoice)
    intent = payment.get("payment_intent")
    latest = intent.get("latest_charge") if isinstance(intent, dict) else None
    return _id(payment.get("charge")) or _id(latest)


def _paid_out_of_band(invoice: Json) -> bool:
    payments: list[Json] = (invoice.get("payments") or {}).get("data") or []
    kinds = {(entry.get("payment") or {}).get("type") for entry in payments}
    return "payment_record" in kinds or bool(invoice.get("amount_paid_off_stripe"))


def _subscription(invoice: Json) -> Json:
    return (invoice.get("parent") or {}).get("subscription_details") or {}


def _tax(invoice: Json) -> int | None:
    taxes = invoice.get("total_taxes")
    return sum(tax["amount"] for tax in taxes) if taxes else None


def _tax_amount(tax: Json) -> Json:
    details = tax.get("tax_rate_details") or {}
    return {
        "amount": tax["amount"],
        "inclusive": tax.get("tax_behavior") == "inclusive",
        "tax_rate": _id(details.get("tax_rate")),
        "taxability_reason": tax.get("taxability_reason"),
        "taxable_amount": tax.get("taxable_amount"),
    }


_DERIVED: Final[Mapping[str, Callable[[Json], Any]]] = {
    "charge": _charge,
    "discount": lambda invoice: next(iter(invoice.get("discounts") or ()), None),
    "paid": lambda invoice: invoice.get("status") == "paid",
    "paid_out_of_band": _paid_out_of_band,
    "payment_intent": _payment_intent,
    "quote": lambda invoice: ((invoice.get("parent") or {}).get("quote_details") or {}).get(
        "quote"
    ),
    "subscription": lambda invoice: _id(_subscription(invoice).get("subscription")),
    "subscription_details": lambda invoice: {"metadata": _subscription(invoice).get("metadata")},
    "tax": _tax,
    "total_tax_amounts": lambda invoice: [
        _tax_amount(tax) for tax in invoice.get("total_taxes") or ()
    ],
}


def _older_line(line: Json) -> Json:
    details = _line_details(line)
    untaxed = _untaxed(line)
    quantity = line.get("quantity") or 1
    return (
        dict.fromkeys(_LINE_NULL_UNLESS_SENT)
        | line
        | {
            "metadata": _callers_metadata(line),
            "amount_excluding_tax": untaxed,
            "invoice_item": details.get("invoice_item"),
            "price": _price(line),
            "proration": bool(details.get("proration")),
            "proration_details": details.get("proration_details") or {"credited_items": None},
            "subscription": details.get("subscription"),
            "tax_amounts": [_tax_amount(tax) for tax in line.get("taxes") or ()],
            "tax_rates": line.get("tax_rates") or [],
            "type": "subscription" if "subscription_item" in details else "invoiceitem",
            "unit_amount_excluding_tax": _plain_decimal(untaxed, quantity),
        }
    )


def _untaxed(line: Json) -> int:
    """Return a line's amount without tax.

    Stripe docs: `subtotal` is before taxes. Where it is the whole amount all the same, the tax that
    the amount includes is subtracted, so that the lines add up to `subtotal_excluding_tax`.
    """
    subtotal, amount = int(line.get("subtotal") or line["amount"]), int(line["amount"])
    taxes = line.get("taxes") or ()
    included = sum(tax["amount"] for tax in taxes if tax.get("tax_behavior") == "inclusive")
    return amount - included if subtotal == amount else subtotal


def _line_details(line: Json) -> Json:
    parent = line.get("parent") or {}
    found: Json = (
        parent.get("invoice_item_details") or parent.get("subscription_item_details") or {}
    )
    return found


def _price(line: Json) -> Json | None:
    """Return the line's price: the expanded one, or else built from the line's pricing."""
    pricing = line.get("pricing") or {}
    details = pricing.get("price_details") or {}
    found = details.get("price")
    if found is None:
        return None
    if isinstance(found, dict):
        return dict.fromkeys(_PRICE_NULL_UNLESS_SENT) | found
    unit = pricing.get("unit_amount_decimal")
    whole = unit is not None and str(unit).removeprefix("-").isdigit()
    return dict.fromkeys(_PRICE_NULL_UNLESS_SENT) | {
        "id": found,
        "object": "price",
        "currency": line.get("currency"),
        "livemode": line.get("livemode"),
        "metadata": {},
        "product": details.get("product"),
        "tax_behavior": "unspecified",
        "type": "one_time",
        "unit_amount": int(str(unit)) if whole else None,
        "unit_amount_decimal": None if unit is None else str(unit),
    }


def _plain_decimal(amount: int, quantity: int) -> str:
    """Divide as Stripe does: up to twelve decimals, without trailing zeros."""
    unit = (Decimal(amount) / quantity).quantize(_TWELVE_DECIMALS)
    text = f"{unit:f}"
    return text.rstrip("0").rstrip(".")


def _callers_metadata(found: Json) -> Json:
    """Return the metadata without our own keys."""
    return without_ours(found.get("metadata") or {})


def _id(value: Any) -> str | None:  # noqa: ANN401 - Stripe sends an id, or the object if expanded
    if isinstance(value, dict):
        return str(value["id"])
    return None if value is None else str(value)
