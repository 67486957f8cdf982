"""Cases of jobs that fail for good at Stripe: one subject in need of each job and call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.invoices.commands import (
    RequestCapture,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.items import RequestedPrice
from tests.workers import stripe_setup_helpers as stripe_setups
from tests.workers.invoices.test_stripe_captures import held
from tests.workers.queue import interrupted_cases as interrupted
from tests.workers.queue.final_error_cases import (
    Args,
    Case,
    invoice_args,
    lookup_args,
    request_change,
)
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_stripe_subscriptions import monthly, subscribed
from tests.workers.tenants.test_update_customers import changed_contact
from workers.queue import jobs


def _charge(bench: Bench) -> Args:
    return invoice_args(bench.request(bench.add_tenant(linked=False), charge_immediately=False))


def _paid_at_once(bench: Bench) -> Args:
    return invoice_args(bench.request(bench.add_tenant()))


def _draft(flow: str) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        customer = bench.account.add_customer()
        if flow == "include_pending_items":
            item: Any = {"customer": customer, "amount": 700, "currency": "eur"}
            bench.account.v1.invoice_items.create(item)
            return invoice_args(bench.request_draft(flow, customer))
        return invoice_args(
            bench.request_draft(flow, customer, {"name": "Tea", "amount_minor": 700})
        )

    return prepare


def _subscription(bench: Bench) -> Args:
    return invoice_args(bench.subscribe(bench.add_tenant(), monthly(bench)))


def _action(kind: Any, **more: Any) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        if kind is RequestFinalize:
            customer = bench.account.add_customer()
            line = {"name": "Tea", "amount_minor": 700}
            invoice_id = bench.request_draft("draft", customer, line)
        else:
            invoice_id = bench.request(bench.add_tenant("declined"))
        bench.charge(invoice_id)
        bench.request_action(invoice_id, kind, **more)
        return invoice_args(invoice_id)

    return prepare


def _refund(bench: Bench) -> Args:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    facts = {"amount_minor": 700, "credit_note": False}
    refund_id = bench.request_action(invoice_id, RequestRefund, **facts)
    return invoice_args(invoice_id) | {"refund_id": str(refund_id)}


def _change(kind: Any, *, at_period_end: bool) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        stream = bench.subscription(subscribed(bench)).view.id
        lines = [RequestedPrice(monthly(bench, 2999), 1)]
        more = {"lines": lines} if kind is ChangeSubscription else {}
        return request_change(bench.billing, stream, kind, at_period_end=at_period_end, **more)

    return prepare


def _setup(bench: Bench) -> Args:
    return {"setup_id": str(stripe_setups.request_setup(bench, bench.add_tenant(linked=False)))}


def _setup_completion(bench: Bench) -> Args:
    setup = stripe_setups.opened(bench, bench.add_tenant())
    stripe_setups.leave(bench, setup)
    return {"setup_id": str(stripe_setups.deliver_events(bench, setup.view.id).view.id)}


def _customer(bench: Bench) -> Args:
    return {"tenant_stream": str(changed_contact(bench))}


def _event(bench: Bench) -> Args:
    draft: Any = {"customer": bench.account.add_customer()}
    made = bench.account.v1.invoices.create(draft)
    found = [one for one in bench.provider_events() if one["data"]["object"]["id"] == made.id]
    received = bench.receive(found[-1])
    bench.apply(received)
    return {"provider_event_id": str(received.originator_id)}


def _lookup(kind: str) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        view = bench.charge(bench.request(bench.add_tenant())).view
        (entry,) = bench.account.v1.invoice_payments.list(
            {"invoice": view.provider_object_id or ""}
        ).data
        payment_id = str(getattr(entry.payment, "payment_intent", None))
        return lookup_args(bench, kind, object_id=view.provider_object_id, payment_id=payment_id)

    return prepare


def _noted_refund(bench: Bench) -> Args:
    """Refund one of several payments: its credit note follows the refund."""
    invoice_id = bench.request(bench.add_tenant(None))
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    for part_minor in (1200, 799):
        bench.account.admin.pay_part(at_provider, part_minor)
    bench.deliver("invoice")
    refund_id = bench.request_action(invoice_id, RequestRefund, amount_minor=700)
    return invoice_args(invoice_id) | {"refund_id": str(refund_id)}


def _capture(bench: Bench) -> Args:
    view = held(bench, 1500)
    bench.request_action(view.id, RequestCapture, amount_minor=700)
    return invoice_args(view.id)


def _other_total(bench: Bench) -> Args:
    return invoice_args(bench.request(bench.add_tenant(), expected_total_minor=1))


def _previewed(bench: Bench) -> Args:
    subscribed_ = bench.subscribe(bench.add_tenant(), monthly(bench), expected_total_minor=1999)
    return invoice_args(subscribed_)


def _event_of(kind: str) -> Callable[[Bench], Args]:
    """Receive an event of an object that was made at Stripe."""

    def prepare(bench: Bench) -> Args:
        customer = bench.account.add_customer()
        made = bench.account.admin.make_invoice(customer, amount=700, collect="now")
        bench.account.admin.refund(made["id"], amount=100)
        bench.account.admin.make_subscription(customer, monthly(bench))
        received = bench.receive(bench.events(kind)[-1])
        bench.apply(received)
        return {"provider_event_id": str(received.originator_id)}

    return prepare


STRIPE: list[Case[Bench]] = [
    Case("charge with a new customer", jobs.CHARGE_INVOICE, _charge),
    Case("charge a card", jobs.CHARGE_INVOICE, _paid_at_once),
    Case("draft", jobs.CHARGE_INVOICE, _draft("draft")),
    Case("pending items", jobs.CHARGE_INVOICE, _draft("include_pending_items")),
    Case("subscribe", jobs.CHARGE_INVOICE, _subscription),
    Case("retry", jobs.CHARGE_INVOICE, _action(RequestRetry, payment_method=None)),
    Case("void", jobs.CHARGE_INVOICE, _action(RequestVoid)),
    Case("finalize", jobs.CHARGE_INVOICE, _action(RequestFinalize)),
    Case("write off", jobs.CHARGE_INVOICE, _action(RequestUncollectible)),
    Case("refund", jobs.REFUND_INVOICE, _refund),
    Case(
        "cancel now",
        jobs.CHANGE_SUBSCRIPTION,
        _change(CancelSubscription, at_period_end=False),
    ),
    Case(
        "cancel later",
        jobs.CHANGE_SUBSCRIPTION,
        _change(CancelSubscription, at_period_end=True),
    ),
    Case(
        "change now",
        jobs.CHANGE_SUBSCRIPTION,
        _change(ChangeSubscription, at_period_end=False),
    ),
    Case(
        "change later",
        jobs.CHANGE_SUBSCRIPTION,
        _change(ChangeSubscription, at_period_end=True),
    ),
    Case("setup", jobs.SET_UP_METHOD, _setup),
    Case("setup left", jobs.SET_UP_METHOD, _setup_completion),
    Case("customer", jobs.UPDATE_CUSTOMERS, _customer),
    Case("webhook", jobs.FETCH_AND_APPLY, _event),
    Case("webhook of a refund", jobs.FETCH_AND_APPLY, _event_of("charge.refunded")),
    Case(
        "webhook of a subscription",
        jobs.FETCH_AND_APPLY,
        _event_of("customer.subscription.created"),
    ),
    Case("document", jobs.ANSWER_LOOKUP, _lookup("document")),
    Case("client secret", jobs.ANSWER_LOOKUP, _lookup("client_secret")),
    Case("credentials", jobs.ANSWER_LOOKUP, _lookup("credentials")),
    Case("noted refund", jobs.REFUND_INVOICE, _noted_refund),
    Case("capture", jobs.CHARGE_INVOICE, _capture),
    Case("another total", jobs.CHARGE_INVOICE, _other_total),
    Case("preview", jobs.CHARGE_INVOICE, _previewed),
    Case("customer again", jobs.CHARGE_INVOICE, interrupted.stripe_charge("create_customer")),
    Case("invoice again", jobs.CHARGE_INVOICE, interrupted.stripe_charge("create_invoice")),
    Case("lines again", jobs.CHARGE_INVOICE, interrupted.stripe_charge("add_lines")),
    Case("subscribe again", jobs.CHARGE_INVOICE, interrupted.stripe_subscription),
    Case("capture again", jobs.CHARGE_INVOICE, interrupted.stripe_capture),
    Case("setup again", jobs.SET_UP_METHOD, interrupted.stripe_setup),
]
