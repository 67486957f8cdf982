"""Payment intents: of invoices (``collection/pay.py``) or alone (``own_intents.py``)."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import CreatedPage, NoParams, Text
from sandbox.stripe.core.views import view


class ListPaymentIntents(CreatedPage):
    """GET /v1/payment_intents."""

    unsupported = frozenset({"customer_account"})
    customer: Text | None = None


def new_intent(call: Call, invoice: Json) -> Json:
    """Returns the payment intent of a finalised invoice. Invoice metadata is not copied."""
    amount, currency = invoice["amount_remaining"], invoice["currency"]
    return bare_intent(call, invoice["customer"], amount=amount, currency=currency) | {
        "description": f"Payment for Invoice {invoice['number']}",
        "payment_details": {"customer_reference": None, "order_reference": invoice["id"]},
        "_invoice": invoice["id"],
        "_own": False,
    }


def bare_intent(call: Call, customer: str, *, amount: int, currency: str) -> Json:
    """Returns a payment intent of no invoice, not yet stored."""
    intent_id = ids.fresh("pi_")
    nothing = (
        "allowed_payment_method_types", "application", "application_fee_amount",
        "automatic_payment_methods", "canceled_at", "cancellation_reason", "customer_account",
        "excluded_payment_method_types", "last_payment_error", "latest_charge", "next_action",
        "on_behalf_of", "payment_method", "payment_method_configuration_details", "processing",
        "receipt_email", "review", "setup_future_usage", "shipping", "source",
        "statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group",
    )  # fmt: skip
    return {
        "id": intent_id,
        "object": "payment_intent",
        **dict.fromkeys(nothing),
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": f"{intent_id}_secret_{ids.random_text(25)}",
        "confirmation_method": "automatic",
        "created": call.now,
        "currency": currency,
        "customer": customer,
        "description": None,
        "livemode": call.account.livemode,
        "metadata": {},
        "payment_details": None,
        "payment_method_options": _method_options(),
        "payment_method_types": ["card", "link"],
        "status": "requires_payment_method",
        "_invoice": None,
        "_own": True,
        "_method": None,
    }


def _method_options() -> Json:
    return {
        "card": {
            "installments": None,
            "mandate_options": None,
            "network": None,
            "request_three_d_secure": "automatic",
        },
        "link": {"persistent_token": None},
    }


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a payment intent."""
    return view(call, call.load("payment_intent", call.path["intent"]))


def listing(call: Call, params: ListPaymentIntents) -> Json:
    """Returns a page of payment intents."""
    return page(call, "payment_intent", params, url="/v1/payment_intents", owner=params.customer)


OPERATIONS: list[Operation] = [
    operation("GET", "/v1/payment_intents", "list:payment_intent", ListPaymentIntents, listing),
    operation("GET", "/v1/payment_intents/{intent}", "payment_intent", NoParams, retrieve),
]
