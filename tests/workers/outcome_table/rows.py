"""Define the outcome table's rows: each kind of request with each kind of failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from domain.core import ids
from domain.invoices.commands import (
    InvoiceCommand,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.tenants.tenant import Tenant
from tests.support.stripe_account import CARDS
from tests.workers.crash_grids.stripe_invoice_flows import LINES, Job
from tests.workers.stripe_harness import Bench

Prepare = Callable[[Bench], Job]


@dataclass(frozen=True)
class Kind:
    """A kind of request: what is in whose way, and the call that decides."""

    name: str
    deciding: str
    flow: str
    action: str | None = None


@dataclass(frozen=True)
class Row:
    """A cell of the table: a kind of request under a fault."""

    kind: Kind
    trouble: str
    prepare: Prepare
    fault: str | None = None
    later: Callable[[Bench, Job], None] | None = None

    @property
    def name(self) -> str:
        """Name the row."""
        return f"{self.kind.name}: {self.trouble}"


CHARGE: Final = Kind("charge", "/pay", "charge by price")
AD_HOC: Final = Kind("ad-hoc lines", "/pay", "charge ad-hoc lines")
CHARGE_IMMEDIATELY: Final = Kind("on the spot", "/pay", "charge on the spot")
DRAFT: Final = Kind("draft that Stripe charges", "/v1/invoices/in_*", "draft charged later")
PENDING_ITEMS: Final = Kind("draft with pending items", "/v1/invoices", "draft with pending items")
RETRY: Final = Kind("retry", "/pay", "retry, another card", "retry")
VOID: Final = Kind("void", "/void", "void an open one", "void")
FINALIZE: Final = Kind("finalize", "/finalize", "finalize", "finalize")
WRITE_OFF: Final = Kind("write off", "/mark_uncollectible", "write off", "uncollectible")
NOTED: Final = Kind("refund by credit note", "/credit_notes", "refund by credit note", "refund")
PLAIN: Final = Kind("plain refund", "/refunds", "plain refund", "refund")


def _customer(bench: Bench, tenant_id: UUID) -> str:
    tenant = bench.billing.get(Tenant, ids.for_tenant(bench.app_id, tenant_id))
    return str(tenant.customers[bench.connection])


def charge(card: str | None = "succeeds", *lines: dict[str, Any], **more: Any) -> Prepare:
    """Request a charge by price, with tax, quantity and footer unless lines are given."""

    def prepare(bench: Bench) -> Job:
        tenant_id = bench.add_tenant(card)
        default = {"name": "Pro Plan", "quantity": 2, "price": bench.account.price}
        invoice_id = bench.request(
            tenant_id,
            *(lines or [default]),
            tax_rate_id=None if lines else bench.account.tax_rate,
            footer="Thank you",
            **more,
        )
        return Job(invoice_id, _customer(bench, tenant_id))

    return prepare


def euro_debit_of_dollars(bench: Bench) -> Job:
    """Request an immediate charge in dollars of a customer whose debit is in euro."""
    tenant_id = bench.add_tenant(None)
    customer, v1 = _customer(bench, tenant_id), bench.account.v1
    details: Any = {"name": "Ada", "email": "ada@example.org"}
    iban: Any = {"iban": "DE89370400440532013000"}
    debit = v1.payment_methods.create(
        {"type": "sepa_debit", "sepa_debit": iban, "billing_details": details}
    ).id
    v1.payment_methods.attach(debit, {"customer": customer})
    v1.customers.update(customer, {"invoice_settings": {"default_payment_method": debit}})
    price = bench.account.add_price(1999, currency="usd")
    line = {"name": None, "quantity": 1, "price": price}
    return Job(bench.request(tenant_id, line, charge_immediately=True), customer)


def draft(card: str | None = "succeeds") -> Prepare:
    """Request a draft that Stripe charges by itself."""

    def prepare(bench: Bench) -> Job:
        customer = bench.account.add_customer(card)
        return Job(bench.request_draft("draft", customer, *LINES), customer)

    return prepare


def draft_of_pending_items(bench: Bench) -> Job:
    """Request a draft of pending items."""
    customer = bench.account.add_customer()
    bench.account.v1.invoice_items.create({"customer": customer, "amount": 3300, "currency": "eur"})
    return Job(bench.request_draft("include_pending_items", customer), customer)


def draft_of_unknown_customer(bench: Bench) -> Job:
    """Request a draft of an unknown customer."""
    return Job(bench.request_draft("include_pending_items", "cus_unknown"), None)


def requested(kind: type[InvoiceCommand], before: Prepare, **more: Any) -> Prepare:
    """Request an action on an invoice that has its outcome."""

    def prepare(bench: Bench) -> Job:
        job = before(bench)
        job.run(bench)
        request_id = bench.request_action(job.invoice_id, kind, **more)
        refunds = kind is RequestRefund
        return Job(job.invoice_id, job.customer, request_id if refunds else None)

    return prepare


def retry(card: str | None, *, before: str | None = "declined") -> Prepare:
    """Request a retry with another card, or with the default."""

    def prepare(bench: Bench) -> Job:
        job = charge(before)(bench)
        job.run(bench)
        method = "pm_unknown" if card == "unknown" else None
        if card in CARDS:
            attach: Any = {"customer": job.customer}
            method = bench.account.v1.payment_methods.attach(CARDS[card], attach).id
        bench.request_action(job.invoice_id, RequestRetry, payment_method=method)
        return job

    return prepare


def refund(*, credit_note: bool, reserved: str = "succeeds") -> Prepare:
    """Request a partial refund."""
    return requested(RequestRefund, charge(reserved), amount_minor=700, credit_note=credit_note)


def paid_on_the_page_first(kind: type[InvoiceCommand]) -> Prepare:
    """Request an action that a payment on the hosted page overtakes."""

    def prepare(bench: Bench) -> Job:
        job = requested(kind, charge("declined"))(bench)
        at_provider = bench.invoice(job.invoice_id).view.provider_object_id
        bench.account.admin.pay_on_page(str(at_provider))
        return job

    return prepare


def by_stripe(bench: Bench, job: Job) -> None:
    """Advance the clock until Stripe charges the draft, and apply its webhooks."""
    bench.account.admin.set_clock(advance_s=3720)
    bench.clock.added += timedelta(seconds=3720)
    for event in bench.provider_events():
        if event["data"]["object"]["metadata"].get("billhook_invoice") == str(job.invoice_id):
            received = bench.receive(event)
            bench.apply(received)
            bench.fetch(received)


_UNKNOWN: Final = {"name": "X", "price": "price_unknown"}
_EUR: Final = {"name": "X", "amount_minor": 500, "currency": "eur"}
_USD: Final = {"name": "Y", "amount_minor": 500, "currency": "usd"}
_SPOT: Final[dict[str, Any]] = {"charge_immediately": True}
_DECLINED: Final = charge("declined")
_OUTCOMES: Final = ("succeeds", "declined", "needs_authentication", "insufficient_funds")
_FAULTS: Final = ("answer lost", "500", "429", "time-out", "key expired")


def _rows_of_outcomes() -> list[Row]:
    """A row for each kind of charge and each outcome of a payment."""
    return [
        row
        for name in _OUTCOMES
        for row in (
            Row(CHARGE, name, charge(name)),
            Row(AD_HOC, name, charge(name, _EUR, _EUR | {"quantity": 2})),
            Row(CHARGE_IMMEDIATELY, name, charge(name, **_SPOT)),
            Row(DRAFT, name, draft(name), later=by_stripe),
            Row(RETRY, name, retry(name)),
        )
    ]


_ROWS_OF_ONE_KIND: Final = (
    Row(CHARGE, "no method", charge(None)),
    Row(AD_HOC, "no method", charge(None, _EUR)),
    Row(CHARGE_IMMEDIATELY, "no method", charge(None, **_SPOT)),
    Row(DRAFT, "no method", draft(None), later=by_stripe),
    Row(RETRY, "no method", retry(None, before=None)),
    Row(RETRY, "unknown method", retry("unknown")),
    Row(CHARGE, "unknown price", charge("succeeds", _UNKNOWN)),
    Row(CHARGE_IMMEDIATELY, "unknown price", charge("succeeds", _UNKNOWN, **_SPOT)),
    Row(CHARGE, "wrong currency", charge("succeeds", _EUR, _USD)),
    Row(AD_HOC, "wrong currency", charge("succeeds", _USD, _EUR)),
    Row(CHARGE_IMMEDIATELY, "wrong currency", euro_debit_of_dollars),
    Row(PENDING_ITEMS, "succeeds", draft_of_pending_items),
    Row(PENDING_ITEMS, "unknown customer", draft_of_unknown_customer),
    Row(FINALIZE, "succeeds", requested(RequestFinalize, draft_of_pending_items)),
    Row(VOID, "succeeds", requested(RequestVoid, _DECLINED)),
    Row(VOID, "of a draft", requested(RequestVoid, draft_of_pending_items)),
    Row(VOID, "paid meanwhile", paid_on_the_page_first(RequestVoid)),
    Row(WRITE_OFF, "succeeds", requested(RequestUncollectible, _DECLINED)),
    Row(WRITE_OFF, "paid meanwhile", paid_on_the_page_first(RequestUncollectible)),
    Row(NOTED, "succeeds", refund(credit_note=True)),
    Row(PLAIN, "succeeds", refund(credit_note=False)),
)
_SUCCEEDING: Final[dict[Kind, Prepare]] = {
    CHARGE: charge(),
    CHARGE_IMMEDIATELY: charge(**_SPOT),
    DRAFT: draft(),
    PENDING_ITEMS: draft_of_pending_items,
    RETRY: retry("succeeds"),
    VOID: requested(RequestVoid, _DECLINED),
    FINALIZE: requested(RequestFinalize, draft_of_pending_items),
    WRITE_OFF: requested(RequestUncollectible, _DECLINED),
    NOTED: refund(credit_note=True),
    PLAIN: refund(credit_note=False),
}


def _rows() -> list[Row]:
    rows = [*_rows_of_outcomes(), *_ROWS_OF_ONE_KIND]
    rows += [
        Row(kind, fault, prepare, fault=fault)
        for kind, prepare in _SUCCEEDING.items()
        for fault in _FAULTS
    ]
    kinds = [row.kind for row in rows]
    return sorted(rows, key=lambda row: kinds.index(row.kind))


ROWS: Final = _rows()
