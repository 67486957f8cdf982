"""Charges: one per payment attempt at a bank."""

from __future__ import annotations

from sandbox.common.store import Json, equal
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import CreatedPage, NoParams, Text
from sandbox.stripe.core.views import view
from sandbox.stripe.payment_methods.cards import Decline


class ListCharges(CreatedPage):
    """GET /v1/charges."""

    unsupported = frozenset({"transfer_group"})
    customer: Text | None = None
    payment_intent: Text | None = None


def new_charge(
    call: Call, intent: Json, method: Json, *, decline: Decline | None, authenticated: bool
) -> Json:
    """Returns a charge of an intent's full amount, succeeded or declined."""
    paid = decline is None
    nothing = (
        "application", "application_fee", "application_fee_amount", "balance_transaction",
        "failure_balance_transaction", "on_behalf_of", "receipt_email", "receipt_number",
        "receipt_url", "review", "shipping", "source", "source_transfer", "statement_descriptor",
        "statement_descriptor_suffix", "transfer_data", "transfer_group",
    )  # fmt: skip
    return {
        "id": ids.fresh("ch_"),
        "object": "charge",
        **dict.fromkeys(nothing),
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": paid,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        **_failure(decline),
        "fraud_details": {},
        "livemode": call.account.livemode,
        "metadata": {},
        "outcome": _outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(intent, method, paid=paid, authenticated=authenticated),
        "radar_options": {},
        "refunded": False,
        "status": "succeeded" if paid else "failed",
        "_invoice": intent["_invoice"],
    }


def _failure(decline: Decline | None) -> Json:
    return {
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
    }


def _outcome(decline: Decline | None) -> Json:
    return {
        "advice_code": "try_again_later" if decline else None,
        "network_advice_code": None,
        "network_decline_code": "01" if decline else None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "risk_score": 35,
        "seller_message": (
            "The bank did not return any further details with this decline."
            if decline
            else "Payment complete."
        ),
        "type": "issuer_declined" if decline else "authorized",
    }


def _details(intent: Json, method: Json, *, paid: bool, authenticated: bool) -> Json:
    if method["type"] == "sepa_debit":
        debit: Json = {"expected_debit_date": None, "mandate": None}
        shared = ("bank_code", "branch_code", "country", "fingerprint", "last4")
        debit |= {name: method["sepa_debit"][name] for name in shared}
        return {"sepa_debit": debit, "type": "sepa_debit"}
    card = method["card"]
    same = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    secure: Json = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }
    return {
        "card": {
            **{name: card[name] for name in (*same, "last4", "regulated_status", "wallet")},
            "amount_authorized": intent["amount"] if paid else None,
            "authorization_code": ids.random_text(6).upper() if paid else None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": str(intent["created"]) if paid else None,
            "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
            "three_d_secure": secure if authenticated else None,
        },
        "type": "card",
    }


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a charge."""
    return view(call, call.load("charge", call.path["charge"]))


def listing(call: Call, params: ListCharges) -> Json:
    """Returns a page of charges."""
    filters = equal(customer=params.customer)
    return page(
        call, "charge", params, url="/v1/charges", owner=params.payment_intent, filters=filters
    )


OPERATIONS: list[Operation] = [
    operation("GET", "/v1/charges", "list:charge", ListCharges, listing),
    operation("GET", "/v1/charges/{charge}", "charge", NoParams, retrieve),
]
