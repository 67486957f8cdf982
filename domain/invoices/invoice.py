"""The invoice: what a tenant owes, and the decisions about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from domain.core import commands, ids
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.core.errors import NotPossible
from domain.gateway.objects import ProviderInvoice, ProviderSubscription, RefundsAndDisputes
from domain.invoices import events as e
from domain.invoices import first_payment, status
from domain.invoices import refund_events as m
from domain.invoices import refunds as invoices_refunds
from domain.invoices.payments import require_supported
from domain.invoices.provider_update import (
    WORKER,
    Effect,
    Word,
    is_running,
    remember_draft,
    take_word,
)
from domain.invoices.staleness import DELETED_RANK, facts_of, issued_lines
from domain.invoices.steps import REFUND_STEP, StepRecord, is_refund
from domain.invoices.view import InvoiceView, fold


class Invoice(AggregateRoot):
    """What a tenant owes, whatever the provider calls it."""

    TOPIC: ClassVar[str] = "invoice"
    Event = e.InvoiceEvent
    Created = e.InvoiceRequested
    Imported = e.InvoiceImported

    view: InvoiceView

    def __init__(self) -> None:
        """Take nothing: the first fact says it all (the library would ask for annotated fields)."""

    @classmethod
    def request(cls, command: commands.RequestInvoice, *, occurred_at: datetime) -> Invoice:
        """Ask for an invoice; the caller has validated the command."""
        facts = {name: value for name, value in vars(command).items() if name != "invoice_id"}
        return cls._create(
            e.InvoiceRequested, id=command.invoice_id, timestamp=occurred_at, **facts
        )

    @classmethod
    def take_over(
        cls, command: commands.ImportInvoice, seen: ProviderInvoice, *, occurred_at: datetime
    ) -> Invoice:
        """Take in one that the provider made by itself; its id follows from the provider's."""
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
            metadata={
                name: value
                for name, value in seen.metadata.items()
                if not name.startswith("billhook_")
            },
        )

    def assign(self, tenant_id: UUID, *, actor: str, occurred_at: datetime) -> None:
        """Give it to a tenant; one that has a tenant stays its."""
        if self.view.tenant_id is None:
            self.record_event(
                e.InvoiceAssigned, occurred_at=occurred_at, actor=actor, tenant_id=tenant_id
            )

    def apply_event(self, event: e.InvoiceEvent) -> None:
        """Let the one fold assign; runs again on every replay."""
        self.view = fold(getattr(self, "view", None), event)

    # Steps: what we are about to ask of the provider.

    def key(self, step: str, *, attempt: int = 1) -> str:
        """Name a step for the provider, the same on every try."""
        return f"billhook:{self.id}:{step}:{attempt}"

    def start_step(
        self,
        step: str,
        *,
        occurred_at: datetime,
        attempt: int = 1,
        plan: dict[str, str] | None = None,
    ) -> StepRecord:
        """Remember a step before its first call; on later tries the first one's record stands."""
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
        """Tell how long ago a step was first tried; nothing if it never was."""
        record = self.view.steps.get(step)
        return timedelta(0) if record is None else occurred_at - record.started_at

    def record_created(self, invoice: ProviderInvoice, *, occurred_at: datetime) -> None:
        """Remember the provider's object; the first one recorded is the only one ever charged."""
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
        """Remember the first invoice of the subscription that was asked for; twice is silent."""
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
        """Remember where the customer can pay; twice is silent, as is one that is paid already."""
        if made.id in self.view.objects or self.view.status == status.PAID:
            return
        first_payment.make_way(self, actor=WORKER, occurred_at=occurred_at)
        self.record_event(
            e.CheckoutOpened,
            occurred_at=occurred_at,
            actor=WORKER,
            provider_object_type=made.object_type,
            provider_object_id=made.id,
            url=made.hosted_url or "",
            currency=made.currency,
            total_minor=made.total_minor,
            source="answer",
            as_of=made.as_of,
            facts=facts_of(made),
            body=body,
            tax_minor=made.tax_minor,
            lines=issued_lines(made, self.view),
            customer=made.customer,
            dashboard_url=dashboard_url,
        )

    def record_subscription(self, subscription_id: str, *, occurred_at: datetime) -> None:
        """Remember the subscription that was started after its first payment; twice is silent."""
        if self.view.subscription_id is None:
            self.record_event(
                e.SubscriptionCreated,
                occurred_at=occurred_at,
                actor=WORKER,
                subscription_id=subscription_id,
            )

    def record_drafted(self, draft: ProviderInvoice, *, occurred_at: datetime, body: str) -> None:
        """Remember that the draft stands complete; twice is silent."""
        if self.view.status == status.REQUESTED:
            remember_draft(
                self, draft, source="answer", actor=WORKER, occurred_at=occurred_at, body=body
            )

    def reject(
        self,
        *,
        code: str,
        message: str,
        occurred_at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Refuse for good, before anything chargeable exists; twice is silent."""
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
        """Stop trying until an operator sends the step again."""
        refunds = is_refund(step)
        waits = step in self._given_up() if refunds else not is_running(self)
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
        """Send a step that gave up again; one that did not is left alone."""
        if step in self._given_up():
            self.record_event(e.StepResent, occurred_at=occurred_at, actor=actor, step=step)

    def _given_up(self) -> set[str]:
        refunds = {
            f"{REFUND_STEP}{refund['id']}" for refund in self.view.refunds if refund.get("gaveUp")
        }
        return refunds | ({self.view.gave_up["step"]} if self.view.gave_up else set())

    # What is asked of an invoice that exists.

    def ask(self, command: commands.InvoiceCommand, *, occurred_at: datetime) -> None:
        """Remember what is asked; raises NotPossible where the invoice's state forbids it."""
        if isinstance(command, commands.RequestRefund):
            self._ask_refund(command, occurred_at=occurred_at)
            return
        action, fact, allowed = _ASKABLE[type(command)]
        require_supported(self.view, action)
        if is_running(self):
            raise NotPossible(action=action, reason="something else is being done with it")
        nowhere = self.view.provider_object_id is None
        gave_up = self.view.gave_up is not None and action == "void"
        if nowhere or not (self.view.status in allowed or gave_up):
            raise NotPossible(action=action, reason=f"it is {self.view.status}")
        more: dict[str, Any] = {}
        if isinstance(command, commands.RequestRetry):
            more["payment_method"] = command.payment_method
        self.record_event(
            fact,
            occurred_at=occurred_at,
            actor=command.actor,
            app_id=self.view.app_id,
            request_hash=command.request_hash,
            request_id=command.request_id,
            **more,
        )

    def _ask_refund(self, command: commands.RequestRefund, *, occurred_at: datetime) -> None:
        """Reserve the amount from here on, so that two at once can't exceed what was paid."""
        left = invoices_refunds.refundable_minor(self.view)
        amount = left if command.amount_minor is None else command.amount_minor
        if self.view.amount_paid_minor == 0:
            raise NotPossible(action="refund", reason="nothing was paid")
        if left <= 0:
            raise NotPossible(action="refund", reason="all of it has gone back")
        if amount > left:
            reason = f"only {left} can still be given back"
            raise NotPossible(action="refund", reason=reason, path="amountMinor")
        self.record_event(
            m.RefundRequested,
            occurred_at=occurred_at,
            actor=command.actor,
            refund_id=command.request_id,
            amount_minor=amount,
            reason=command.reason,
            credit_note=command.credit_note,
            app_id=self.view.app_id,
            request_hash=command.request_hash,
        )

    def refuse_request(
        self,
        *,
        code: str,
        message: str,
        occurred_at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Say that the provider refuses what is asked; twice is silent."""
        asked = self.view.asked
        if asked is None:
            return
        self.record_event(
            e.RequestRefused,
            occurred_at=occurred_at,
            actor=WORKER,
            action=asked["action"],
            request_id=None if asked["request_id"] is None else UUID(asked["request_id"]),
            code=code,
            message=message,
            path=path,
            provider_code=provider_code,
        )

    def fail_refund(
        self, refund_id: UUID, *, code: str, message: str, occurred_at: datetime
    ) -> None:
        """Say that the provider refuses a refund, and lift its reservation; twice is silent."""
        known = invoices_refunds.find_refund(self.view, refund_id, None)
        if known is not None and known["status"] == "requested":
            self.record_event(
                m.RefundFailed,
                occurred_at=occurred_at,
                actor=WORKER,
                refund_id=refund_id,
                provider_refund_id=None,
                amount_minor=known["amountMinor"],
                code=code,
                message=message,
                source="answer",
            )

    def record_deleted(self, *, actor: str, occurred_at: datetime) -> None:
        """Say that the provider has the draft no more; twice is silent."""
        if status.may_become(self.view.status, status.CANCELED):
            _, tries, paid, payment = self.view.facts or [0, 0, 0, -1]
            self.record_event(
                e.PaymentCanceled,
                occurred_at=occurred_at,
                actor=actor,
                payment_id=None,
                source="answer",
                as_of=self.view.as_of,
                facts=[DELETED_RANK, tries, paid, payment],
                body=None,
            )

    def record_refunds_and_disputes(
        self, back: RefundsAndDisputes, *, source: str, actor: str, occurred_at: datetime
    ) -> Effect:
        """Take in what the provider says of refunds and disputes; only what is news is recorded."""
        before = self.version
        for refund in back.refunds:
            self._remember_news(
                invoices_refunds.decide_refund(self.view, refund), source, actor, occurred_at
            )
        for dispute in back.disputes:
            self._remember_news(
                invoices_refunds.decide_dispute(self.view, dispute), source, actor, occurred_at
            )
        return Effect.CHANGED if self.version > before else Effect.CONFIRMED

    def _remember_news(
        self,
        news: tuple[type[DomainEvent], dict[str, Any]] | None,
        source: str,
        actor: str,
        occurred_at: datetime,
    ) -> None:
        if news is not None:
            fact, facts = news
            self.record_event(fact, occurred_at=occurred_at, actor=actor, source=source, **facts)

    # The provider's word, whatever its source.

    def record_provider_state(
        self,
        invoice: ProviderInvoice,
        *,
        source: str,
        actor: str,
        occurred_at: datetime,
        charging: bool = False,
        attempted: bool = False,
        body: str | None = None,
        provider_type: str | None = None,
    ) -> Effect:
        """Take in a provider's invoice from an answer, a webhook, reconciliation or an import.

        `charging`: an attempt to charge follows. `attempted`: it is what our attempt came to.
        """
        word = Word(
            source=source,
            actor=actor,
            occurred_at=occurred_at,
            body=body,
            kind=provider_type,
            charging=charging,
            attempted=attempted,
        )
        return take_word(self, invoice, word)


_OPEN_STATUSES: Final = frozenset({status.OPEN, status.FAILED, status.REQUIRES_ACTION})

# What can be asked of an invoice: its name, its fact, and the statuses that allow it.
_ASKABLE: Final[
    dict[type[commands.InvoiceCommand], tuple[str, type[e.InvoiceEvent], frozenset[str]]]
] = {
    commands.RequestRetry: ("retry", e.RetryRequested, _OPEN_STATUSES | {status.UNCOLLECTIBLE}),
    commands.RequestVoid: (
        "void",
        e.VoidRequested,
        _OPEN_STATUSES | {status.DRAFT, status.UNCOLLECTIBLE},
    ),
    commands.RequestFinalize: ("finalize", e.FinalizeRequested, frozenset({status.DRAFT})),
    commands.RequestUncollectible: ("uncollectible", e.UncollectibleRequested, _OPEN_STATUSES),
}
