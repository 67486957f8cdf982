"""Cases of jobs that fail for good: one subject in need of each job, at each provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from domain.billing import Billing
from domain.inbox.payment_hint import PaymentHint
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.commands import (
    RequestCapture,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.invoices.invoice import Invoice
from domain.invoices.provider_update import is_running
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.mandate_subscription import schedule_end
from domain.subscriptions.subscription import Subscription
from tests.workers import stripe_setup_helpers as stripe_setups
from tests.workers.mollie_harness import MollieBench
from tests.workers.payments import test_mollie_mandate_setup as mollie_setups
from tests.workers.payments.test_refund_overpayment import paid_twice
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from tests.workers.subscriptions.test_stripe_subscriptions import monthly, subscribed
from tests.workers.tenants.test_update_customers import changed_contact
from workers.queue import jobs

T = TypeVar("T")
Args = dict[str, str]


@dataclass(frozen=True)
class Case(Generic[T]):
    """A job type and the creation of a subject that it works on; returns the job's arguments."""

    name: str
    job_type: jobs.JobType[Any]
    prepare: Callable[[T], Args] = field(repr=False)


def problem(args: Args, billing: Billing) -> str | None:
    """Describe what a job left without an outcome or blocked; None where nothing is."""
    blocked: dict[str, Callable[[UUID], bool]] = {
        "invoice_id": lambda one: is_running(billing.get(Invoice, one).view),
        "subscription_id": lambda one: (
            billing.get(Subscription, one).view.pending_request is not None
        ),
        "setup_id": lambda one: billing.get(MethodSetup, one).step is not None,
        "hint_id": lambda one: _waits(billing.get(PaymentHint, one)),
        "provider_event_id": lambda one: billing.get(ProviderEvent, one).due,
    }
    if "refund_id" in args:
        refunds = billing.get(Invoice, UUID(args["invoice_id"])).view.refunds
        (refund,) = [one for one in refunds if one.id == args["refund_id"]]
        return "the refund's amount is reserved" if refund.status == "requested" else None
    found = [name for name in blocked if name in args and blocked[name](UUID(args[name]))]
    return f"the object of {found[0]} has no outcome" if found else None


def waits_for_operator(args: Args, billing: Billing) -> bool:
    """Check whether a recorded event marks the row of a subscription's start as given up."""
    if "subscription_id" not in args:
        return False
    return billing.get(Subscription, UUID(args["subscription_id"])).view.gave_up is not None


def _waits(hint: PaymentHint) -> bool:
    return hint.waiting or hint.fetching


def _invoice(invoice_id: object) -> Args:
    return {"invoice_id": str(invoice_id)}


def _stripe_charge(bench: Bench) -> Args:
    return _invoice(bench.request(bench.add_tenant(linked=False), charge_immediately=False))


def _stripe_paid_at_once(bench: Bench) -> Args:
    return _invoice(bench.request(bench.add_tenant()))


def _stripe_draft(flow: str) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        customer = bench.account.add_customer()
        if flow == "include_pending_items":
            item: Any = {"customer": customer, "amount": 700, "currency": "eur"}
            bench.account.v1.invoice_items.create(item)
            return _invoice(bench.request_draft(flow, customer))
        return _invoice(bench.request_draft(flow, customer, {"name": "Tea", "amount_minor": 700}))

    return prepare


def _stripe_subscription(bench: Bench) -> Args:
    return _invoice(bench.subscribe(bench.add_tenant(), monthly(bench)))


def _stripe_action(kind: Any, **more: Any) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        if kind is RequestFinalize:
            customer = bench.account.add_customer()
            line = {"name": "Tea", "amount_minor": 700}
            invoice_id = bench.request_draft("draft", customer, line)
        else:
            invoice_id = bench.request(bench.add_tenant("declined"))
        bench.charge(invoice_id)
        bench.request_action(invoice_id, kind, **more)
        return _invoice(invoice_id)

    return prepare


def _stripe_refund(bench: Bench) -> Args:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    refund_id = bench.request_action(invoice_id, RequestRefund, amount_minor=700)
    return _invoice(invoice_id) | {"refund_id": str(refund_id)}


def _request_change(billing: Billing, stream: UUID, kind: Any, **more: Any) -> Args:
    command = kind(
        subscription_id=stream, request_id=uuid4(), request_hash="hash", actor="key:test", **more
    )
    known = billing.get(Subscription, stream)
    billing.request_subscription_action(command, occurred_at=known.view.updated_at)
    return {"subscription_id": str(stream)}


def _stripe_change(kind: Any, *, at_period_end: bool) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        stream = bench.subscription(subscribed(bench)).view.id
        lines = [{"price": monthly(bench, 2999), "quantity": 1}]
        more = {"lines": lines} if kind is ChangeSubscription else {}
        return _request_change(bench.billing, stream, kind, at_period_end=at_period_end, **more)

    return prepare


def _stripe_setup(bench: Bench) -> Args:
    return {"setup_id": str(stripe_setups.request_setup(bench, bench.add_tenant(linked=False)))}


def _stripe_setup_completion(bench: Bench) -> Args:
    setup = stripe_setups.opened(bench, bench.add_tenant())
    stripe_setups.leave(bench, setup)
    return {"setup_id": str(stripe_setups.deliver_events(bench, setup.view.id).view.id)}


def _stripe_customer(bench: Bench) -> Args:
    return {"tenant_stream": str(changed_contact(bench))}


def _stripe_event(bench: Bench) -> Args:
    draft: Any = {"customer": bench.account.add_customer()}
    made = bench.account.v1.invoices.create(draft)
    found = [one for one in bench.provider_events() if one["data"]["object"]["id"] == made.id]
    received = bench.receive(found[-1])
    bench.apply(received)
    return {"provider_event_id": str(received.originator_id)}


def _stripe_lookup(bench: Bench) -> Args:
    at_provider = bench.charge(bench.request(bench.add_tenant())).view.provider_object_id
    lookup_id, args = uuid4(), {"connection": bench.connection, "object_id": at_provider}
    with psycopg.connect(bench.log.dsn) as session:
        session.execute(
            "INSERT INTO work.provider_lookups (id, app, kind, args, expires_at)"
            " VALUES (%s, %s, 'document', %s, now() + interval '1 hour')",
            [lookup_id, bench.app_id, Jsonb(args)],
        )
    return {"lookup_id": str(lookup_id)}


STRIPE: list[Case[Bench]] = [
    Case("charge with a new customer", jobs.CHARGE_INVOICE, _stripe_charge),
    Case("charge a card", jobs.CHARGE_INVOICE, _stripe_paid_at_once),
    Case("draft", jobs.CHARGE_INVOICE, _stripe_draft("draft")),
    Case("pending items", jobs.CHARGE_INVOICE, _stripe_draft("include_pending_items")),
    Case("subscribe", jobs.CHARGE_INVOICE, _stripe_subscription),
    Case("retry", jobs.CHARGE_INVOICE, _stripe_action(RequestRetry, payment_method=None)),
    Case("void", jobs.CHARGE_INVOICE, _stripe_action(RequestVoid)),
    Case("finalize", jobs.CHARGE_INVOICE, _stripe_action(RequestFinalize)),
    Case("write off", jobs.CHARGE_INVOICE, _stripe_action(RequestUncollectible)),
    Case("refund", jobs.REFUND_INVOICE, _stripe_refund),
    Case(
        "cancel now",
        jobs.CHANGE_SUBSCRIPTION,
        _stripe_change(CancelSubscription, at_period_end=False),
    ),
    Case(
        "cancel later",
        jobs.CHANGE_SUBSCRIPTION,
        _stripe_change(CancelSubscription, at_period_end=True),
    ),
    Case(
        "change now",
        jobs.CHANGE_SUBSCRIPTION,
        _stripe_change(ChangeSubscription, at_period_end=False),
    ),
    Case(
        "change later",
        jobs.CHANGE_SUBSCRIPTION,
        _stripe_change(ChangeSubscription, at_period_end=True),
    ),
    Case("setup", jobs.SET_UP_METHOD, _stripe_setup),
    Case("setup left", jobs.SET_UP_METHOD, _stripe_setup_completion),
    Case("customer", jobs.UPDATE_CUSTOMERS, _stripe_customer),
    Case("webhook", jobs.FETCH_AND_APPLY, _stripe_event),
    Case("lookup", jobs.ANSWER_LOOKUP, _stripe_lookup),
]


def _mollie_charge(mollie: MollieBench) -> Args:
    return _invoice(mollie.request())


def _mollie_action(kind: Any, **more: Any) -> Callable[[MollieBench], Args]:
    def prepare(mollie: MollieBench) -> Args:
        invoice_id = mollie.charged().view.id
        mollie.request_action(invoice_id, kind, **more)
        return _invoice(invoice_id)

    return prepare


def _mollie_refund(mollie: MollieBench) -> Args:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    mollie.receive_webhook(view.provider_object_id)
    refund_id = mollie.request_action(view.id, RequestRefund, amount_minor=700)
    return _invoice(view.id) | {"refund_id": str(refund_id)}


def _mollie_capture(mollie: MollieBench) -> Args:
    view = mollie.charged(payment_method="klarna").view
    mollie.pay(view.provider_object_id, "authorized")
    mollie.receive_webhook(view.provider_object_id)
    mollie.request_action(view.id, RequestCapture, amount_minor=700)
    return _invoice(view.id)


def _mollie_other_payments(mollie: MollieBench) -> Args:
    first = mollie.charged(payment_method="ideal").view
    mollie.retry(first.id, "banktransfer")
    mollie.pay(first.provider_object_id)
    mollie.receive_webhook(first.provider_object_id)
    return _invoice(first.id)


def _mollie_overpayment(mollie: MollieBench) -> Args:
    mollie.connect(refund_overpayments=True)
    view = paid_twice(mollie)
    return _invoice(view.id) | {"payment_id": view.objects[0]}


def _mollie_change(kind: Any) -> Callable[[MollieBench], Args]:
    def prepare(mollie: MollieBench) -> Args:
        stream = Recurring(mollie).started().id
        more = {"lines": [{"price": "monthly", "quantity": 2}]}
        chosen = more if kind is ChangeSubscription else {}
        return _request_change(mollie.billing, stream, kind, at_period_end=True, **chosen)

    return prepare


def _mollie_start(mollie: MollieBench) -> Args:
    recurring = Recurring(mollie)
    invoice = recurring.request()
    recurring.pay(invoice)
    return {"subscription_id": str(recurring.stream(invoice))}


def _mollie_check(mollie: MollieBench) -> Args:
    recurring = Recurring(mollie)
    view = recurring.started()
    now = mollie.clock()
    mollie.billing.change(
        Subscription,
        view.id,
        # The check is due when the subscription should have ended.
        lambda one: schedule_end(one, ends_at=int(now.timestamp()) - 1, occurred_at=now),
    )
    return {"subscription_id": str(view.id)}


def _mollie_setup(mollie: MollieBench) -> Args:
    return {"setup_id": str(mollie_setups.request_setup(mollie))}


def _mollie_hint(mollie: MollieBench) -> Args:
    payment = mollie.charged().view.provider_object_id
    mollie.pay(payment)
    return {"hint_id": str(mollie.hint(payment))}


MOLLIE: list[Case[MollieBench]] = [
    Case("charge", jobs.CHARGE_INVOICE, _mollie_charge),
    Case("retry", jobs.CHARGE_INVOICE, _mollie_action(RequestRetry, payment_method=None)),
    Case("void", jobs.CHARGE_INVOICE, _mollie_action(RequestVoid)),
    Case("refund", jobs.REFUND_INVOICE, _mollie_refund),
    Case("capture", jobs.CHARGE_INVOICE, _mollie_capture),
    Case("other payments", jobs.CANCEL_OTHER_PAYMENTS, _mollie_other_payments),
    Case("overpayment", jobs.REFUND_OVERPAYMENT, _mollie_overpayment),
    Case("cancel", jobs.CHANGE_SUBSCRIPTION, _mollie_change(CancelSubscription)),
    Case("change", jobs.CHANGE_SUBSCRIPTION, _mollie_change(ChangeSubscription)),
    Case("start", jobs.START_SUBSCRIPTION, _mollie_start),
    Case("check", jobs.CHECK_SUBSCRIPTION, _mollie_check),
    Case("setup", jobs.SET_UP_METHOD, _mollie_setup),
    Case("hint", jobs.APPLY_PAYMENT_HINT, _mollie_hint),
]
