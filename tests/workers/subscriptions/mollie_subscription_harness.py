"""A bench for subscriptions at Mollie: requests, checkouts, days that pass, news that come."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from domain.core import ids
from domain.gateway.errors import GatewayUnavailable, JobPostponed
from domain.invoices.first_payment import pending_subscription_id
from domain.invoices.invoice import Invoice
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import RequestedPrice
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView
from tests.workers.mollie_harness import MollieBench
from workers.subscriptions.mollie_change import change_mandate_subscription
from workers.subscriptions.mollie_common import MandateSubscriptionDeps
from workers.subscriptions.mollie_start import (
    StartSubscriptionDeps,
    mark_subscription_not_started,
    start_subscription,
)
from workers.subscriptions.mollie_watch import check_subscription

MONTH: Final = timedelta(days=32)


@dataclass
class Recurring:
    """Helpers of subscription tests, over a bench."""

    bench: MollieBench

    def request(self, price: str = "monthly", **more: Any) -> Invoice:
        """Request a subscription; its first payment is open."""
        lines = more.pop("lines", [{"price": price}])
        return self.bench.charged(*lines, type="subscription", **more)

    def pay(self, invoice: Invoice, outcome: str = "paid", method: str = "creditcard") -> None:
        """Decide what becomes of the open payment, and hear of it."""
        payment = invoice.view.provider_object_id or ""
        more = {"method": method} if outcome == "paid" else {}
        self.bench.account.admin.outcome(payment, outcome, **more)
        self.receive_webhook(payment)

    def receive_webhook(self, payment: str) -> None:
        """Receive a payment hint, and fetch its payment."""
        self.bench.receive_webhook(payment)

    def stream(self, invoice: Invoice) -> UUID:
        """Name the subscription that an invoice's payment begins."""
        view = self.bench.invoice(UUID(str(invoice.id))).view
        return pending_subscription_id(view, view.paid_by_object or view.provider_object_id or "")

    def deps(self) -> MandateSubscriptionDeps:
        bench = self.bench
        return MandateSubscriptionDeps(
            billing=bench.billing, gateway=bench.gateway, now=bench.clock
        )

    def start(self, invoice: Invoice) -> SubscriptionView:
        """Do the job that a paid first payment asks for."""
        bench, stream = self.bench, self.stream(invoice)
        deps = StartSubscriptionDeps(
            billing=bench.billing,
            gateway=bench.gateway,
            now=bench.clock,
            callback_urls=bench.callback_urls,
            keys=bench.keys,
        )
        start_subscription(stream, deps)
        return self.view(stream)

    def started(self, price: str = "monthly", **more: Any) -> SubscriptionView:
        """A subscription that runs."""
        invoice = self.request(price, **more)
        self.pay(invoice)
        return self.start(invoice)

    def mark_not_started(self, invoice: Invoice) -> SubscriptionView:
        stream = self.stream(invoice)
        mark_subscription_not_started(stream, self.deps())
        return self.view(stream)

    def view(self, stream: UUID) -> SubscriptionView:
        return self.bench.billing.get(Subscription, stream).view

    def cancel(self, stream: UUID, *, at_period_end: bool) -> SubscriptionView:
        self._request_action(stream, CancelSubscription, at_period_end=at_period_end)
        return self.view(stream)

    def change(
        self, stream: UUID, *lines: tuple[str, int], at_period_end: bool = True
    ) -> SubscriptionView:
        named = [RequestedPrice(price, quantity) for price, quantity in lines]
        self._request_action(stream, ChangeSubscription, at_period_end=at_period_end, lines=named)
        return self.view(stream)

    def _request_action(self, stream: UUID, kind: type[SubscriptionCommand], **more: Any) -> None:
        command = kind(
            subscription_id=stream,
            request_id=uuid4(),
            request_hash="hash",
            actor="key:test",
            **more,
        )
        self.bench.billing.request_subscription_action(command, occurred_at=self.bench.clock())
        change_mandate_subscription(stream, self.deps())

    def watch(self, stream: UUID) -> float | None:
        """Check it; return the seconds until the next check, None for none."""
        try:
            check_subscription(stream, self.deps())
        except JobPostponed as later:
            return later.retry_after_s
        return None

    def pass_time(self, gap: timedelta) -> None:
        """Advance our clock and the provider's."""
        self.bench.clock.added += gap
        self.bench.account.admin.set_clock(advance_s=gap.total_seconds())

    def there(self) -> list[dict[str, Any]]:
        """All subscriptions at Mollie, the newest first."""
        return [dict(one) for one in self.bench.account.client.subscriptions.list(limit=250)]

    def renewals(self, view: SubscriptionView) -> list[dict[str, Any]]:
        """Return the payments that Mollie created, oldest first."""
        made = [
            payment
            for payment in self.bench.payments()
            if payment.get("subscriptionId") == view.provider_subscription_id
        ]
        return made[::-1]

    def receive_all_webhooks(self) -> None:
        """Apply every payment's webhook, the newest first."""
        for payment in self.bench.payments():
            with suppress(GatewayUnavailable):
                self.receive_webhook(payment["id"])

    def imported(self, payment: str) -> Invoice:
        """Return the invoice imported for a payment that Mollie made."""
        bench = self.bench
        stream = ids.for_provider_object(bench.app_id, bench.connection_id, "test", payment)
        return bench.invoice(stream)
