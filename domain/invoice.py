"""The invoice: what a tenant owes, and the decisions about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from domain import invoice_events as e
from domain import status
from domain.base import Root
from domain.commands import RequestInvoice
from domain.gateway import ProviderInvoice
from domain.invoice_view import InvoiceView, StepRecord, fold
from domain.provider_state import Age, age_of, facts_of, issued_lines

_STATUS: Final = {
    "paid": status.PAID,
    "void": status.VOID,
    "uncollectible": status.UNCOLLECTIBLE,
    "deleted": status.CANCELED,
}


# Whatever is paid after these is money that nobody expects.
_PAYABLE_NO_MORE: Final = frozenset({status.REJECTED, status.VOID, status.CANCELED, status.EXPIRED})


class Effect(StrEnum):
    """What a word from the provider did to an invoice."""

    CHANGED = "changed"
    CONFIRMED = "confirmed"
    STALE = "stale"
    DEFERRED = "deferred"  # the step that is running will record it
    FETCH = "fetch"  # it cannot be judged without asking the provider
    UNEXPECTED = "unexpected"  # another object was paid for this invoice


class Invoice(Root):
    """What a tenant owes, whatever the provider calls it."""

    TOPIC: ClassVar[str] = "invoice"
    Event = e.InvoiceEvent
    Created = e.InvoiceRequested
    Imported = e.InvoiceImported

    view: InvoiceView

    def __init__(self) -> None:
        """Take nothing: the first fact says it all (the library would ask for annotated fields)."""

    @classmethod
    def request(cls, command: RequestInvoice, *, at: datetime) -> Invoice:
        """Ask for an invoice; the caller has validated the command."""
        facts = {name: value for name, value in vars(command).items() if name != "invoice_id"}
        return cls._create(e.InvoiceRequested, id=command.invoice_id, timestamp=at, **facts)

    def take_in(self, event: e.InvoiceEvent) -> None:
        """Let the one fold assign; runs again on every replay."""
        self.view = fold(getattr(self, "view", None), event)

    # Steps: what we are about to ask of the provider.

    def key(self, step: str, *, attempt: int = 1) -> str:
        """Name a step for the provider, the same on every try."""
        return f"billhook:{self.id}:{step}:{attempt}"

    def start_step(
        self, step: str, *, at: datetime, attempt: int = 1, plan: dict[str, str] | None = None
    ) -> StepRecord:
        """Remember a step before its first call; on later tries the first one's record stands."""
        known = self.view.steps.get(step)
        if known is None or known.attempt < attempt:
            self.remember(
                e.StepStarted,
                at=at,
                by="worker",
                step=step,
                attempt=attempt,
                key=self.key(step, attempt=attempt),
                plan=plan or {},
            )
        return self.view.steps[step]

    def step_age(self, step: str, *, at: datetime) -> timedelta:
        """Tell how long ago a step was first tried; nothing if it never was."""
        record = self.view.steps.get(step)
        return timedelta(0) if record is None else at - record.started_at

    def record_created(self, invoice: ProviderInvoice, *, at: datetime) -> None:
        """Remember the provider's object; the first one recorded is the only one ever charged."""
        if self.view.provider_object_id is None:
            self.remember(
                e.ProviderInvoiceCreated,
                at=at,
                by="worker",
                provider_object_type="invoice",
                provider_object_id=invoice.id,
                customer=invoice.customer or "",
            )

    def record_drafted(self, draft: ProviderInvoice, *, at: datetime, body: str) -> None:
        """Remember that the draft stands complete; twice is silent."""
        if self.view.status == status.REQUESTED:
            self.remember(
                e.InvoiceDrafted,
                at=at,
                by="worker",
                provider_object_type="invoice",
                provider_object_id=draft.id,
                customer=draft.customer,
                currency=draft.currency,
                total_minor=draft.total_minor,
                tax_minor=draft.tax_minor,
                lines=issued_lines(draft, self.view),
                source="answer",
                as_of=draft.as_of,
                facts=facts_of(draft),
                body=body,
            )

    def reject(
        self,
        *,
        code: str,
        message: str,
        at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Refuse for good, before anything chargeable exists; twice is silent."""
        if self.view.status == status.REQUESTED:
            self.remember(
                e.InvoiceRejected,
                at=at,
                by="worker",
                code=code,
                message=message,
                path=path,
                provider_code=provider_code,
            )

    def give_up(self, step: str, *, attempts: int, last_error: str, at: datetime) -> None:
        """Stop trying until an operator sends the step again."""
        if self.view.settling and self.view.gave_up is None:
            self.remember(
                e.StepGaveUp,
                at=at,
                by="worker",
                step=step,
                attempts=attempts,
                last_error=last_error,
            )

    # The provider's word, whatever its source.

    def record_provider_state(
        self,
        invoice: ProviderInvoice,
        *,
        source: str,
        by: str,
        at: datetime,
        charging: bool = False,
        body: str | None = None,
        provider_type: str | None = None,
    ) -> Effect:
        """Take in a provider's invoice from an answer, a webhook, reconciliation or an import.

        The first definite state appends its event with its source; what says the same again only
        confirms; what is older changes nothing. `charging`: an attempt to charge follows.
        """
        known = self.view.provider_object_id
        other = known is not None and known != invoice.id
        ended = self.view.status in _PAYABLE_NO_MORE and invoice.state == "paid"
        if other or ended:
            return self._record_unexpected(invoice, source=source, by=by, at=at)
        word = _Word(source=source, by=by, at=at, body=body, kind=provider_type)
        match age_of(self.view, invoice, source=source):
            case Age.OLDER:
                return Effect.STALE
            case Age.UNCLEAR:
                return Effect.DEFERRED if self._is_running() else Effect.FETCH
            case Age.SAME if not self._refused_otherwise(invoice):
                return self._confirm(invoice, word)
        return self._judge_newer(invoice, word, charging=charging)

    def _judge_newer(self, invoice: ProviderInvoice, word: _Word, *, charging: bool) -> Effect:
        if word.source == "webhook" and self.view.settling and self.view.request.get("on_the_spot"):
            # The caller is shown the payment, which a webhook does not carry.
            return Effect.DEFERRED if self._is_running() else Effect.FETCH
        if word.source == "webhook" and invoice.state in ("draft", "open", "deleted"):
            # While a step is running, its own answer says more than this snapshot does; and only
            # a fetch tells a refused attempt from one that needs the customer.
            if self._is_running():
                return Effect.DEFERRED
            if invoice.state != "deleted":
                return Effect.FETCH
        if self._record_newer(invoice, word, charging=charging):
            return Effect.CHANGED
        return self._confirm(invoice, word)

    def _is_running(self) -> bool:
        """Tell whether a step is at work, or will be: one that gave up waits for an operator."""
        return self.view.settling and self.view.gave_up is None

    def _refused_otherwise(self, invoice: ProviderInvoice) -> bool:
        """Tell whether the payment was refused once more, for a reason we have not recorded."""
        payment, known = invoice.payment, self.view.failure
        if payment is None or payment.state != "failed" or known is None:
            return False
        return (payment.code, payment.decline_code) != (known["code"], known["declineCode"])

    def _confirm(self, invoice: ProviderInvoice, word: _Word) -> Effect:
        if self.view.status != _STATUS.get(invoice.state, self.view.status):
            return Effect.STALE
        if invoice.as_of > self.view.as_of:
            self.remember(
                e.ProviderStateConfirmed,
                at=word.at,
                by=word.by,
                source=word.source,
                provider_type=word.kind,
                as_of=invoice.as_of,
            )
        return Effect.CONFIRMED

    def _record_unexpected(
        self, invoice: ProviderInvoice, *, source: str, by: str, at: datetime
    ) -> Effect:
        """Take in a word about another object, or one after the end: only its money counts."""
        if invoice.state != "paid" or invoice.amount_paid_minor == 0:
            return Effect.STALE
        # Several events tell of one payment; its money counts once.
        if invoice.amount_paid_minor > self.view.paid_elsewhere.get(invoice.id, 0):
            self.remember(
                e.UnexpectedPayment,
                at=at,
                by=by,
                provider_object_id=invoice.id,
                amount_minor=invoice.amount_paid_minor,
                currency=invoice.currency,
                source=source,
            )
        return Effect.UNEXPECTED

    def _record_newer(self, invoice: ProviderInvoice, word: _Word, *, charging: bool) -> bool:
        before = self.version
        issued = self.view.status not in (status.REQUESTED, status.DRAFT)
        if not issued and invoice.state not in ("draft", "deleted"):
            # An attempt that was made already says more than the issue: that fact ends the wait.
            payment = "open" if invoice.payment is None else invoice.payment.state
            goes_on = charging or invoice.state != "open" or payment not in ("open", "canceled")
            self._issue(invoice, word, charging=goes_on)
        match invoice.state:
            case "paid":
                self._succeed(invoice, word)
            case "void":
                self._close(e.InvoiceVoided, status.VOID, invoice, word)
            case "uncollectible":
                self._close(e.MarkedUncollectible, status.UNCOLLECTIBLE, invoice, word)
            case "deleted":
                self._pay_event(e.PaymentCanceled, status.CANCELED, invoice, word)
            case "open":
                self._record_attempt(invoice, word)
        return self.version > before

    def _issue(self, invoice: ProviderInvoice, word: _Word, *, charging: bool) -> None:
        self.remember(
            e.InvoiceIssued,
            at=word.at,
            by=word.by,
            provider_object_type="invoice",
            provider_object_id=invoice.id,
            customer=invoice.customer,
            number=invoice.number,
            currency=invoice.currency,
            total_minor=invoice.total_minor,
            tax_minor=invoice.tax_minor,
            lines=issued_lines(invoice, self.view),
            hosted_url=invoice.hosted_url,
            due_at=invoice.due_at,
            period_start=invoice.period_start,
            period_end=invoice.period_end,
            charging=charging,
            source=word.source,
            as_of=invoice.as_of,
            facts=facts_of(invoice),
            body=word.body,
        )

    def _record_attempt(self, invoice: ProviderInvoice, word: _Word) -> None:
        payment = invoice.payment
        if payment is None:
            return
        match payment.state:
            case "requires_action":
                url = invoice.hosted_url or ""
                self._pay_event(
                    e.PaymentActionRequired,
                    status.REQUIRES_ACTION,
                    invoice,
                    word,
                    action="redirect",
                    url=url,
                )
            case "processing":
                self._pay_event(e.PaymentProcessing, status.PROCESSING, invoice, word)
            case "failed":
                self._pay_event(
                    e.PaymentFailed,
                    status.FAILED,
                    invoice,
                    word,
                    amount_minor=payment.amount_minor,
                    code=payment.code or "payment_failed",
                    decline_code=payment.decline_code,
                    message=payment.message or "The payment was refused.",
                )

    def _succeed(self, invoice: ProviderInvoice, word: _Word) -> None:
        self._pay_event(
            e.PaymentSucceeded,
            status.PAID,
            invoice,
            word,
            amount_minor=invoice.amount_paid_minor,
            method=None if invoice.payment is None else invoice.payment.method,
            paid_at=invoice.paid_at or invoice.as_of,
        )

    def _pay_event(
        self,
        fact: type[e.PaymentEvent],
        then: str,
        invoice: ProviderInvoice,
        word: _Word,
        **facts: object,
    ) -> None:
        again = then == self.view.status and then in status.MAY_REPEAT
        if not again and not status.may_become(self.view.status, then):
            return
        self.remember(
            fact,
            at=word.at,
            by=word.by,
            payment_id=None if invoice.payment is None else invoice.payment.id,
            source=word.source,
            as_of=invoice.as_of,
            facts=facts_of(invoice),
            body=word.body,
            **facts,
        )

    def _close(
        self,
        fact: type[e.InvoiceVoided | e.MarkedUncollectible],
        then: str,
        invoice: ProviderInvoice,
        word: _Word,
    ) -> None:
        if status.may_become(self.view.status, then):
            self.remember(
                fact,
                at=word.at,
                by=word.by,
                source=word.source,
                as_of=invoice.as_of,
                facts=facts_of(invoice),
                body=word.body,
            )


class _Word:
    """Who says it, from where, when, and under which hash the provider's object is kept."""

    __slots__ = ("at", "body", "by", "kind", "source")

    def __init__(
        self, *, source: str, by: str, at: datetime, body: str | None, kind: str | None
    ) -> None:
        self.source = source
        self.kind = kind
        self.by = by
        self.at = at
        self.body = body
