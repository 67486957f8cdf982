"""The steps of an invoice: records of our calls to the provider, and of what they created."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.core.aggregate import AggregateRoot
from domain.core.effects import WORKER
from domain.core.steps import StepPlan, StepRecord, step_age, step_key
from domain.gateway.objects import ProviderInvoice
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices import events as e
from domain.invoices import first_payment, status
from domain.invoices.provider_update import is_running
from domain.invoices.steps import REFUND_STEP, is_refund
from domain.invoices.update_events import UpdateSource, checkout_opened, drafted
from domain.invoices.view import InvoiceView


class InvoiceSteps(AggregateRoot):
    """The part of the invoice aggregate that records steps. Base class of Invoice alone."""

    Event = e.InvoiceEvent
    Created = e.InvoiceRequested

    view: InvoiceView

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    def key(self, step: str, *, attempt: int = 1) -> str:
        """Return the provider's idempotency key of a step's attempt."""
        return step_key(self.id, step, attempt)

    def start_step(
        self,
        step: str,
        *,
        occurred_at: datetime,
        attempt: int = 1,
        plan: StepPlan | None = None,
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
                plan={} if plan is None else plan.to_fields(),
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
