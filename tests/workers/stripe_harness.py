"""An app with a tenant and a Stripe account of its own, for tests of what workers do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import orjson

from domain.billing import Billing
from domain.core import ids
from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.commands import InvoiceCommand, RequestInvoice
from domain.invoices.events import InvoiceEvent
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import DraftPlan
from domain.subscriptions.subscription import Subscription
from domain.tenants.commands import SetTenant
from eventlog.bodies import Body
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from service.webhooks.stripe import claimed_invoice
from tests.support.stripe_account import Account
from workers.invoices.charge_invoice import charge_invoice
from workers.invoices.customers import TenantCustomers
from workers.invoices.job import InvoicingDeps
from workers.invoices.refund import refund_invoice
from workers.providers.key_trust import STRIPE_KEYS, KeyTrust
from workers.providers.stripe.gateway import StripeGateway
from workers.subscriptions.change import SubscriptionDeps, change_subscription
from workers.webhooks.apply import Applier
from workers.webhooks.fetch_and_apply import fetch_and_apply
from workers.webhooks.record_fetched import FetchDeps


class Clock:
    """Real time plus what a test added."""

    def __init__(self) -> None:
        self.added = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.added


class Bench:
    """Billing on a real log, over the real SDK, with the sandbox at the other end."""

    connection = "stripe-1"

    def __init__(self, log: Log, billing: Billing, account: Account) -> None:
        self.log = log
        self.billing = billing
        self.account = account
        self.clock = Clock()
        self.keys: KeyTrust = STRIPE_KEYS
        self.gateway: Any = StripeGateway(account.key, api_base=account.url)
        self.app_id = uuid4()
        self.connection_id = uuid4()
        self._newest: dict[tuple[str, ...], str | None] = {}  # by the delivered prefixes

    def add_tenant(self, card: str | None = "succeeds", *, linked: bool = True) -> UUID:
        tenant_id = uuid4()
        customers = {self.connection: self.account.add_customer(card)} if linked else {}
        self.billing.set_tenant(
            SetTenant(
                app_id=self.app_id,
                tenant_id=tenant_id,
                contact_body=None,
                customers=customers,
                actor="t",
            ),
            occurred_at=self.clock(),
        )
        return tenant_id

    def request(self, tenant_id: UUID, *lines: dict[str, Any], **more: Any) -> UUID:
        default = {"name": "Pro Plan", "quantity": 1, "price": self.account.price}
        empty = {"name": None, "price": None, "amount_minor": None, "currency": None}
        command = RequestInvoice(
            invoice_id=more.pop("invoice_id", uuid4()),
            app_id=self.app_id,
            tenant_id=tenant_id,
            provider="stripe",
            connection=more.pop("connection", self.connection),
            connection_id=self.connection_id,
            mode="test",
            dialect="002",
            type=more.pop("type", "payment"),
            lines=[empty | {"quantity": 1} | line for line in lines or [default]],
            request_hash="hash",
            actor="key:test",
            **more,
        )
        invoice = Invoice.request(command, occurred_at=self.clock())
        self.billing.save(invoice)
        return invoice.id

    def request_draft(self, flow: str, customer: str, *lines: dict[str, Any]) -> UUID:
        """Request a draft of lines without a currency, or one that includes pending items."""
        empty = {"quantity": 1, "price": None, "currency": None}
        command = RequestInvoice(
            invoice_id=uuid4(),
            app_id=self.app_id,
            tenant_id=None,
            provider="stripe",
            connection=self.connection,
            connection_id=self.connection_id,
            mode="test",
            dialect="003",
            type="payment",
            flow="include_pending_items" if flow == "include_pending_items" else "draft",
            customer=customer,
            lines=[empty | line for line in lines],
            request_hash="hash",
            actor="key:test",
        )
        invoice = Invoice.request(command, occurred_at=self.clock())
        self.billing.save(invoice)
        return invoice.id

    def start_creation(self, invoice_id: UUID) -> None:
        """Record the step that creates the provider's invoice, as before its call."""
        plan = DraftPlan(customer="cus_1", currency="eur")
        self.billing.change(
            Invoice,
            invoice_id,
            lambda known: known.start_step("create", occurred_at=self.clock(), plan=plan),
        )

    def request_action(self, invoice_id: UUID, kind: type[InvoiceCommand], **more: Any) -> UUID:
        """Request an action on an invoice; return the request's id."""
        facts: dict[str, Any] = {
            "request_hash": "hash",
            "request_id": uuid4(),
            "actor": "key:test",
            **more,
        }
        command = kind(invoice_id=invoice_id, **facts)
        self.billing.request_invoice_action(command, occurred_at=self.clock())
        return command.request_id

    def deps(self) -> InvoicingDeps:
        return InvoicingDeps(
            billing=self.billing,
            gateway=self.gateway,
            customers=TenantCustomers(
                billing=self.billing,
                gateway=self.gateway,
                bodies=self.log,
                now=self.clock,
                keys=self.keys,
            ),
            now=self.clock,
            heartbeat=lambda: None,
            keys=self.keys,
        )

    def charge(self, invoice_id: UUID) -> Invoice:
        charge_invoice(invoice_id, self.deps())
        return self.invoice(invoice_id)

    def provider_events(self) -> list[dict[str, Any]]:
        """Return Stripe's invoice events, oldest first, as webhooks carry them."""
        return self.events("invoice.")

    def events(self, *prefixes: str, since: int = 0) -> list[dict[str, Any]]:
        """Return Stripe's last hundred events whose types begin so, oldest first."""
        listed = self.account.v1.events.list({"limit": 100, "created": {"gte": since}})
        found = orjson.loads(listed.last_response.body)["data"]
        return [event for event in reversed(found) if event["type"].startswith(prefixes)]

    def receive(self, event: dict[str, Any], **changes: Any) -> RecordedEvent:
        """Store a delivery as the webhook endpoint does."""
        body = Body.of(orjson.dumps(event), None)
        data = event["data"]["object"]
        claimed = claimed_invoice(data)
        facts: dict[str, Any] = {
            "event_id": ids.for_provider_event(self.connection_id, "test", event["id"]),
            "app_id": self.app_id,
            "connection_id": self.connection_id,
            "connection": self.connection,
            "provider": "stripe",
            "mode": "test",
            "provider_event_id": event["id"],
            "type": event["type"],
            "object_type": data["object"],
            "object_id": data.get("id", ""),
            "invoice_id": claimed,
            "occurred_at": event["created"],
            "body": body.sha256.hex(),
            "actor": "connection:test",
        }
        received = ProviderEvent.receive(
            ReceiveProviderEvent(**facts | changes), occurred_at=self.clock()
        )
        self.billing.save(received, bodies=[body])
        return self.log.stream(received.id)[0]

    def apply(self, *received: RecordedEvent) -> None:
        """Apply deliveries in one batch, as the follower does."""
        asyncio.run(self._apply(received))

    async def _apply(self, received: Sequence[RecordedEvent]) -> None:
        log = await Log.open_async(self.log.dsn)
        applier = Applier(log, now=self.clock)
        await applier.handle(received)
        await log.close_async()

    def fetch(self, received: RecordedEvent) -> None:
        """Run the job that asks the provider what a delivery is about."""
        deps = FetchDeps(
            billing=self.billing,
            bodies=self.log,
            gateway_of=lambda *_: self.gateway,
            now=self.clock,
        )
        fetch_and_apply(UUID(str(received.originator_id)), deps)

    def deliver(self, *prefixes: str) -> None:
        """Deliver the account's new events in one batch; fetch where a payload is not enough.

        One batch needs one connection: a busy machine may fail to open one for each event.
        """
        received = [self.receive(event) for event in self._undelivered(*prefixes)]
        self.apply(*received)
        for one in received:
            if not self.entry(one).applied:
                self.fetch(one)

    def _undelivered(self, *prefixes: str) -> list[dict[str, Any]]:
        """Return the events since the last delivery that were not received, oldest first."""
        found: list[dict[str, Any]] = []
        last, newest = self._newest.get(prefixes), None
        for event in self._newest_first():
            if event["id"] == last:
                break
            newest = newest or event["id"]
            if event["type"].startswith(prefixes) and not self._is_received(event["id"]):
                found.append(event)
        self._newest[prefixes] = newest or last
        return found[::-1]

    def _newest_first(self) -> Iterator[dict[str, Any]]:
        params: Any = {"limit": 100}
        while True:
            listed = orjson.loads(self.account.v1.events.list(params).last_response.body)
            yield from listed["data"]
            if not listed["has_more"]:
                return
            params["starting_after"] = listed["data"][-1]["id"]

    def _is_received(self, event_id: str) -> bool:
        known = ids.for_provider_event(self.connection_id, "test", event_id)
        return self.billing.find(ProviderEvent, known) is not None

    def refund(self, invoice_id: UUID, refund_id: UUID) -> Invoice:
        refund_invoice(invoice_id, refund_id, self.deps())
        return self.invoice(invoice_id)

    def subscribe(self, tenant_id: UUID, price: str, **more: Any) -> UUID:
        line = {"name": None, "quantity": more.pop("quantity", 1), "price": price}
        return self.request(tenant_id, line, type="subscription", **more)

    def subscription(self, invoice_id: UUID) -> Subscription:
        view = self.invoice(invoice_id).view
        named = ids.for_provider_object(
            self.app_id, self.connection_id, "test", view.subscription_id or ""
        )
        return self.billing.get(Subscription, named)

    def change_subscription(self, subscription_id: UUID) -> Subscription:
        deps = SubscriptionDeps(billing=self.billing, gateway=self.gateway, now=self.clock)
        change_subscription(subscription_id, deps)
        return self.billing.get(Subscription, subscription_id)

    def imported(self, at_provider: str) -> Invoice:
        """Return the invoice imported for an object that the provider made."""
        return self.invoice(
            ids.for_provider_object(self.app_id, self.connection_id, "test", at_provider)
        )

    def entry(self, received: RecordedEvent) -> ProviderEvent:
        return self.billing.get(ProviderEvent, UUID(str(received.originator_id)))

    def invoice(self, invoice_id: UUID) -> Invoice:
        return self.billing.get(Invoice, invoice_id)

    def invoice_events(self, invoice_id: UUID) -> list[InvoiceEvent]:
        codec = Codec()
        return [cast("InvoiceEvent", codec.decode(entry)) for entry in self.log.stream(invoice_id)]

    def topics(self, invoice_id: UUID) -> list[str]:
        return [recorded.topic for recorded in self.log.stream(invoice_id)]
