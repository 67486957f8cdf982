"""Create the payment that stands for an invoice, and record its checkout URL.

The step and its key are recorded before its call, and the payment with its answer, so the job may
crash between any two lines. A payment of an earlier run is looked up before one is created:
Mollie forgets keys within the hour, and an unrecorded payment may have expired meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from domain.apps.connection import Connection
from domain.catalogue.pricing import Charge
from domain.core import ids
from domain.core.steps import StepRecord
from domain.gateway.errors import GatewayMisconfigured, GatewayRejected
from domain.gateway.objects import ProviderInvoice
from domain.gateway.port import CheckoutGateway
from domain.invoices.first_payment import pending_subscription_id
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_payment_created
from domain.invoices.view import InvoiceView
from domain.subscriptions.mandate_subscription import start_pending
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body
from workers.invoices.job import InvoiceDeps, start_step, subscription_command
from workers.invoices.rejections import RequestRejected
from workers.payments.plan import (
    PaymentPlan,
    check_metadata_size,
    payment_draft,
    payment_plan,
    price_lines,
    provider_lines,
    redirect_url_for,
)
from workers.providers.callback_urls import CallbackUrls

CREATE = "create"


@dataclass(frozen=True, kw_only=True)
class CheckoutDeps(InvoiceDeps):
    """Dependencies of a job on an invoice whose provider has payments."""

    gateway: CheckoutGateway
    callback_urls: CallbackUrls


def create_invoice_payment(invoice_id: UUID, deps: CheckoutDeps) -> None:
    """Create the payment that stands for the invoice; raises GatewayUnavailable for a retry."""
    invoice = deps.billing.get(Invoice, invoice_id)
    if not invoice.view.in_progress:
        return
    try:
        begun = CREATE in invoice.view.steps
        if not begun:
            invoice = start_step(invoice, CREATE, deps, plan=_plan(invoice.view, deps))
        invoice, made = find_or_create_payment(invoice, CREATE, deps, is_repeat=begun)
        record_payment(invoice, made, CREATE, deps)
    except RequestRejected as rejection:
        reject(invoice_id, rejection, deps)


def reject(invoice_id: UUID, rejection: RequestRejected, deps: CheckoutDeps) -> None:
    """Record why no payment was created."""
    occurred_at = deps.now()
    deps.billing.change(
        Invoice, invoice_id, lambda known: rejection.record(known, occurred_at=occurred_at)
    )


def _plan(view: InvoiceView, deps: CheckoutDeps) -> PaymentPlan:
    """Plan the payment; a missing customer is created only after all checks."""
    check_metadata_size(view)
    charge = price_lines(view, deps.billing)
    connection = deps.billing.get(Connection, ids.for_connection(view.app_id, view.connection))
    return payment_plan(
        view,
        charge,
        customer=_customer(view, deps),
        redirect_url=redirect_url_for(
            view, connection.redirect_url, deps.callback_urls.return_url(view.id)
        ),
        webhook_url=deps.callback_urls.webhook_url(view.provider, view.connection_id),
    )


def _customer(view: InvoiceView, deps: CheckoutDeps) -> str:
    try:
        return deps.customers.id_of(view)
    except GatewayMisconfigured as error:
        raise _credentials_refused(view) from error
    except GatewayRejected as error:
        raise RequestRejected.from_gateway(error, path="tenantUuid") from error


def find_or_create_payment(
    invoice: Invoice, step: str, deps: CheckoutDeps, *, is_repeat: bool
) -> tuple[Invoice, ProviderInvoice]:
    """Create a step's payment, or find that of an earlier run. Raises RequestRejected.

    `is_repeat`: an earlier run may have created the payment.
    """
    deps.heartbeat()
    is_repeat = is_repeat or deps.keys.may_miss_calls
    found = _made_before(invoice, step, deps) if is_repeat else []
    made = next((payment for payment in found if not _is_over(payment)), None)
    if made is not None:
        return invoice, made
    if found:
        # Under the old key the provider would return the canceled or expired payment again.
        record = invoice.view.steps[step]
        plan = PaymentPlan.of(record)
        invoice = start_step(invoice, step, deps, attempt=record.attempt + 1, plan=plan)
    return invoice, _make(invoice, invoice.view.steps[step], deps, is_repeat=is_repeat)


def _make(
    invoice: Invoice, step: StepRecord, deps: CheckoutDeps, *, is_repeat: bool
) -> ProviderInvoice:
    draft = payment_draft(invoice.view, PaymentPlan.of(step))
    try:
        return deps.gateway.create_payment(draft, key=step.key)
    except GatewayMisconfigured as error:
        if is_repeat:
            raise  # an earlier run may have created a payment that these credentials cannot fetch
        raise _credentials_refused(invoice.view) from error
    except GatewayRejected as error:
        raise RequestRejected.from_gateway(error) from error


def _made_before(invoice: Invoice, step: str, deps: CheckoutDeps) -> list[ProviderInvoice]:
    """Find a step's payments that are not recorded yet, newest first."""
    record = invoice.view.steps[step]
    found = deps.gateway.find_payments(
        customer=PaymentPlan.of(record).customer,
        reference=str(invoice.id),
        created_after=deps.keys.search_from(record.started_at),
    )
    return [payment for payment in found if payment.id not in invoice.view.objects]


def _is_over(payment: ProviderInvoice) -> bool:
    """Check whether a payment is canceled or expired; a failed charge is an outcome."""
    return payment.state in ("canceled", "expired")


def record_payment(
    invoice: Invoice, made: ProviderInvoice, step: str, deps: CheckoutDeps
) -> Invoice:
    """Record a step's payment and its state."""
    charge, occurred_at = PaymentPlan.of(invoice.view.steps[step]).charge, deps.now()
    seen = replace(made, tax_minor=charge.tax_minor, lines=provider_lines(charge))
    body = Body.of(made.raw, invoice.view.body_owner)
    return deps.billing.change(
        Invoice,
        invoice.id,
        lambda known: record_payment_created(
            known, seen, occurred_at=occurred_at, body=body.sha256.hex()
        ),
        bodies=[body],
        also_save=lambda: _pending_subscription(invoice.view, seen, charge, deps),
    )


def _pending_subscription(
    view: InvoiceView, made: ProviderInvoice, charge: Charge, deps: InvoiceDeps
) -> list[Subscription]:
    """Create the subscription that a first payment starts; empty if it exists or is not wanted."""
    stream = pending_subscription_id(view, made.id)
    if view.type != "subscription" or deps.billing.find(Subscription, stream) is not None:
        return []
    return [start_pending(subscription_command(view), made, charge, occurred_at=deps.now())]


def _credentials_refused(view: InvoiceView) -> RequestRejected:
    return RequestRejected(
        code="provider_credentials_refused",
        message=f"The provider rejects the credentials of connection {view.connection!r}.",
        path="connection",
    )
