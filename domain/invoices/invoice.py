"""The invoice aggregate: an amount that a tenant owes, and the decisions about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from domain.core import ids
from domain.core.effects import WORKER, Effect
from domain.core.metadata import without_ours
from domain.gateway.objects import (
    PaidPayment,
    ProviderCapture,
    ProviderInvoice,
    RefundsAndDisputes,
)
from domain.invoices import action_events as ae
from domain.invoices import disputes, refunds, status
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.commands import ImportInvoice, InvoiceCommand, RequestInvoice
from domain.invoices.fold import fold
from domain.invoices.invoice_steps import InvoiceSteps
from domain.invoices.provider_update import decide
from domain.invoices.refund_split import decide_split
from domain.invoices.requests import decide_request
from domain.invoices.staleness import DELETED_RANK
from domain.invoices.update_events import UpdateSource
from domain.invoices.view import PendingRequest, Progress


class Invoice(InvoiceSteps):
    """An amount that a tenant owes: at the provider an invoice or a payment."""

    TOPIC: ClassVar[str] = "invoice"
    Event = e.InvoiceEvent
    Created = e.InvoiceRequested
    Imported = e.InvoiceImported

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def request(cls, command: RequestInvoice, *, occurred_at: datetime) -> Invoice:
        """Request an invoice; the caller has validated the command."""
        fields = {name: value for name, value in vars(command).items() if name != "invoice_id"}
        return cls._create(
            e.InvoiceRequested, id=command.invoice_id, timestamp=occurred_at, **fields
        )

    @classmethod
    def import_from_provider(
        cls, command: ImportInvoice, seen: ProviderInvoice, *, occurred_at: datetime
    ) -> Invoice:
        """Import an invoice that the provider created; its id is derived from the provider's."""
        return cls._create(
            e.InvoiceImported,
            id=ids.for_provider_object(
                command.app_id, command.connection_id, command.mode, seen.id
            ),
            timestamp=occurred_at,
            **vars(command),
            type="payment" if seen.subscription_id is None else "subscription",
            provider_object_type=seen.object_type,
            provider_object_id=seen.id,
            customer=seen.customer,
            currency=seen.currency,
            subscription_id=seen.subscription_id,
            created_at=seen.created_at,
            description=seen.description,
            footer=seen.footer,
            metadata=without_ours(seen.metadata),
        )

    def assign(self, tenant_id: UUID, *, actor: str, occurred_at: datetime) -> None:
        """Assign the invoice to a tenant; an invoice that has a tenant keeps it."""
        if self.view.tenant_id is None:
            self.record_event(
                e.InvoiceAssigned, occurred_at=occurred_at, actor=actor, tenant_id=tenant_id
            )

    def apply_event(self, event: e.InvoiceEvent) -> None:
        """Fold an event into the view; runs again on every replay."""
        self.view = fold(getattr(self, "view", None), event)

    # Requested actions.

    @property
    def pending_request(self) -> PendingRequest:
        """Return the requested action without an outcome; callers know that there is one."""
        assert self.view.pending_request is not None, "no request is pending"  # noqa: S101 - guards every caller
        return self.view.pending_request

    def request_action(self, command: InvoiceCommand, *, occurred_at: datetime) -> None:
        """Record a requested action. Raises NotPossible where the status forbids it."""
        events = decide_request(self.view, command)
        self.record_events(events, actor=command.actor, occurred_at=occurred_at)

    def refuse_request(
        self,
        *,
        code: str,
        message: str,
        occurred_at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Record that the provider refused the requested action; a repetition has no effect."""
        pending = self.view.pending_request
        if pending is None:
            return
        self.record_event(
            ae.RequestRefused,
            occurred_at=occurred_at,
            actor=WORKER,
            action=pending.action,
            request_id=pending.request_id,
            code=code,
            message=message,
            path=path,
            provider_code=provider_code,
        )

    def record_capture(
        self, made: ProviderCapture, *, request_id: UUID | None, occurred_at: datetime
    ) -> None:
        """Record that the provider accepted a requested capture."""
        self.record_event(
            ae.CaptureAccepted,
            occurred_at=occurred_at,
            actor=WORKER,
            request_id=request_id,
            capture_id=made.id,
            amount_minor=made.amount_minor,
            pending=made.state == "pending",
        )

    def split_refund(
        self, refund_id: UUID, payments: Sequence[PaidPayment], *, occurred_at: datetime
    ) -> None:
        """Choose the payments that a refund is taken from; a repetition has no effect."""
        events = decide_split(self.view, refund_id, payments)
        self.record_events(events, actor=WORKER, occurred_at=occurred_at)

    def refuse_credit_note(
        self, refund_id: UUID, *, code: str, message: str, occurred_at: datetime
    ) -> None:
        """Record that a refund stands without its credit note; a repetition has no effect."""
        known = refunds.find_refund(self.view, refund_id, None)
        if known is not None and known.note_due:
            self.record_event(
                m.CreditNoteRefused,
                occurred_at=occurred_at,
                actor=WORKER,
                refund_id=refund_id,
                code=code,
                message=message,
            )

    def fail_refund(
        self, refund_id: UUID, *, code: str, message: str, occurred_at: datetime
    ) -> None:
        """Record a refused refund and lift its reservation; a repetition has no effect."""
        known = refunds.find_refund(self.view, refund_id, None)
        if known is not None and known.status == "requested":
            self.record_event(
                m.RefundFailed,
                occurred_at=occurred_at,
                actor=WORKER,
                refund_id=refund_id,
                provider_refund_id=None,
                amount_minor=known.amount_minor,
                code=code,
                message=message,
                source="answer",
            )

    def record_deleted(self, *, actor: str, occurred_at: datetime) -> None:
        """Record that the provider has deleted the draft; a repetition has no effect."""
        if status.may_become(self.view.status, status.CANCELED):
            progress = self.view.progress or Progress(0, 0, 0, -1)
            self.record_event(
                pe.PaymentCanceled,
                occurred_at=occurred_at,
                actor=actor,
                payment_id=None,
                source="answer",
                as_of=self.view.as_of,
                progress=list(progress._replace(state_rank=DELETED_RANK)),
                body=None,
            )

    # Updates from the provider.

    def record_refunds_and_disputes(
        self, back: RefundsAndDisputes, *, source: str, actor: str, occurred_at: datetime
    ) -> Effect:
        """Record the refunds and disputes of a provider's answer; only changes are recorded."""
        before = self.version
        for refund in back.refunds:
            events = refunds.decide_refund(self.view, refund, source=source)
            self.record_events(events, actor=actor, occurred_at=occurred_at)
        for note in back.credit_notes:
            events = refunds.decide_credit_note(self.view, note, source=source)
            self.record_events(events, actor=actor, occurred_at=occurred_at)
        for dispute in back.disputes:
            events = disputes.decide_dispute(self.view, dispute, source=source)
            self.record_events(events, actor=actor, occurred_at=occurred_at)
        return Effect.CHANGED if self.version > before else Effect.CONFIRMED

    def record_provider_state(
        self,
        snapshot: ProviderInvoice,
        *,
        source: str,
        actor: str,
        occurred_at: datetime,
        charging: bool = False,
        attempted: bool = False,
        body: str | None = None,
        provider_type: str | None = None,
    ) -> Effect:
        """Apply a provider's snapshot from an answer, a webhook, reconciliation or an import.

        `charging`: an attempt to charge follows. `attempted`: it is the result of our attempt.
        """
        update = UpdateSource(
            source=source,
            actor=actor,
            occurred_at=occurred_at,
            body=body,
            provider_type=provider_type,
            charging=charging,
            attempted=attempted,
        )
        return self.apply_provider_update(snapshot, update)

    def apply_provider_update(self, snapshot: ProviderInvoice, update: UpdateSource) -> Effect:
        """Record the events that a provider's snapshot leads to, and return its effect."""
        decision = decide(self.view, snapshot, update)
        self.record_events(decision.events, actor=update.actor, occurred_at=update.occurred_at)
        return decision.effect
