"""An app with a tenant and a Mollie account of its own, for tests of what workers do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from domain.apps.app import App
from domain.apps.commands import CreateApp, SetConnection
from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.inbox.commands import ReceivePaymentHint, ReceiveProviderEvent
from domain.inbox.payment_hint import PaymentHint
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.commands import InvoiceCommand, RequestInvoice, RequestRetry, RequestVoid
from domain.invoices.events import InvoiceEvent
from domain.invoices.invoice import Invoice
from domain.invoices.view import Refund
from domain.tenants.commands import SetTenant
from eventlog.bodies import Body
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.security.signed_links import SignedLinks
from tests.support.mollie_account import MollieAccount
from tests.workers.mollie_catalogue import catalogue
from tests.workers.stripe_harness import Clock
from workers.invoices.customers import TenantCustomers
from workers.invoices.refund import refund_invoice
from workers.payments.actions import charge_or_perform_action
from workers.payments.checkout import CheckoutDeps
from workers.payments.refund_overpayment import refund_overpayment
from workers.providers.callback_urls import CallbackUrls
from workers.providers.key_trust import MOLLIE_KEYS, KeyTrust
from workers.providers.mollie.gateway import MollieGateway
from workers.webhooks.mollie_jobs import apply_payment_event, apply_payment_hint
from workers.webhooks.mollie_payment import MolliePaymentDeps

PUBLIC_URL = "http://127.0.0.1:1"


class MollieBench:
    """Billing on a real log, over the real SDK, with the sandbox at the other end."""

    connection = "mollie-1"

    def __init__(self, log: Log, billing: Billing, account: MollieAccount) -> None:
        self.log = log
        self.billing = billing
        self.account = account
        self.clock = Clock()
        self.keys: KeyTrust = MOLLIE_KEYS
        self.gateway: Any = self.new_gateway()
        self.links = SignedLinks([Fernet.generate_key().decode()], public_url=PUBLIC_URL)
        self.callback_urls = CallbackUrls(self.links, public_url=PUBLIC_URL, api_base=account.url)
        self.app_id = uuid4()
        self.connection_id = uuid4()
        self.set_up()

    def new_gateway(self, **more: Any) -> MollieGateway:
        return MollieGateway(self.account.key, api_base=self.account.url, mode="test", **more)

    def set_up(self) -> None:
        """Make the app, fill its catalogue and connect, all in one append."""
        occurred_at = self.clock()
        app = CreateApp(app_id=self.app_id, name="Shop", slug=self.app_id.hex, actor="t")
        connection = Connection.create(
            self._connection(), connection_id=self.connection_id, occurred_at=occurred_at
        )
        self.billing.save(
            App.create(app, occurred_at=occurred_at),
            *catalogue(self.app_id, occurred_at=occurred_at),
            connection,
        )

    def connect(self, **more: Any) -> None:
        """Connect anew, with these settings."""
        self.billing.set_connection(
            self._connection(**more),
            new_connection_id=self.connection_id,
            occurred_at=self.clock(),
        )

    def _connection(self, **more: Any) -> SetConnection:
        return SetConnection(
            app_id=self.app_id,
            name=self.connection,
            provider="mollie",
            mode="test",
            sealed_key="sealed",
            sealed_webhook_secrets=[],
            actor="t",
            **more,
        )

    def add_tenant(self, customer: str | None = None) -> UUID:
        tenant_id = uuid4()
        command = SetTenant(
            app_id=self.app_id,
            tenant_id=tenant_id,
            contact_body=None,
            customers={} if customer is None else {self.connection: customer},
            actor="t",
        )
        self.billing.set_tenant(command, occurred_at=self.clock())
        return tenant_id

    def request(self, *lines: dict[str, Any], **more: Any) -> UUID:
        """Request an invoice of these lines, else of the plan; for a tenant of its own."""
        empty = {"name": None, "quantity": 1, "price": None, "amount_minor": None, "currency": None}
        tenant_id = more.pop("tenant_id", None) or self.add_tenant()
        command = RequestInvoice(
            invoice_id=uuid4(),
            app_id=self.app_id,
            tenant_id=tenant_id,
            provider="mollie",
            connection=self.connection,
            connection_id=self.connection_id,
            mode="test",
            dialect="002",
            type=more.pop("type", "payment"),
            lines=[empty | line for line in lines or [{"price": "pro"}]],
            request_hash="hash",
            actor="key:test",
            **more,
        )
        invoice = Invoice.request(command, occurred_at=self.clock())
        self.billing.save(invoice)
        return command.invoice_id

    def deps(self) -> CheckoutDeps:
        return CheckoutDeps(
            billing=self.billing,
            gateway=self.gateway,
            customers=TenantCustomers(
                billing=self.billing,
                gateway=self.gateway,
                bodies=self.log,
                now=self.clock,
                keys=self.keys,
            ),
            callback_urls=self.callback_urls,
            now=self.clock,
            heartbeat=lambda: None,
            keys=self.keys,
        )

    def charge(self, invoice_id: UUID) -> Invoice:
        charge_or_perform_action(invoice_id, self.deps())
        return self.invoice(invoice_id)

    def charged(self, *lines: dict[str, Any], **more: Any) -> Invoice:
        """Request an invoice and charge it."""
        return self.charge(self.request(*lines, **more))

    def request_action(self, invoice_id: UUID, kind: type[InvoiceCommand], **more: Any) -> UUID:
        """Request an action on an invoice; return the request's id."""
        facts: dict[str, Any] = {"request_hash": "hash", "actor": "key:test", **more}
        command = kind(invoice_id=invoice_id, request_id=uuid4(), **facts)
        self.billing.request_invoice_action(command, occurred_at=self.clock())
        return command.request_id

    def retry(self, invoice_id: UUID, method: str | None = None) -> Invoice:
        """Request another payment, and create it."""
        self.request_action(invoice_id, RequestRetry, payment_method=method)
        return self.charge(invoice_id)

    def void(self, invoice_id: UUID) -> Invoice:
        """Request that the invoice be voided, and void it."""
        self.request_action(invoice_id, RequestVoid)
        return self.charge(invoice_id)

    def pay(self, payment_id: str | None, status: str = "paid", **more: Any) -> None:
        """Decide what becomes of a payment, as at its checkout page."""
        assert payment_id is not None
        self.account.admin.outcome(payment_id, status, **more)

    def hint(self, payment_id: str | None) -> UUID:
        """Store a hint as the webhook endpoint does; gives the hint's id."""
        assert payment_id is not None
        command = ReceivePaymentHint(
            app_id=self.app_id,
            connection_id=self.connection_id,
            connection=self.connection,
            provider="mollie",
            mode="test",
            payment_id=payment_id,
            actor=f"webhook:{payment_id}",
        )
        hint_id = ids.for_payment_hint(self.connection_id, "test", payment_id)
        occurred_at = self.clock()
        self.billing.create_or_change(
            PaymentHint,
            hint_id,
            lambda: PaymentHint.receive(command, occurred_at=occurred_at),
            lambda known: known.repeat(actor=command.actor, occurred_at=occurred_at),
        )
        return hint_id

    def payment_deps(self) -> MolliePaymentDeps:
        return MolliePaymentDeps(
            billing=self.billing,
            bodies=self.log,
            gateway_of=lambda *_: self.gateway,
            now=self.clock,
        )

    def receive_webhook(self, payment_id: str | None) -> PaymentHint:
        """Receive a payment hint, and fetch its payment."""
        return self.apply_payment_hint(self.hint(payment_id))

    def apply_payment_hint(self, hint_id: UUID) -> PaymentHint:
        apply_payment_hint(hint_id, self.payment_deps())
        return self.billing.get(PaymentHint, hint_id)

    def event(self, kind: str, payment_id: str | None, *, event_id: str) -> ProviderEvent:
        """Store a signed event as the webhook endpoint does, and fetch what it is about."""
        received = self.receive_event(kind, payment_id, event_id=event_id)
        apply_payment_event(received, self.payment_deps())
        return self.billing.get(ProviderEvent, received)

    def receive_event(
        self, kind: str, payment_id: str | None, *, event_id: str | None = None
    ) -> UUID:
        """Store a signed event as the webhook endpoint does; return its stream."""
        event_id = event_id or f"event_{uuid4().hex}"
        body = Body.of(b"{}", None)
        command = ReceiveProviderEvent(
            event_id=ids.for_provider_event(self.connection_id, "test", event_id),
            app_id=self.app_id,
            connection_id=self.connection_id,
            connection=self.connection,
            provider="mollie",
            mode="test",
            provider_event_id=event_id,
            type=kind,
            object_type="payment",
            object_id=payment_id or "",
            invoice_id=None,
            occurred_at=0,
            body=body.sha256.hex(),
            actor=f"webhook:{event_id}",
        )
        received = ProviderEvent.receive(command, occurred_at=self.clock())
        self.billing.save(received, bodies=[body])
        return command.event_id

    def refund_overpayment(self, invoice_id: UUID, payment_id: str | None) -> Invoice:
        refund_overpayment(invoice_id, payment_id or "", self.deps())
        return self.invoice(invoice_id)

    def refund(self, invoice_id: UUID, refund_id: UUID) -> Refund:
        """Run a refund's job; gives how it stands."""
        refund_invoice(invoice_id, refund_id, self.deps())
        refunds = self.invoice(invoice_id).view.refunds
        return next(entry for entry in refunds if entry.id == str(refund_id))

    def invoice(self, invoice_id: UUID) -> Invoice:
        return self.billing.get(Invoice, invoice_id)

    def topics(self, invoice_id: UUID) -> list[str]:
        return [recorded.topic for recorded in self.log.stream(invoice_id)]

    def invoice_events(self, invoice_id: UUID) -> list[InvoiceEvent]:
        codec = Codec()
        return [cast("InvoiceEvent", codec.decode(entry)) for entry in self.log.stream(invoice_id)]

    def payments(self) -> list[dict[str, Any]]:
        """Return the payments at Mollie, the newest first."""
        return [dict(payment) for payment in self.account.client.payments.list()]

    def sent(self, path: str = "/v2/payments") -> list[dict[str, Any]]:
        """Return the POST requests to Mollie."""
        found = self.account.admin.requests(method="POST", path=path)
        return [entry["params"] for entry in found]


def values(amounts: Iterable[dict[str, str]]) -> list[str]:
    """The numbers of amounts."""
    return [amount["value"] for amount in amounts]
