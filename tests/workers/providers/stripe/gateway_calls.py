"""Each verb of the Stripe gateway with everything that it can send, and an answer for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from domain.core.metadata import INVOICE
from domain.gateway.objects import CaptureDraft, InvoiceDraft, LineDraft, RefundDraft
from domain.gateway.setups import SetupDraft
from domain.gateway.subscriptions import SubscriptionDraft
from tests.domain.invoices.provider_updates import snapshot
from workers.providers.stripe.gateway import StripeGateway

DRAFT = InvoiceDraft(
    customer="cus_1",
    currency="eur",
    tax_rate_id="txr_1",
    payment_method="pm_1",
    footer="f",
    description="d",
    metadata={"a": "b"},
)
BY_TYPE = InvoiceDraft(
    customer="cus_1",
    currency=None,
    include_pending_items=True,
    tax_rate_id=None,
    payment_method="sepa_debit",
    footer=None,
    description=None,
    metadata={},
)
SUBSCRIPTION_DRAFT = SubscriptionDraft(
    customer="cus_1",
    items=(("price_1", 1),),
    tax_rate_id="txr_1",
    payment_method="pm_1",
    charge=True,
    off_session=True,
    footer="f",
    description="d",
    metadata={"a": "b"},
)
LINES = [
    LineDraft(reference="0", name="n", quantity=1, price="price_1", amount_minor=None),
    LineDraft(reference="1", name="n", quantity=2, price=None, amount_minor=100),
]
CONTACT = {"name": "Ada", "email": "ada@example.com", "address": {"country": "NL"}}
CAPTURE = CaptureDraft(payment_id="pi_1", amount_minor=5, currency="eur", reference="r")
HELD = replace(snapshot(), capturable_payment="pi_1")


def refund_draft(*, credit_note: bool) -> RefundDraft:
    return RefundDraft(
        invoice_id="in_1",
        payment_id="pi_1",
        amount_minor=5,
        currency="eur",
        reason="duplicate",
        credit_note=credit_note,
        reference="r",
        metadata={"a": "b"},
    )


# Each verb of the gateway with everything that it can send.
VERBS: dict[str, list[Callable[[StripeGateway], object]]] = {
    "check_credentials": [lambda g: g.check_credentials()],
    "find_customer": [lambda g: g.find_customer("cus_1")],
    "find_customers": [lambda g: g.find_customers({"a": "b"}, created_after=1)],
    "create_customer": [lambda g: g.create_customer({"a": "b"}, contact=CONTACT, key="k")],
    "update_customer": [
        lambda g: g.update_customer("cus_1", name="Ada", email="ada@example.com", key="k"),
        lambda g: g.update_customer("cus_1", name=None, email=None, key="k"),
    ],
    "find_price": [lambda g: g.find_price("price_1")],
    "create_invoice": [
        lambda g: g.create_invoice(DRAFT, key="k"),
        lambda g: g.create_invoice(BY_TYPE, key="k"),
    ],
    "add_lines": [lambda g: g.add_lines("in_1", LINES, currency="eur", key="k")],
    "list_lines": [lambda g: g.list_lines("in_1")],
    "finalize_invoice": [lambda g: g.finalize_invoice("in_1", key="k")],
    "pay_invoice": [
        lambda g: g.pay_invoice("in_1", off_session=True, key="k", payment_method="pm_1")
    ],
    "fetch_invoice": [lambda g: g.fetch_invoice("in_1")],
    "fetch_draft": [lambda g: g.fetch_draft("in_1")],
    "find_document_url": [lambda g: g.find_document_url("in_1")],
    "find_client_secret": [lambda g: g.find_client_secret("pi_1")],
    "advance_draft": [lambda g: g.advance_draft("in_1", key="k")],
    "find_invoices": [lambda g: g.find_invoices(customer="c", reference="r", created_after=1)],
    "delete_draft": [lambda g: g.delete_draft("in_1")],
    "void_invoice": [lambda g: g.void_invoice("in_1", key="k")],
    "capture": [lambda g: g.capture(CAPTURE, key="k")],
    "find_capture": [lambda g: g.find_capture("pi_1", reference="r")],
    "with_deadline": [lambda g: g.with_deadline(HELD)],
    "write_off_invoice": [lambda g: g.write_off_invoice("in_1", key="k")],
    "refund": [
        lambda g: g.refund(refund_draft(credit_note=True), key="k"),
        lambda g: g.refund(refund_draft(credit_note=False), key="k"),
    ],
    "fetch_paid_payments": [lambda g: g.fetch_paid_payments("in_1")],
    "create_credit_note": [
        lambda g: g.create_credit_note(refund_draft(credit_note=False), "re_1", key="k")
    ],
    "fetch_refunds_and_disputes": [lambda g: g.fetch_refunds_and_disputes("in_1")],
    "find_invoice_of": [lambda g: g.find_invoice_of("pi_1")],
}
OF_SUBSCRIPTIONS: dict[str, list[Callable[[StripeGateway], object]]] = {
    "create_subscription": [
        lambda g: g.create_subscription(SUBSCRIPTION_DRAFT, key="k"),
        lambda g: g.create_subscription(
            replace(SUBSCRIPTION_DRAFT, payment_method="sepa_debit"), key="k"
        ),
    ],
    "preview_total": [lambda g: g.preview_total(SUBSCRIPTION_DRAFT)],
    "find_subscriptions": [lambda g: g.find_subscriptions(customer="cus_1", reference="b")],
    "fetch_subscription": [lambda g: g.fetch_subscription("sub_1")],
    "end_subscription": [lambda g: g.end_subscription("sub_1", key="k")],
    "end_with_period": [lambda g: g.end_with_period("sub_1", key="k")],
    "change_plan": [
        lambda g: g.change_plan("sub_1", [("price_2", 1), ("price_3", 2)], key="k"),
        lambda g: g.change_plan("sub_1", [], key="k"),
    ],
    "schedule_plan": [lambda g: g.schedule_plan("sub_1", [("price_2", 1)], key="k")],
}
SETUP_DRAFT = SetupDraft(
    customer="cus_1", return_url="https://shop.example/saved", metadata={"a": "b"}
)
OF_SETUPS: dict[str, list[Callable[[StripeGateway], object]]] = {
    "open_setup": [lambda g: g.open_setup(SETUP_DRAFT, key="k")],
    "find_setups": [lambda g: g.find_setups(customer="cus_1", reference="b")],
    "fetch_setup": [lambda g: g.fetch_setup("cs_1")],
    "set_default_method": [lambda g: g.set_default_method("cus_1", "pm_1", key="k")],
}


# All that our readers look for, in one object, so that each verb goes on to its last call.
ANSWER = {
    "id": "x_1",
    "object": "thing",
    "livemode": False,
    "status": "open",
    "type": "one_time",
    "currency": "eur",
    "active": True,
    "amount": 1,
    "created": 1,
    "total": 1,
    "amount_paid": 0,
    "amount_remaining": 0,
    "post_payment_amount": 0,
    "attempt_count": 0,
    "status_transitions": {"paid_at": None},
    "lines": {"data": [{"id": "il_1", "amount": 1, "currency": "eur"}], "has_more": False},
    "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
    "refunds": [{"refund": "re_1"}],
    "invoice": "in_1",
    "has_more": False,
}
_PRICE = {
    "id": "price_1",
    "currency": "eur",
    "unit_amount": 1,
    "recurring": {"interval": "month", "interval_count": 1},
}
_ITEM = {"id": "si_1", "price": _PRICE, "current_period_start": 1, "current_period_end": 2}
_PHASES: list[dict[str, Any]] = [{"items": [{"price": "price_1"}], "start_date": 1, "end_date": 2}]
_SCHEDULE: dict[str, Any] = {
    "id": "sub_sched_1",
    "end_behavior": "cancel",
    "current_phase": None,
    "phases": _PHASES,
    "metadata": {},
}
SUBSCRIPTION = {
    "id": "sub_1",
    "object": "subscription",
    "livemode": False,
    "status": "active",
    "created": 1,
    "cancel_at": None,
    "total": 1,
    "cancel_at_period_end": False,
    "items": {"data": [_ITEM]},
    "metadata": {INVOICE: "b"},
    "phases": _PHASES,
    "has_more": False,
}
SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "livemode": False,
    "mode": "setup",
    "status": "open",
    "customer": "cus_1",
    "expires_at": 1,
    "has_more": False,
}


# With and without a schedule of its own.
SUBSCRIPTIONS = [SUBSCRIPTION | {"schedule": schedule} for schedule in (_SCHEDULE, None)]
CALLS = [
    *((verb, call, ANSWER) for verb, calls in VERBS.items() for call in calls),
    *((verb, call, SESSION) for verb, calls in OF_SETUPS.items() for call in calls),
    *(
        (verb, call, answer)
        for verb, calls in OF_SUBSCRIPTIONS.items()
        for call in calls
        for answer in SUBSCRIPTIONS
    ),
]
