"""A day at both providers with webhooks that are dropped, late, doubled and in reverse order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import stripe
from mollie.api.error import Error as MollieError

from domain.core import ids
from domain.events import INVOICE_TOPICS
from domain.gateway.errors import GatewayUnavailable
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from tests.support.mollie_account import amount
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation.nets import Nets
from tests.workers.reconciliation.open_item_folding import Folding, check
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring

FAULTS = (429, 500, 503)


@dataclass
class Storm:
    """A day of one connection. `drop`: the share of webhooks that never come in time."""

    nets: Nets
    folding: Folding
    random: Random
    drop: float
    late: list[Any] = field(default_factory=list)

    @property
    def bench(self) -> Any:
        return self.nets.bench

    def views(self) -> dict[UUID, InvoiceView]:
        """Return all invoices."""
        log = self.bench.log
        streams = {UUID(str(one.originator_id)) for one in log.read(0, 1_000_000, INVOICE_TOPICS)}
        found = (self.bench.billing.find(Invoice, stream) for stream in streams)
        return {one.view.id: one.view for one in found if one is not None}

    def books(self) -> Counter[str]:
        """Return the sums by us."""
        sums: Counter[str] = Counter()
        for view in self.views().values():
            sums["charge"] += view.amount_paid_minor + view.amount_overpaid_minor
            sums["refund"] += view.amount_refunded_minor
        return sums

    def ledger(self) -> Counter[str]:
        """Return the sums by the sandbox's own books."""
        sums: Counter[str] = Counter()
        for entry in self.bench.account.admin.ledger()["entries"]:
            if entry["kind"] in ("charge", "payment"):
                sums["charge"] += entry["amount"]
            elif entry["kind"] == "refund":
                sums["refund"] += entry["amount"]
        return sums

    def reconcile(self) -> int:
        """Advance the clock by 11 minutes, run all parts over a faulty provider, and heal."""
        gap = timedelta(minutes=11)
        self.bench.clock.added += gap
        self.bench.account.admin.set_clock(advance_s=gap.total_seconds())
        for status in self.random.sample(FAULTS, k=2):
            self.bench.account.admin.add_fault("status", status=status, method="GET")
        self.bench.account.admin.forget_requests()
        found = [
            self._repeat(self._catch_up),
            self._repeat(lambda: check(self.nets, self.folding)),
            self._repeat(self._audit),
        ]
        self._repeat(self._heal)
        made = {request["method"] for request in self.bench.account.admin.requests()}
        assert made == {"GET"}, "neither finding nor healing changes anything at the provider"
        return sum(found)

    def _catch_up(self) -> int:
        if isinstance(self.bench, Bench):
            return self.nets.catch_up().run().entered
        return self.nets.mollie_catch_up().run().entered

    def _heal(self) -> int:
        self.nets.heal()
        return 0

    def _audit(self) -> int:
        return sum(self.nets.audit().run(self.nets.period(days=60)).found.values())

    def _repeat(self, run: Callable[[], int]) -> int:
        """Repeat after an outage, as the scheduler and the work table do."""
        for _ in range(20):
            with suppress(GatewayUnavailable):
                return run()
        raise AssertionError("the provider was in trouble for too long")


class StripeStorm(Storm):
    """A day at Stripe."""

    def act(self, payments: int) -> None:
        """Make payments, and let things happen to them; some webhooks arrive."""
        bench: Bench = self.bench
        for _ in range(payments):
            card = self.random.choice(["succeeds", "succeeds", "needs_authentication", "declined"])
            invoice_id = bench.request(bench.add_tenant(card))
            bench.charge(invoice_id)
            with suppress(stripe.StripeError, RuntimeError):
                self.random.choice(self._changes())(invoice_id)
            self._deliver_some()

    def _changes(self) -> Sequence[Callable[[UUID], object]]:
        bench, admin, v1 = self.bench, self.bench.account.admin, self.bench.account.v1

        def of(invoice_id: UUID) -> str:
            return bench.invoice(invoice_id).view.provider_object_id or ""

        def paid_by(invoice_id: UUID) -> str:
            return bench.invoice(invoice_id).view.payments[-1].id or ""

        def refund(invoice_id: UUID) -> None:
            params = {"payment_intent": paid_by(invoice_id), "amount": self.random.randint(1, 999)}
            v1.refunds.create(params)

        def decide(invoice_id: UUID) -> None:
            dispute = admin.dispute(paid_by(invoice_id))
            admin.decide_dispute(dispute["id"], self.random.choice(["win", "lose"]))

        def confirm(invoice_id: UUID) -> None:
            if bench.invoice(invoice_id).view.status == "requires_action":
                admin.confirm(of(invoice_id))

        def by_hand(_: UUID) -> None:
            admin.make_invoice(
                bench.account.add_customer(), amount=700, currency="eur", collect="now"
            )

        def credit(invoice_id: UUID) -> None:
            v1.credit_notes.create({"invoice": of(invoice_id), "amount": 100, "refund_amount": 100})

        return (
            confirm,
            refund,
            decide,
            by_hand,
            credit,
            lambda one: admin.dispute(paid_by(one)),
            lambda one: v1.invoices.void_invoice(of(one)),
            lambda one: v1.invoices.mark_uncollectible(of(one)),
        )

    def _deliver_some(self) -> None:
        """Deliver new events, in reverse now and then; keep the dropped ones for later."""
        events = self.bench.events("invoice.", "charge.", "refund.", "credit_note.")
        known = {one["id"] for one in self.late}
        new = [one for one in events if one["id"] not in known and not self._is_known(one)]
        if self.random.random() < 0.3:
            new.reverse()
        for event in new:
            if self.random.random() < self.drop:
                self.late.append(event)
            else:
                self._deliver(event)

    def _is_known(self, event: dict[str, Any]) -> bool:
        entry = ids.for_provider_event(self.bench.connection_id, "test", event["id"])
        return self.bench.billing.find(ProviderEvent, entry) is not None

    def _deliver(self, event: dict[str, Any]) -> None:
        if self._is_known(event):
            return
        bench: Bench = self.bench
        bench.apply(received := bench.receive(event))
        if not bench.entry(received).applied:
            bench.fetch(received)

    def deliver_late(self) -> None:
        """Deliver what was dropped, doubled and in reverse order."""
        for event in [*reversed(self.late), *self.late]:
            self._deliver(event)


class MollieStorm(Storm):
    """A day at Mollie."""

    def act(self, payments: int) -> None:
        """Make payments, and let things happen to them; some webhooks arrive."""
        bench: MollieBench = self.bench
        recurring = Recurring(bench)
        begun = recurring.started()
        for _ in range(payments):
            view = bench.charged().view
            payment = view.provider_object_id or ""
            for change in self.random.choice(self._changes()):
                with suppress(MollieError, RuntimeError, AssertionError):
                    change(payment)
                if self.random.random() < self.drop:
                    self.late.append(payment)
                else:
                    bench.receive_webhook(payment)
        recurring.pass_time(timedelta(days=32))
        if self.random.random() < 0.5:
            owner = bench.account.client.customers.get(begun.customer or "")
            owner.subscriptions.delete(begun.provider_subscription_id)
        self.late += [one["id"] for one in recurring.renewals(begun)]

    def _changes(self) -> Sequence[Sequence[Callable[[str], object]]]:
        bench: MollieBench = self.bench
        admin = bench.account.admin

        def pay(payment: str) -> None:
            bench.pay(payment)

        def refund(payment: str) -> None:
            admin.refund(payment, amount=amount(f"{self.random.randint(1, 9)}.50"))

        def reverse(payment: str) -> None:
            admin.reverse_chargeback(admin.chargeback(payment)["id"])

        return (
            (pay,),
            (pay, refund),
            (pay, refund, refund),
            (pay, admin.chargeback),
            (pay, reverse),
            (lambda one: bench.pay(one, "failed"),),
            (lambda one: bench.pay(one, "expired"),),
            (lambda _: None,),
        )

    def deliver_late(self) -> None:
        """Deliver what was dropped, doubled and in reverse order."""
        for payment in [*reversed(self.late), *self.late]:
            self.bench.receive_webhook(payment)


def weather(storm: StripeStorm | MollieStorm, payments: int) -> dict[str, int]:
    """Run a day and check that it heals; return its numbers."""
    storm.act(payments)
    found = storm.reconcile()
    assert storm.books() == storm.ledger()
    listed = storm.nets.drifts()
    assert len(listed) == len(set(listed)), "each difference is listed once"
    views = storm.views()
    head = storm.bench.log.head()
    assert storm.reconcile() == 0, "a second run finds nothing"
    assert storm.bench.log.head() == head
    storm.deliver_late()
    for view_id, view in storm.views().items():
        before = views[view_id]
        assert (view.status, view.amount_paid_minor, view.refunds, view.disputes) == (
            before.status,
            before.amount_paid_minor,
            before.refunds,
            before.disputes,
        )
    assert storm.nets.drifts() == listed
    assert storm.books() == storm.ledger()
    return {"found": found, "invoices": len(views), "drifts": len(listed), "late": len(storm.late)}
