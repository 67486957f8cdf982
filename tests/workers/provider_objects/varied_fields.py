"""Tables of the provider fields with money, counts and states, and of those that are constant.

`STRIPE` and `MOLLIE_…`: varied by the courses of `test_varied_fields`, where our sums are compared.
A constant field has the reason why no course varies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _paths(fields: Mapping[str, str]) -> frozenset[str]:
    return frozenset(f"{kind}.{name}" for kind, names in fields.items() for name in names.split())


STRIPE: Final = _paths(
    {
        "balance_transaction": "amount net",
        "charge": (
            "amount amount_captured amount_refunded payment_method_details.card.amount_authorized "
            "payment_method_details.card.overcapture.maximum_amount_capturable status"
        ),
        "coupon": (
            "amount_off currency_options[].amount_off duration duration_in_months percent_off "
            "times_redeemed"
        ),
        "credit_note": (
            "amount out_of_band_amount post_payment_amount pre_payment_amount "
            "refunds[].amount_refunded status subtotal subtotal_excluding_tax total "
            "total_excluding_tax total_taxes[].amount total_taxes[].taxable_amount"
        ),
        "credit_note_line_item": (
            "amount taxes[].amount taxes[].taxable_amount unit_amount unit_amount_decimal"
        ),
        "dispute": "amount status",
        "invoice": (
            "amount_due amount_overpaid amount_paid amount_paid_off_stripe amount_remaining "
            "attempt_count ending_balance post_payment_credit_notes_amount "
            "pre_payment_credit_notes_amount starting_balance status subtotal "
            "subtotal_excluding_tax total total_discount_amounts[].amount total_excluding_tax "
            "total_taxes[].amount total_taxes[].taxable_amount"
        ),
        "line_item": (
            "amount discount_amounts[].amount pricing.unit_amount_decimal quantity "
            "quantity_decimal subtotal taxes[].amount taxes[].taxable_amount"
        ),
        "payment_intent": "amount amount_capturable amount_received status",
        "plan": "amount amount_decimal billing_scheme interval interval_count",
        "price": (
            "billing_scheme currency_options[].unit_amount "
            "currency_options[].unit_amount_decimal recurring.interval recurring.interval_count "
            "tiers[].flat_amount tiers[].flat_amount_decimal tiers[].unit_amount "
            "tiers[].unit_amount_decimal tiers[].up_to transform_quantity.divide_by "
            "transform_quantity.round unit_amount unit_amount_decimal"
        ),
        "refund": "amount status",
        "subscription": "status",
        "subscription_item": "quantity",
        "tax_rate": "percentage",
    }
)
_CARD: Final = "charge.payment_method_details.card"
STRIPE_CONSTANT: Final[dict[str, str]] = {
    "balance_transaction.fee": "the sandbox has no fees, and we show none",
    "balance_transaction.status": "payouts are not ours",
    "charge.outcome.risk_score": "no money",
    f"{_CARD}.extended_authorization.status": "says what a card could, not what was done",
    f"{_CARD}.incremental_authorization.status": "says what a card could",
    f"{_CARD}.multicapture.status": "says what a card could",
    f"{_CARD}.overcapture.status": "says what a card could",
    "credit_note.amount_shipping": "invoices have no shipping",
    "credit_note.discount_amount": "invoices made by hand have no discounts here",
    "credit_note_line_item.discount_amount": "invoices made by hand have no discounts here",
    "credit_note_line_item.quantity": "notes are made by an amount",
    "dispute.evidence_details.submission_count": "no money",
    "invoice.amount_shipping": "invoices have no shipping",
}
MOLLIE_PAYMENTS: Final = _paths(
    {
        "capture": "amount.value status",
        "chargeback": "amount.value",
        "payment": (
            "amount.value amountCaptured.value amountChargedBack.value amountRefunded.value "
            "amountRemaining.value lines[].quantity lines[].totalAmount.value "
            "lines[].unitPrice.value status"
        ),
        "refund": "amount.value status",
    }
)
MOLLIE_SUBSCRIPTIONS: Final = _paths(
    {"subscription": "amount.value interval status times timesRemaining"}
)
