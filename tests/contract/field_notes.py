"""Notes on fields of the documents: where each comes from, and which are the printed value."""

from __future__ import annotations

from typing import Final

SAME: Final = "="
CALLER: Final = "sent by the caller"
PRICE: Final = "Stripe's price of the line"
LINE: Final = "Stripe's invoice line, field of the same name"
IMMEDIATE_CHARGE_REQUEST: Final = {
    "price": f"{CALLER}: a price's id at Stripe, one-time or (`subscription`) recurring",
    "taxRate": f"{CALLER}: the id of a tax rate at Stripe",
    "mode": f"{CALLER}: `payment`, or `subscription` for one whose first invoice is charged",
    "quantity": f"{CALLER}: 1 to 1,000,000",
    "tenantId": f"{CALLER}, or left out: the tenant of the path",
    "userId": f"{CALLER}, or left out: kept with the invoice",
    "test": f"{CALLER}, or left out: selects the app's test or live connection",
    "footer": f"{CALLER}, or left out: printed on the invoice, at most 256 characters",
}
REFUSED: Final = {
    "success": "`false`",
    "error": "the code in brackets, then the field and its fault",
    "message": SAME,
    "data": SAME,
}
ENVELOPE: Final = {
    "success": "`true`",
    "message": "the result as text",
    "error": SAME,
}
ADMIN_INVOICE: Final = {
    "_id": "our id of the invoice, a UUID",
    "invoiceId": "Stripe's id of the invoice",
    "user._id": "`userId` of the request, else the tenant, else Stripe's customer",
    "user.name": "the customer's name at Stripe, else the tenant's",
    "status": "Stripe's status of the invoice",
    "amount": "the total in the currency's minor unit",
    "invoicePdf": "our own link to Stripe's document, which needs no key; null for a draft",
    "createdAt": "when the invoice was requested",
    "updatedAt": "when its last event was recorded",
}


# What both older invoices derive from where Stripe keeps it now.
DERIVED: Final = {
    "charge": "the latest charge of the default payment's PaymentIntent",
    "discount": "the first of `discounts`",
    "paid": "=whether `status` is `paid`",
    "paid_out_of_band": "=whether a payment was recorded outside Stripe",
    "payment_intent": "the PaymentIntent of the default payment",
    "quote": "`parent.quote_details.quote`",
    "subscription": "`parent.subscription_details.subscription`",
    "tax": "the sum of `total_taxes`, null where there are none",
    "total_tax_amounts": "=`total_taxes`, in the older shape",
    "application_fee_amount": "null: since moved to the PaymentIntent",
    "transfer_data": "null: since moved to the PaymentIntent",
    "rendering_options": "null: replaced by `rendering`",
    "metadata": "=the caller's metadata, without our own keys",
}
ALIKE: Final = dict.fromkeys(
    (
        "object", "account_country", "account_tax_ids", "amount_paid", "amount_shipping",
        "application", "attempt_count", "attempted", "auto_advance", "automatic_tax.enabled",
        "automatic_tax.status", "billing_reason", "collection_method", "currency",
        "custom_fields", "customer_email", "customer_name", "customer_phone",
         "customer_shipping", "customer_tax_exempt", "customer_tax_ids",
        "default_source", "default_tax_rates", "description", "discounts", "due_date",
        "ending_balance", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf",
        "last_finalization_error", "latest_revision", "lines.has_more", "lines.object",
        "livemode", "number", "on_behalf_of", "payment_settings.default_mandate",
        "payment_settings.payment_method_options", "payment_settings.payment_method_types",
        "post_payment_credit_notes_amount", "pre_payment_credit_notes_amount",
        "receipt_number", "shipping_cost", "shipping_details", "starting_balance",
        "statement_descriptor", "status", "status_transitions.finalized_at",
        "status_transitions.marked_uncollectible_at", "status_transitions.paid_at",
        "status_transitions.voided_at", "test_clock", "total_discount_amounts",
    ),
    SAME,
)  # fmt: skip
DRAFT_ADDRESS: Final = {
    f"customer_address.{part}": SAME
    for part in ("city", "country", "line1", "line2", "postal_code", "state")
}
GATHERED_LINE: Final = {
    f"lines.data[].{name}": note
    for name, note in {
        **dict.fromkeys(
            (
                "object", "amount", "currency", "description", "discount_amounts",
                "discountable", "discounts", "livemode", "quantity",
            ),
            f"={LINE}",
        ),
        **dict.fromkeys(("id", "period.end", "period.start"), LINE),
        "amount_excluding_tax": "=the line's `subtotal`, or `amount` less the tax in it",
        "invoice_item": "`parent.invoice_item_details.invoice_item`",
        "metadata": "=as the invoice's",
        "plan": "=null: replaced by prices",
        "proration": "=`parent.invoice_item_details.proration`",
        "proration_details.credited_items": "=`parent.invoice_item_details.proration_details`",
        "subscription": "=`parent.invoice_item_details.subscription`",
        "tax_amounts": "=the line's `taxes`, in the older shape",
        "tax_rates": "=empty: Stripe has them in `taxes` only",
        "type": "=`invoiceitem`, or `subscription` where a subscription made the line",
        "unit_amount_excluding_tax": "=`amount_excluding_tax` divided by `quantity`",
        **{
            f"price.{field}": f"={PRICE}"
            for field in (
                "object", "active", "billing_scheme", "currency", "custom_unit_amount",
                "livemode", "lookup_key", "metadata", "nickname", "recurring", "tax_behavior",
                "tiers_mode", "transform_quantity", "type", "unit_amount",
                "unit_amount_decimal",
            )
        },
        **dict.fromkeys(("price.id", "price.created", "price.product"), PRICE),
    }.items()
}  # fmt: skip
GATHERED_AMOUNTS: Final = dict.fromkeys(
    (
        "amount_due", "amount_remaining", "subtotal", "subtotal_excluding_tax", "total",
        "total_excluding_tax", "lines.total_count", "next_payment_attempt",
        "default_payment_method",
    ),
    SAME,
)  # fmt: skip
