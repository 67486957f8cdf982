"""The invoice aggregate: an amount that a tenant owes, and the decisions about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.effects import WORKER, Effect
from domain.core.metadata import without_ours
from domain.core.steps import StepRecord, step_age, step_key
from domain.gateway.objects import ProviderCapture, ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import first_payment, refunds, status
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.commands import ImportInvoice, InvoiceCommand, RequestInvoice
from domain.invoices.fold import fold
from domain.invoices.provider_update import decide, is_running
from domain.invoices.requests import decide_request
from domain.invoices.staleness import DELETED_RANK
from domain.invoices.steps import REFUND_STEP, is_refund
from domain.invoices.update_events import UpdateSource, checkout_opened, drafted
from domain.invoices.view import InvoiceView, PendingRequest, Progress


class Invoice(AggregateRoot):
    """An amount that a tenant owes: at the provider an invoice or a payment."""

    TOPIC: ClassVar[str] = "invoice"
    Event = e.InvoiceEvent
    Created = e.InvoiceRequested
    Imported = e.InvoiceImported

    view: InvoiceView

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

    # Steps: calls to the provider.

    def key(self, step: str, *, attempt: int = 1) -> str:
        """Return the provider's idempotency key of a step's attempt."""
        return step_key(self.id, step, attempt)

    def start_step(
        self,
        step: str,
        *,
        occurred_at: datetime,
        attempt: int = 1,
        plan: dict[str, str] | None = None,
    ) -> StepRecord:
        """Record a step before its first call; later tries use the same record."""
        known = self.view.steps.get(step)
        if known is None or known.attempt < attempt:
            self.record_event(
                e.StepStarted,
                occurred_at=occurred_at,
                actor=WORKER,
                step=step,
                attempt=attempt,
                key=self.key(step, attempt=attempt),
                plan=plan or {},
            )
        return self.view.steps[step]

    def step_age(self, step: str, *, occurred_at: datetime) -> timedelta:
        """Return the time since a step's first call; zero for a step that was never started."""
        return step_age(self.view.steps, step, now=occurred_at)

    def record_created(self, invoice: ProviderInvoice, *, occurred_at: datetime) -> None:
        """Record the provider's object; only the first one recorded is ever charged."""
        if self.view.provider_object_id is None:
            self.record_event(
                e.ProviderInvoiceCreated,
                occurred_at=occurred_at,
                actor=WORKER,
                provider_object_type="invoice",
                provider_object_id=invoice.id,
                customer=invoice.customer or "",
                subscription_id=invoice.subscription_id,
            )

    def record_subscribed(self, made: ProviderSubscription, *, occurred_at: datetime) -> None:
        """Record the first invoice of the requested subscription; a repetition has no effect."""
        if self.view.provider_object_id is None and made.latest_invoice is not None:
            self.record_event(
                e.ProviderInvoiceCreated,
                occurred_at=occurred_at,
                actor=WORKER,
                provider_object_type="invoice",
                provider_object_id=made.latest_invoice,
                customer=made.customer or "",
                subscription_id=made.id,
            )

    def record_checkout(
        self, made: ProviderInvoice, *, occurred_at: datetime, body: str, dashboard_url: str | None
    ) -> None:
        """Record where the customer can pay.

        A repetition has no effect, nor has an invoice that is paid already.
        """
        if made.id in self.view.objects or self.view.status == status.PAID:
            return
        update = UpdateSource(source="answer", actor=WORKER, occurred_at=occurred_at, body=body)
        events = first_payment.supersede(self.view)
        events.append(checkout_opened(self.view, made, update, dashboard_url=dashboard_url))
        self.record_events(events, actor=WORKER, occurred_at=occurred_at)

    def record_subscription(self, subscription_id: str, *, occurred_at: datetime) -> None:
        """Record the subscription started after its first payment; a repetition has no effect."""
        if self.view.subscription_id is None:
            self.record_event(
                e.SubscriptionCreated,
                occurred_at=occurred_at,
                actor=WORKER,
                subscription_id=subscription_id,
            )

    def record_drafted(self, draft: ProviderInvoice, *, occurred_at: datetime, body: str) -> None:
        """Record that the draft is complete; a repetition has no effect."""
        if self.view.status == status.REQUESTED:
            update = UpdateSource(source="answer", actor=WORKER, occurred_at=occurred_at, body=body)
            event = drafted(self.view, draft, update)
            self.record_events([event], actor=WORKER, occurred_at=occurred_at)

    def reject(
        self,
        *,
        code: str,
        message: str,
        occurred_at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Reject the request before anything chargeable exists; a repetition has no effect."""
        if self.view.status == status.REQUESTED:
            self.record_event(
                e.InvoiceRejected,
                occurred_at=occurred_at,
                actor=WORKER,
                code=code,
                message=message,
                path=path,
                provider_code=provider_code,
            )

    def give_up(self, step: str, *, attempts: int, last_error: str, occurred_at: datetime) -> None:
        """Stop retrying a step until an operator resends it."""
        waits = step in self._given_up() if is_refund(step) else not is_running(self.view)
        if not waits:
            self.record_event(
                e.StepGaveUp,
                occurred_at=occurred_at,
                actor=WORKER,
                step=step,
                attempts=attempts,
                last_error=last_error,
            )

    def resend(self, step: str, *, actor: str, occurred_at: datetime) -> None:
        """Resend a step that gave up; any other step is left alone."""
        if step in self._given_up():
            self.record_event(e.StepResent, occurred_at=occurred_at, actor=actor, step=step)

    def _given_up(self) -> set[str]:
        steps = {f"{REFUND_STEP}{refund.id}" for refund in self.view.refunds if refund.gave_up}
        return steps | ({self.view.gave_up.step} if self.view.gave_up else set())

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
            events = refunds.decide_dispute(self.view, dispute, source=source)
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
