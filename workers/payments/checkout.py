"""Settle an invoice where the provider has payments: make one, and say where it is paid.

The step and its key are recorded before its call, and the payment with its answer, so the job may
die between any two lines. What an earlier run may have made is looked up before anything is made:
keys are forgotten within the hour, and a payment that nobody saw may have expired meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from domain.apps.connection import Connection
from domain.core import ids
from domain.gateway.objects import GatewayMisconfigured, GatewayRejected, ProviderInvoice
from domain.gateway.port import CheckoutGateway
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_payment_begun
from domain.invoices.steps import StepRecord
from domain.invoices.view import InvoiceView
from eventlog.bodies import Body
from workers.invoices.job import ProviderDesk, start
from workers.invoices.rejections import Refused
from workers.payments.plan import (
    Plan,
    charge_of,
    draft_of,
    plan_of,
    provider_lines,
    read_charge,
    redirect_of,
    require_small,
)
from workers.providers.callback_urls import Addresses
from workers.providers.key_lifetime import CLOCKS_DIFFER
from workers.subscriptions.mollie_common import beside_first_payment

CREATE = "create"


@dataclass(frozen=True, kw_only=True)
class CheckoutDesk(ProviderDesk):
    """What a job works with where the provider has payments."""

    gateway: CheckoutGateway
    addresses: Addresses


def settle_payment(invoice_id: UUID, desk: CheckoutDesk) -> None:
    """Make the payment that stands for the invoice; raises GatewayUnavailable to come back."""
    invoice = desk.billing.get(Invoice, invoice_id)
    if not invoice.view.settling:
        return
    try:
        begun = CREATE in invoice.view.steps
        if not begun:
            invoice = start(invoice, CREATE, desk, plan=_plan(invoice.view, desk))
        invoice, made = make_or_find(invoice, CREATE, desk, again=begun)
        remember_payment(invoice, made, CREATE, desk)
    except Refused as refusal:
        reject(invoice_id, refusal, desk)


def reject(invoice_id: UUID, refusal: Refused, desk: CheckoutDesk) -> None:
    """Remember why nothing was made."""
    occurred_at = desk.now()
    desk.billing.change(
        Invoice, invoice_id, lambda known: refusal.record(known, occurred_at=occurred_at)
    )


def _plan(view: InvoiceView, desk: CheckoutDesk) -> Plan:
    """Work everything out; only then is a customer made, if the tenant has none."""
    require_small(view)
    charge = charge_of(view, desk.billing)
    connection = desk.billing.get(Connection, ids.for_connection(view.app_id, view.connection))
    return plan_of(
        view,
        charge,
        customer=_customer(view, desk),
        redirect_url=redirect_of(view, connection.redirect_url, desk.addresses.return_url(view.id)),
        webhook_url=desk.addresses.webhook_url(view.provider, view.connection_id),
    )


def _customer(view: InvoiceView, desk: CheckoutDesk) -> str:
    try:
        return desk.customers.id_of(view)
    except GatewayMisconfigured as error:
        raise _credentials_refused(view) from error
    except GatewayRejected as error:
        raise Refused.from_gateway(error, path="tenantUuid") from error


def make_or_find(
    invoice: Invoice, step: str, desk: CheckoutDesk, *, again: bool
) -> tuple[Invoice, ProviderInvoice]:
    """Make what a step was planned with, or find what an earlier run of it made. Raises Refused.

    `again`: it may not be the first run.
    """
    desk.alive()
    found = _made_before(invoice, step, desk) if again else []
    made = next((payment for payment in found if not _over(payment)), None)
    if made is not None:
        return invoice, made
    if found:
        # Under the old key the payment that is over would be answered again.
        record = invoice.view.steps[step]
        invoice = start(invoice, step, desk, attempt=record.attempt + 1, plan=record.plan)
    return invoice, _make(invoice, invoice.view.steps[step], desk, again=again)


def _make(
    invoice: Invoice, step: StepRecord, desk: CheckoutDesk, *, again: bool
) -> ProviderInvoice:
    try:
        return desk.gateway.create_payment(draft_of(invoice.view, step.plan), key=step.key)
    except GatewayMisconfigured as error:
        if again:
            raise  # what an earlier run made may be there, behind the credentials
        raise _credentials_refused(invoice.view) from error
    except GatewayRejected as error:
        raise Refused.from_gateway(error) from error


def _made_before(invoice: Invoice, step: str, desk: CheckoutDesk) -> list[ProviderInvoice]:
    """Look up what a step made that we do not know of, the newest first."""
    record = invoice.view.steps[step]
    found = desk.gateway.find_payments(
        customer=record.plan["customer"],
        reference=str(invoice.id),
        created_after=int((record.started_at - CLOCKS_DIFFER).timestamp()),
    )
    return [payment for payment in found if payment.id not in invoice.view.objects]


def _over(payment: ProviderInvoice) -> bool:
    """Tell a payment that nobody can pay any more, nor has; a refused charge is an answer."""
    return payment.state in ("canceled", "expired")


def remember_payment(
    invoice: Invoice, made: ProviderInvoice, step: str, desk: CheckoutDesk
) -> Invoice:
    """Remember what a step made, and how it stands."""
    charge, occurred_at = read_charge(invoice.view.steps[step].plan), desk.now()
    seen = replace(made, tax_minor=charge.tax_minor, lines=provider_lines(charge))
    body = Body.of(made.raw, invoice.view.body_owner)
    return desk.billing.change(
        Invoice,
        invoice.id,
        lambda known: record_payment_begun(
            known, seen, occurred_at=occurred_at, body=body.sha256.hex()
        ),
        bodies=[body],
        beside=lambda: beside_first_payment(invoice.view, seen, charge, desk),
    )


def _credentials_refused(view: InvoiceView) -> Refused:
    return Refused(
        code="provider_credentials_refused",
        message=f"The provider refuses the credentials of connection {view.connection!r}.",
        path="connection",
    )
