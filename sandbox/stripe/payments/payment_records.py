"""Payment records of payments outside Stripe, such as bank transfers."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import NoParams
from sandbox.stripe.core.views import view


def new_record(call: Call, invoice: Json) -> Json:
    """Returns the record of an invoice's full remaining amount, paid outside Stripe."""

    def money(value: int) -> Json:
        return {"currency": invoice["currency"], "value": value}

    paid = invoice["amount_remaining"]
    nothing = ("amount_authorized", "amount_canceled", "amount_failed", "amount_refunded")
    return {
        "id": ids.fresh("pr_"),
        "object": "payment_record",
        "amount": money(paid),
        **{name: money(0) for name in nothing},
        "amount_guaranteed": money(paid),
        "amount_requested": money(paid),
        "application": None,
        "created": call.now,
        "customer_details": {
            "customer": invoice["customer"],
            "email": invoice["customer_email"],
            "name": invoice["customer_name"],
            "phone": invoice["customer_phone"],
        },
        "customer_presence": None,
        "description": None,
        "latest_payment_attempt_record": None,
        "livemode": call.account.livemode,
        "metadata": {},
        "payment_method_details": None,
        "processor_details": {"type": "custom", "custom": {"payment_reference": None}},
        "reported_by": "self",
        "shipping_details": None,
    }


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a payment record."""
    return view(call, call.load("payment_record", call.path["id"]))


OPERATIONS: list[Operation] = [
    operation("GET", "/v1/payment_records/{id}", "payment_record", NoParams, retrieve),
]
