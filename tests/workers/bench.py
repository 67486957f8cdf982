"""An app with a tenant and a Stripe account of its own, for tests of what workers do."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import stripe

from domain import commands, ids
from domain.billing import Billing
from domain.invoice import Invoice
from domain.provider_event import ProviderEvent
from eventlog.bodies import Body
from eventlog.log import Log
from eventlog.reading import Recorded
from tests.support.sandbox import SandboxAdmin
from workers.apply import Applier
from workers.jobs.customers import CustomerDesk
from workers.jobs.desk import Desk
from workers.jobs.settle import settle_invoice
from workers.providers.stripe import API_VERSION, StripeGateway

CARDS = {
    "succeeds": "pm_card_visa",
    "declined": "pm_card_chargeCustomerFail",
    "insufficient_funds": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "needs_authentication": "pm_card_authenticationRequired",
}


class Clock:
    """Real time plus what a test added."""

    def __init__(self) -> None:
        self.added = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.added


@dataclass
class Account:
    """A Stripe account in the sandbox, with a catalogue."""

    url: str
    key: str = field(default_factory=lambda: f"sk_test_{secrets.token_hex(12)}")

    def __post_init__(self) -> None:
        stripe.enable_telemetry = False
        self.admin = SandboxAdmin(self.url, self.key)
        self.v1 = stripe.StripeClient(
            self.key,
            base_addresses={"api": self.url},
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=(3, 20)),
        ).v1
        self.product = self.v1.products.create({"name": "Pro Plan"}).id
        self.price = self.add_price(1999)
        self.tax_rate = self.v1.tax_rates.create(
            {"display_name": "VAT", "percentage": 21.0, "inclusive": False}
        ).id

    def add_price(self, amount: int, **more: Any) -> str:
        params: Any = {"product": self.product, "currency": "eur", "unit_amount": amount, **more}
        return self.v1.prices.create(params).id

    def add_customer(self, card: str | None = "succeeds") -> str:
        customer = self.v1.customers.create({"name": "Ada", "email": "ada@example.com"}).id
        if card is not None:
            method = self.v1.payment_methods.attach(CARDS[card], {"customer": customer}).id
            settings: Any = {"invoice_settings": {"default_payment_method": method}}
            self.v1.customers.update(customer, settings)
        return customer

    def charged(self) -> list[int]:
        """The amounts that the sandbox's own ledger says were taken."""
        entries = self.admin.ledger()["entries"]
        return [entry["amount"] for entry in entries if entry["kind"] == "charge"]


class Bench:
    """Billing on a real log, over the real SDK, with the sandbox at the other end."""

    connection = "stripe-1"

    def __init__(self, log: Log, billing: Billing, account: Account) -> None:
        self.log = log
        self.billing = billing
        self.account = account
        self.clock = Clock()
        self.gateway: Any = StripeGateway(account.key, api_base=account.url)
        self.app_id = uuid4()
        self.connection_id = uuid4()

    def add_tenant(self, card: str | None = "succeeds", *, linked: bool = True) -> UUID:
        tenant_id = uuid4()
        customers = {self.connection: self.account.add_customer(card)} if linked else {}
        self.billing.set_tenant(
            commands.SetTenant(
                app_id=self.app_id, tenant_id=tenant_id, person=None, customers=customers, by="t"
            ),
            at=self.clock(),
        )
        return tenant_id

    def request(self, tenant_id: UUID, *lines: dict[str, Any], **more: Any) -> UUID:
        default = {"name": "Pro Plan", "quantity": 1, "price": self.account.price}
        empty = {"name": None, "price": None, "amount_minor": None, "currency": None}
        command = commands.RequestInvoice(
            invoice_id=uuid4(),
            app_id=self.app_id,
            tenant_id=tenant_id,
            provider="stripe",
            connection=self.connection,
            connection_id=self.connection_id,
            mode="test",
            dialect="002",
            type="payment",
            lines=[empty | {"quantity": 1} | line for line in lines or [default]],
            request_hash="hash",
            by="key:test",
            **more,
        )
        invoice = Invoice.request(command, at=self.clock())
        self.billing.save(invoice)
        return invoice.id

    def desk(self) -> Desk:
        return Desk(
            billing=self.billing,
            gateway=self.gateway,
            customers=CustomerDesk(
                billing=self.billing, gateway=self.gateway, bodies=self.log, now=self.clock
            ),
            now=self.clock,
            alive=lambda: None,
        )

    def settle(self, invoice_id: UUID) -> Invoice:
        settle_invoice(invoice_id, self.desk())
        return self.invoice(invoice_id)

    def provider_events(self) -> list[dict[str, Any]]:
        """What Stripe told about invoices, oldest first, as webhooks would carry it."""
        listed = self.account.v1.events.list({"limit": 100})
        found = orjson.loads(listed.last_response.body)["data"]
        return [event for event in reversed(found) if event["type"].startswith("invoice.")]

    def receive(self, event: dict[str, Any], **changes: Any) -> Recorded:
        """Store a delivery as the webhook endpoint does."""
        body = Body.of(orjson.dumps(event), None)
        data = event["data"]["object"]
        claimed = data.get("metadata", {}).get("billhook_invoice")
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
            "object_id": data["id"],
            "invoice_id": UUID(claimed) if claimed else None,
            "occurred_at": event["created"],
            "body": body.sha256.hex(),
            "by": "connection:test",
        }
        received = ProviderEvent.receive(
            commands.ReceiveProviderEvent(**facts | changes), at=self.clock()
        )
        self.billing.save(received, bodies=[body])
        return self.log.stream(received.id)[0]

    def apply(self, *received: Recorded) -> None:
        """Hand deliveries to the applier in one batch, as its follower does."""
        applier = Applier(self.log, now=self.clock)
        handled = applier.handle(None, received)  # type: ignore[arg-type] - it writes no rows
        asyncio.run_coroutine_threadsafe(handled, self.log._loop).result(20)

    def entry(self, received: Recorded) -> ProviderEvent:
        return self.billing.get(ProviderEvent, received.originator_id)

    def invoice(self, invoice_id: UUID) -> Invoice:
        return self.billing.get(Invoice, invoice_id)

    def topics(self, invoice_id: UUID) -> list[str]:
        return [recorded.topic for recorded in self.log.stream(invoice_id)]
