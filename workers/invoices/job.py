"""Dependencies and recording functions that the jobs on invoices share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from domain.billing import Billing
from domain.core import metadata as metadata_keys
from domain.core.effects import WORKER
from domain.core.providers import Mode, Provider
from domain.core.steps import StepPlan
from domain.gateway.objects import ProviderInvoice
from domain.gateway.port import InvoicingGateway, ProviderGateway
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from domain.subscriptions.commands import StartSubscription
from eventlog.bodies import Body
from workers.invoices.customers import TenantCustomers
from workers.invoices.rejections import RequestRejected
from workers.providers.key_trust import STRIPE_KEYS, KeyTrust


@dataclass(frozen=True, kw_only=True)
class InvoiceDeps:
    """Dependencies of a job on an invoice at any provider.

    `heartbeat` is called between steps.
    """

    billing: Billing
    gateway: ProviderGateway
    customers: TenantCustomers
    now: Callable[[], datetime]
    heartbeat: Callable[[], None]
    keys: KeyTrust = STRIPE_KEYS

    def key_expired(self, invoice: Invoice, step: str) -> bool:
        """Check whether the provider may have forgotten a step's key."""
        return self.keys.is_expired(invoice.step_age(step, occurred_at=self.now()))

    def must_look_up(self, invoice: Invoice, step: str) -> bool:
        """Check whether a step's object may exist that its key would not return any more."""
        return self.keys.must_look_up(invoice.step_age(step, occurred_at=self.now()))

    def record_deleted(self, invoice: Invoice) -> Invoice:
        """Record that the provider no longer has the draft."""
        occurred_at = self.now()
        return self.billing.change(
            Invoice,
            invoice.id,
            lambda known: known.record_deleted(actor=WORKER, occurred_at=occurred_at),
        )


@dataclass(frozen=True, kw_only=True)
class InvoicingDeps(InvoiceDeps):
    """Dependencies of a job on an invoice whose provider has invoices."""

    gateway: InvoicingGateway


def start_step(
    invoice: Invoice,
    step: str,
    deps: InvoiceDeps,
    *,
    attempt: int = 1,
    plan: StepPlan | None = None,
) -> Invoice:
    """Record a step, its key and its plan before its first call."""
    occurred_at = deps.now()
    return deps.billing.change(
        Invoice,
        invoice.id,
        lambda known: known.start_step(step, occurred_at=occurred_at, attempt=attempt, plan=plan),
    )


def record_answer(
    invoice: Invoice,
    answer: ProviderInvoice,
    deps: InvoiceDeps,
    *,
    source: str,
    charging: bool = False,
    attempted: bool = False,
) -> Invoice:
    """Record an answer and, in the same append, the start of the charge if it follows.

    `attempted`: the answer is the outcome of our own attempt to charge.
    """
    occurred_at = deps.now()
    body = Body.of(answer.raw, invoice.view.body_owner)

    def decide(known: Invoice) -> None:
        known.record_provider_state(
            answer,
            source=source,
            actor=WORKER,
            occurred_at=occurred_at,
            charging=charging,
            attempted=attempted,
            body=body.sha256.hex(),
        )
        if charging and known.view.in_progress:
            known.start_step("pay", occurred_at=occurred_at)

    return deps.billing.change(Invoice, invoice.id, decide, bodies=[body])


def record_rejection(
    invoice: Invoice, answer: ProviderInvoice, deps: InvoiceDeps, rejection: RequestRejected
) -> Invoice:
    """Record the state and, unless it completes the action, the rejection."""
    occurred_at = deps.now()
    body = Body.of(answer.raw, invoice.view.body_owner)

    def decide(known: Invoice) -> None:
        known.record_provider_state(
            answer, source="answer", actor=WORKER, occurred_at=occurred_at, body=body.sha256.hex()
        )
        known.refuse_request(
            code=rejection.code,
            message=rejection.message,
            path=rejection.path,
            provider_code=rejection.provider_code,
            occurred_at=occurred_at,
        )

    return deps.billing.change(Invoice, invoice.id, decide, bodies=[body])


def billhook_metadata(view: InvoiceView) -> dict[str, str]:
    """Build the metadata that links every provider object to its invoice."""
    return {metadata_keys.APP: str(view.app_id), metadata_keys.INVOICE: str(view.id)}


def record_draft(invoice: Invoice, answer: ProviderInvoice, deps: InvoicingDeps) -> Invoice:
    """Record a complete draft, or its later state at the provider."""
    if answer.state != "draft":
        return record_answer(invoice, answer, deps, source="answer")
    occurred_at = deps.now()
    body = Body.of(answer.raw, invoice.view.body_owner)
    return deps.billing.change(
        Invoice,
        invoice.id,
        lambda known: known.record_drafted(answer, occurred_at=occurred_at, body=body.sha256.hex()),
        bodies=[body],
    )


def object_id(view: InvoiceView) -> str:
    """Return the id of the provider's object, which every step after the first has."""
    assert view.provider_object_id is not None, "no provider object before its creation"  # noqa: S101 - STYLE: assert what must hold
    return view.provider_object_id


def subscription_command(view: InvoiceView) -> StartSubscription:
    """Build the command that starts the subscription of an invoice."""
    return StartSubscription(
        app_id=view.app_id,
        tenant_id=view.tenant_id,
        user_id=view.user_id,
        provider=cast("Provider", view.provider),
        connection=view.connection,
        connection_id=view.connection_id,
        mode=cast("Mode", view.mode),
        origin="request",
        invoice_id=view.id,
        actor=WORKER,
    )
