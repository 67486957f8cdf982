"""Flows of Stripe invoices for the crash tests: setup, request and expected end state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from domain.core import ids
from domain.invoices.commands import (
    InvoiceCommand,
    RequestCapture,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.invoices.refunds import parts_of_refund
from domain.tenants.tenant import Tenant
from tests.support.stripe_account import CARDS, Account
from tests.workers.stripe_harness import Bench

LINES: Final = [
    {"name": "Seats", "amount_minor": 1500, "quantity": 2},
    {"name": "Support", "amount_minor": 300},
]


@dataclass(frozen=True)
class Job:
    """Run a worker's job: charge an invoice, or refund what is reserved on it."""

    invoice_id: UUID
    customer: str | None
    refund_id: UUID | None = None

    def run(self, bench: Bench) -> None:
        """Do it, to its end."""
        if self.refund_id is None:
            bench.charge(self.invoice_id)
            return
        bench.refund(self.invoice_id, self.refund_id)
        for part in parts_of_refund(bench.invoice(self.invoice_id).view, self.refund_id)[1:]:
            bench.refund(self.invoice_id, UUID(part.id))


@dataclass(frozen=True)
class End:
    """Final state: our status, our refunds, and the payments in the sandbox's ledger.

    `credited_minor`: the sum of the invoice's credit notes at the provider.

    `attempts`: how often a card was charged or refused. `astray`: what else stands at the provider
    for this customer that could ever be charged, and second customers of its tenant.
    """

    status: str
    total_minor: int
    moved: tuple[tuple[str, int], ...] = ()
    attempts: int = 0
    refunded_minor: int = 0
    credited_minor: int = 0
    astray: int = 0


@dataclass(frozen=True)
class Flow:
    """A kind of request."""

    name: str
    prepare: Callable[[Bench], Job]
    end: End
    meanwhile: Callable[[Bench, Job], None] | None = None


def _charge(**more: Any) -> Callable[[Bench], Job]:
    def prepare(bench: Bench) -> Job:
        tenant_id = bench.add_tenant()
        line = {"name": "Pro Plan", "quantity": 2, "price": bench.account.price}
        invoice_id = bench.request(
            tenant_id, line, tax_rate_id=bench.account.tax_rate, footer="Thank you", **more
        )
        return Job(invoice_id, _linked(bench, tenant_id))

    return prepare


def _linked(bench: Bench, tenant_id: UUID) -> str:
    tenant = bench.billing.get(Tenant, ids.for_tenant(bench.app_id, tenant_id))
    return str(tenant.customers[bench.connection])


def _ad_hoc(bench: Bench) -> Job:
    tenant_id = bench.add_tenant()
    invoice_id = bench.request(tenant_id, *({**line, "currency": "eur"} for line in LINES))
    return Job(invoice_id, _linked(bench, tenant_id))


def _unknown_customer(bench: Bench) -> Job:
    return Job(bench.request(bench.add_tenant(linked=False)), None)


def _draft(bench: Bench) -> Job:
    customer = bench.account.add_customer()
    return Job(bench.request_draft("draft", customer, *LINES), customer)


def _gather(bench: Bench) -> Job:
    customer = bench.account.add_customer()
    bench.account.v1.invoice_items.create({"customer": customer, "amount": 3300, "currency": "eur"})
    return Job(bench.request_draft("include_pending_items", customer), customer)


def _request_charge(bench: Bench, card: str) -> Job:
    tenant_id = bench.add_tenant(card)
    return Job(bench.request(tenant_id), _linked(bench, tenant_id))


def _charged(bench: Bench, card: str) -> Job:
    job = _request_charge(bench, card)
    job.run(bench)
    return job


def _retry(card: str | None) -> Callable[[Bench], Job]:
    def prepare(bench: Bench) -> Job:
        job = _charged(bench, "declined")
        method = None
        if card is not None:
            attach: Any = {"customer": job.customer}
            method = bench.account.v1.payment_methods.attach(CARDS[card], attach).id
        bench.request_action(job.invoice_id, RequestRetry, payment_method=method)
        return job

    return prepare


def _after(kind: type[InvoiceCommand], before: Callable[[Bench], Job]) -> Callable[[Bench], Job]:
    def prepare(bench: Bench) -> Job:
        job = before(bench)
        bench.request_action(job.invoice_id, kind)
        return job

    return prepare


def _settled(before: Callable[[Bench], Job]) -> Callable[[Bench], Job]:
    def prepare(bench: Bench) -> Job:
        job = before(bench)
        job.run(bench)
        return job

    return prepare


def _refund(*, credit_note: bool) -> Callable[[Bench], Job]:
    def prepare(bench: Bench) -> Job:
        job = _charged(bench, "succeeds")
        refund_id = bench.request_action(
            job.invoice_id, RequestRefund, amount_minor=700, credit_note=credit_note
        )
        return Job(job.invoice_id, job.customer, refund_id)

    return prepare


def _refund_of_two_payments(bench: Bench) -> Job:
    tenant_id = bench.add_tenant(None)
    job = Job(bench.request(tenant_id), _linked(bench, tenant_id))
    job.run(bench)
    at_provider = bench.invoice(job.invoice_id).view.provider_object_id or ""
    for amount in (700, 1299):
        bench.account.admin.pay_part(at_provider, amount)
    for event in bench.events("invoice.paid"):
        if event["data"]["object"]["id"] == at_provider:
            bench.apply(bench.receive(event))
    refund_id = bench.request_action(job.invoice_id, RequestRefund, amount_minor=900)
    return Job(job.invoice_id, job.customer, refund_id)


def _capture(bench: Bench) -> Job:
    tenant_id = bench.add_tenant(None)
    job = Job(bench.request(tenant_id), _linked(bench, tenant_id))
    job.run(bench)
    at_provider = bench.invoice(job.invoice_id).view.provider_object_id or ""
    held = bench.account.admin.pay_part(at_provider, 1500, capture="manual")["payment_intent"]
    for event in bench.events("payment_intent.amount_capturable_updated"):
        if event["data"]["object"]["id"] == held["id"]:
            bench.fetch(bench.receive(event))
    bench.request_action(job.invoice_id, RequestCapture, amount_minor=700)
    return job


def _declined(bench: Bench) -> Job:
    return _charged(bench, "declined")


def let_stripe_charge(bench: Bench, job: Job) -> None:
    """Make Stripe finalise and charge a draft automatically, and apply its webhooks."""
    move(bench, timedelta(minutes=62))
    for event in bench.events("invoice.paid"):
        if event["data"]["object"]["metadata"].get("billhook_invoice") == str(job.invoice_id):
            bench.apply(bench.receive(event))


def move(bench: Bench, gap: timedelta) -> None:
    """Advance our clock and the provider's."""
    bench.clock.added += gap
    if gap:
        bench.account.admin.set_clock(advance_s=gap.total_seconds())


_CHARGED: Final = (("charge", 1999),)
_TAXED: Final = End("paid", 4838, (("charge", 4838),), 1)
_AD_HOC: Final = End("paid", 3300, (("charge", 3300),), 1)
_DECLINED_ONCE: Final = End("failed", 1999, attempts=1)
_REFUNDED: Final = End("paid", 1999, (*_CHARGED, ("refund", 700)), 1, refunded_minor=700)

_SPLIT: Final = End(
    "paid",
    1999,
    (("charge", 700), ("charge", 1299), ("refund", 700), ("refund", 200)),
    2,
    refunded_minor=900,
    credited_minor=900,
)

_VOID: Final = RequestVoid
_FINALIZE: Final = RequestFinalize
_WRITE_OFF: Final = RequestUncollectible

FLOWS: Final = (
    Flow("charge by price", _charge(), _TAXED),
    Flow("charge ad-hoc lines", _ad_hoc, _AD_HOC),
    Flow("charge, declined", lambda bench: _request_charge(bench, "declined"), _DECLINED_ONCE),
    Flow(
        "charge, authentication required",
        lambda bench: _request_charge(bench, "needs_authentication"),
        replace(_DECLINED_ONCE, status="requires_action"),
    ),
    Flow("charge on the spot", _charge(charge_immediately=True), _TAXED),
    Flow("first customer", _unknown_customer, End("open", 1999)),
    Flow("draft charged later", _draft, _AD_HOC, let_stripe_charge),
    Flow("draft with pending items", _gather, End("draft", 3300)),
    Flow("retry, another card", _retry("succeeds"), End("paid", 1999, _CHARGED, 2)),
    Flow("retry, the same card", _retry(None), replace(_DECLINED_ONCE, attempts=2)),
    Flow("void an open one", _after(_VOID, _declined), replace(_DECLINED_ONCE, status="void")),
    Flow("void a draft", _after(_VOID, _settled(_gather)), End("canceled", 3300)),
    Flow("finalize", _after(_FINALIZE, _settled(_gather)), End("open", 3300)),
    Flow(
        "write off",
        _after(_WRITE_OFF, _declined),
        replace(_DECLINED_ONCE, status="uncollectible"),
    ),
    Flow("capture a part", _capture, End("open", 1999, (("charge", 700),), 1)),
    Flow(
        "refund by credit note", _refund(credit_note=True), replace(_REFUNDED, credited_minor=700)
    ),
    Flow("plain refund", _refund(credit_note=False), _REFUNDED),
    Flow("refund of two payments", _refund_of_two_payments, _SPLIT),
)


def found(bench: Bench, job: Job) -> End:
    """Read our row and, apart from it, the sandbox's ledger, charges and invoices."""
    view = bench.invoice(job.invoice_id).view
    customer = view.customer or job.customer
    assert customer is not None
    v1 = bench.account.v1
    there = v1.invoices.list({"customer": customer, "limit": 100}).data
    others = [invoice for invoice in there if invoice.id != view.provider_object_id]
    own = [invoice for invoice in there if invoice.id == view.provider_object_id]
    return End(
        status=view.status,
        total_minor=view.total_minor or 0,
        moved=moved_for(bench.account, customer),
        attempts=len(v1.charges.list({"customer": customer, "limit": 100}).data),
        refunded_minor=view.amount_refunded_minor,
        credited_minor=sum(invoice.post_payment_credit_notes_amount for invoice in own),
        astray=sum(bool(invoice.total or invoice.auto_advance) for invoice in others)
        + len(_made_for(bench, view.tenant_id)[1:]),
    )


def _made_for(bench: Bench, tenant_id: UUID | None) -> list[str]:
    """The customers that we made for a tenant."""
    made = [customer.to_dict() for customer in bench.account.v1.customers.list({"limit": 100}).data]
    return [one["id"] for one in made if one["metadata"].get("billhook_tenant") == str(tenant_id)]


def moved_for(account: Account, customer: str) -> tuple[tuple[str, int], ...]:
    """Return a customer's payments in the sandbox's ledger."""
    entries = account.admin.ledger()["entries"]
    for_thread = [entry for entry in entries if entry["customer"] == customer]
    return tuple((entry["kind"], entry["amount"]) for entry in for_thread)
