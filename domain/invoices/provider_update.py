"""What is known of a draft: it can still be changed at the provider, so its amounts follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from domain.gateway.objects import ProviderInvoice
from domain.invoices import events as e
from domain.invoices import status
from domain.invoices.events import PaymentsLeftOver
from domain.invoices.first_payment import take_note
from domain.invoices.staleness import Age, age_of, facts_of, issued_lines
from domain.invoices.steps import UNSUBSCRIBE_STEP

if TYPE_CHECKING:
    from domain.invoices.invoice import Invoice


def is_redrafted(known: Invoice, draft: ProviderInvoice) -> bool:
    """Tell whether a draft that nothing is being done with amounts to something else by now."""
    view = known.view
    if draft.state != "draft" or view.status != status.DRAFT or view.in_progress:
        return False
    return (draft.total_minor, draft.tax_minor) != (view.total_minor, view.tax_minor)


def remember_draft(
    known: Invoice,
    draft: ProviderInvoice,
    *,
    source: str,
    actor: str,
    occurred_at: datetime,
    body: str | None,
) -> None:
    """Remember how a draft stands."""
    known.record_event(
        e.InvoiceDrafted,
        occurred_at=occurred_at,
        actor=actor,
        provider_object_type="invoice",
        provider_object_id=draft.id,
        customer=draft.customer,
        currency=draft.currency,
        total_minor=draft.total_minor,
        tax_minor=draft.tax_minor,
        lines=issued_lines(draft, known.view),
        source=source,
        as_of=draft.as_of,
        facts=facts_of(draft),
        body=body,
    )


# How an invoice takes in its provider's word, whatever the source: one way in for all of them.
#
# The first definite state appends its event with its source; what says the same again only
# confirms;
# what is older changes nothing; what cannot be judged is asked about.

WORKER: Final = "worker"

_STATUS: Final = {
    "paid": status.PAID,
    "void": status.VOID,
    "uncollectible": status.UNCOLLECTIBLE,
    "deleted": status.CANCELED,
    "canceled": status.CANCELED,
    "expired": status.EXPIRED,
}

# Whatever is paid after these is money that nobody expects.
_PAYABLE_NO_MORE: Final = frozenset({status.REJECTED, status.VOID, status.CANCELED, status.EXPIRED})


# What counts although a step is running; of all else the step's own answer says more.
_DEFINITE: Final = frozenset({"paid", "void", "uncollectible"})


class Effect(StrEnum):
    """What a word from the provider did to an invoice."""

    CHANGED = "changed"
    CONFIRMED = "confirmed"
    STALE = "stale"
    DEFERRED = "deferred"  # the step that is running will record it
    FETCH = "fetch"  # it cannot be judged without asking the provider
    UNEXPECTED = "unexpected"  # another object was paid for this invoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """Who says it, from where, when, and under which hash the provider's object is kept.

    `source`: answer, webhook, reconciliation, import. `kind`: the provider event's type.
    `charging`: an attempt to charge follows. `attempted`: this is what our attempt came to.
    """

    source: str
    actor: str
    occurred_at: datetime
    body: str | None = None
    kind: str | None = None
    charging: bool = False
    attempted: bool = False

    @property
    def own(self) -> bool:
        """Tell whether the step at work says it."""
        return self.actor == WORKER


def take_word(known: Invoice, invoice: ProviderInvoice, word: Word) -> Effect:
    """Let an invoice take in what its provider says, if it is news."""
    view = known.view
    other = view.provider_object_id not in (None, invoice.id)
    ended = view.status in _PAYABLE_NO_MORE and invoice.state == "paid"
    again = view.status == status.PAID and invoice.id != view.paid_by_object
    if ended or (other and (again or invoice.id not in view.objects)):
        return _record_unexpected(known, invoice, word)
    if again and invoice.state == "paid":
        return _record_unexpected(known, invoice, word)
    if other and invoice.state != "paid":
        # An earlier payment of ours that another one took the place of.
        return Effect.STALE
    overpaid = _record_overpaid(known, invoice, word)
    effect = _judge(known, invoice, word)
    return Effect.CHANGED if overpaid else effect


def _judge(known: Invoice, invoice: ProviderInvoice, word: Word) -> Effect:
    match age_of(known.view, invoice, source=word.source):
        case Age.OLDER:
            return Effect.STALE
        case Age.UNCLEAR:
            return _later(known, invoice)
        case Age.SAME if is_redrafted(known, invoice):
            return _redraft(known, invoice, word)
        case Age.SAME if not _refused_again(known, invoice, word):
            return _confirm(known, invoice, word)
    return _judge_newer(known, invoice, word)


def _redraft(known: Invoice, invoice: ProviderInvoice, word: Word) -> Effect:
    """Take in what became of a draft: nothing in it grows, so that only an answer is believed."""
    if invoice.as_of < known.view.as_of:
        return Effect.STALE
    if word.source == "webhook":
        return Effect.FETCH
    _draft(known, invoice, word)
    return Effect.CHANGED


def _draft(known: Invoice, invoice: ProviderInvoice, word: Word) -> None:
    remember_draft(
        known,
        invoice,
        source=word.source,
        actor=word.actor,
        occurred_at=word.occurred_at,
        body=word.body,
    )


def _judge_newer(known: Invoice, invoice: ProviderInvoice, word: Word) -> Effect:
    told_by_webhook = word.source == "webhook"
    charge_immediately = known.view.in_progress and known.view.request.get("charge_immediately")
    if told_by_webhook and charge_immediately:
        # The caller is shown the payment, which a webhook does not carry.
        return _later(known, invoice)
    if not word.own and is_running(known) and not _counts_beside_step(known, invoice):
        # While a step is running, its own answer says more than this snapshot does.
        return _later(known, invoice)
    if told_by_webhook and invoice.state in ("draft", "open"):
        # Only a fetch tells a refused attempt from one that needs the customer.
        return Effect.FETCH
    if _record_newer(known, invoice, word):
        return Effect.CHANGED
    return _confirm(known, invoice, word)


def _counts_beside_step(known: Invoice, invoice: ProviderInvoice) -> bool:
    """Tell whether a word counts although a step is at work.

    That an ended subscription's first invoice is void does not: why it was declined comes first.
    """
    ending = invoice.state == "void" and UNSUBSCRIBE_STEP in known.view.steps
    return invoice.state in _DEFINITE and not ending


def _later(known: Invoice, invoice: ProviderInvoice) -> Effect:
    """Leave it to the step at work, or to who asks the provider.

    What an event announces may have come after the step's own answer: that is asked about.
    """
    return (
        Effect.DEFERRED
        if is_running(known) and invoice.event_payment_state is None
        else Effect.FETCH
    )


def is_running(known: Invoice) -> bool:
    """Tell whether a step is at work, or will be: one that gave up waits for an operator."""
    return known.view.in_progress and known.view.gave_up is None


def _refused_again(known: Invoice, invoice: ProviderInvoice, word: Word) -> bool:
    """Tell whether the payment was refused once more: by our own attempt, or for another reason."""
    payment, failure = invoice.payment, known.view.failure
    if word.attempted and known.view.in_progress:
        return payment is not None and payment.state in ("failed", "requires_action", "processing")
    if payment is None or payment.state != "failed" or failure is None:
        return False
    return (payment.code, payment.decline_code) != (failure["code"], failure["declineCode"])


def _record_overpaid(known: Invoice, invoice: ProviderInvoice, word: Word) -> bool:
    """Take in that more was paid than asked for; the sum only grows."""
    if invoice.amount_overpaid_minor <= known.view.overpaid_here_minor:
        return False
    known.record_event(
        e.InvoiceOverpaid,
        occurred_at=word.occurred_at,
        actor=word.actor,
        amount_minor=invoice.amount_overpaid_minor,
        currency=invoice.currency,
        source=word.source,
    )
    return True


def _confirm(known: Invoice, invoice: ProviderInvoice, word: Word) -> Effect:
    if known.view.status != _STATUS.get(invoice.state, known.view.status):
        return Effect.STALE
    if invoice.as_of > known.view.as_of:
        known.record_event(
            e.ProviderStateConfirmed,
            occurred_at=word.occurred_at,
            actor=word.actor,
            source=word.source,
            provider_type=word.kind,
            as_of=invoice.as_of,
        )
    return Effect.CONFIRMED


def _record_unexpected(known: Invoice, invoice: ProviderInvoice, word: Word) -> Effect:
    """Take in a word about another object, or one after the end: only its money counts."""
    if invoice.state != "paid" or invoice.amount_paid_minor == 0:
        return Effect.STALE
    # Several events tell of one payment; its money counts once.
    if invoice.amount_paid_minor > known.view.paid_elsewhere.get(invoice.id, 0):
        known.record_event(
            e.UnexpectedPayment,
            occurred_at=word.occurred_at,
            actor=word.actor,
            provider_object_id=invoice.id,
            amount_minor=invoice.amount_paid_minor,
            currency=invoice.currency,
            source=word.source,
            object_type=invoice.object_type,
            app_id=known.view.app_id,
        )
    return Effect.UNEXPECTED


def _record_newer(known: Invoice, invoice: ProviderInvoice, word: Word) -> bool:
    before = known.version
    issued = known.view.status not in (status.REQUESTED, status.DRAFT)
    if not issued and invoice.state not in ("draft", "deleted", "canceled", "expired"):
        # An attempt that was made already says more than the issue: that fact ends the wait.
        payment = "open" if invoice.payment is None else invoice.payment.state
        goes_on = word.charging or invoice.state != "open" or payment not in ("open", "canceled")
        _issue(known, invoice, word, charging=goes_on)
    _record_state(known, invoice, word)
    if known.version > before:
        take_note(known, actor=word.actor, occurred_at=word.occurred_at)
    return known.version > before


def _record_state(known: Invoice, invoice: ProviderInvoice, word: Word) -> None:
    """Append the fact that a state amounts to, where the invoice may take it."""
    match invoice.state:
        case "draft" if is_redrafted(known, invoice):
            _draft(known, invoice, word)
        case "paid":
            _succeed(known, invoice, word)
        case "void" if _never_began(known, invoice):
            _pay_event(known, e.PaymentExpired, status.EXPIRED, invoice, word)
        case "void":
            _close(known, e.InvoiceVoided, status.VOID, invoice, word)
        case "uncollectible":
            _close(known, e.MarkedUncollectible, status.UNCOLLECTIBLE, invoice, word)
        case "deleted" | "canceled":
            _pay_event(known, e.PaymentCanceled, status.CANCELED, invoice, word)
        case "expired":
            _pay_event(known, e.PaymentExpired, status.EXPIRED, invoice, word)
        case "open":
            _record_attempt(known, invoice, word)


def _never_began(known: Invoice, invoice: ProviderInvoice) -> bool:
    """Tell whether a void first invoice means that its subscription ran out of time.

    Where we void it ourselves, because somebody asks or it was declined, it is void.
    """
    asked = known.view.asked or {}
    ours = asked.get("action") == "void" or UNSUBSCRIBE_STEP in known.view.steps
    return invoice.reason == "first" and not ours


def _issue(known: Invoice, invoice: ProviderInvoice, word: Word, *, charging: bool) -> None:
    known.record_event(
        e.InvoiceIssued,
        occurred_at=word.occurred_at,
        actor=word.actor,
        provider_object_type=invoice.object_type,
        provider_object_id=invoice.id,
        customer=invoice.customer,
        number=invoice.number,
        currency=invoice.currency,
        total_minor=invoice.total_minor,
        tax_minor=invoice.tax_minor,
        lines=issued_lines(invoice, known.view),
        hosted_url=invoice.hosted_url,
        due_at=invoice.due_at,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        charging=charging,
        source=word.source,
        as_of=invoice.as_of,
        facts=facts_of(invoice),
        body=word.body,
        issued_at=invoice.issued_at,
        subscription_id=invoice.subscription_id,
    )


def _record_attempt(known: Invoice, invoice: ProviderInvoice, word: Word) -> None:
    payment = invoice.payment
    if payment is None:
        return
    match payment.state:
        case "requires_action":
            url = invoice.hosted_url or ""
            _pay_event(
                known,
                e.PaymentActionRequired,
                status.REQUIRES_ACTION,
                invoice,
                word,
                action="redirect",
                url=url,
            )
        case "processing":
            _pay_event(known, e.PaymentProcessing, status.PROCESSING, invoice, word)
        case "failed":
            _pay_event(
                known,
                e.PaymentFailed,
                status.FAILED,
                invoice,
                word,
                amount_minor=payment.amount_minor,
                code=payment.code or "payment_failed",
                decline_code=payment.decline_code,
                message=payment.message or "The payment was refused.",
            )


def _succeed(known: Invoice, invoice: ProviderInvoice, word: Word) -> None:
    _pay_event(
        known,
        e.PaymentSucceeded,
        status.PAID,
        invoice,
        word,
        amount_minor=invoice.amount_paid_minor - invoice.amount_overpaid_minor,
        method=None if invoice.payment is None else invoice.payment.method,
        paid_at=invoice.paid_at or invoice.as_of,
        object_id=invoice.id,
    )
    others = [made for made in known.view.objects if made != invoice.id]
    if others:
        known.record_event(
            PaymentsLeftOver,
            occurred_at=word.occurred_at,
            actor=word.actor,
            app_id=known.view.app_id,
            object_ids=others,
        )


def _pay_event(
    known: Invoice,
    fact: type[e.PaymentEvent],
    then: str,
    invoice: ProviderInvoice,
    word: Word,
    **facts: object,
) -> None:
    again = then == known.view.status and then in status.MAY_REPEAT
    if not again and not status.may_become(known.view.status, then):
        return
    known.record_event(
        fact,
        occurred_at=word.occurred_at,
        actor=word.actor,
        payment_id=None if invoice.payment is None else invoice.payment.id,
        source=word.source,
        as_of=invoice.as_of,
        facts=facts_of(invoice),
        body=word.body,
        **facts,
    )


def _close(
    known: Invoice,
    fact: type[e.InvoiceVoided | e.MarkedUncollectible],
    then: str,
    invoice: ProviderInvoice,
    word: Word,
) -> None:
    if status.may_become(known.view.status, then):
        known.record_event(
            fact,
            occurred_at=word.occurred_at,
            actor=word.actor,
            source=word.source,
            as_of=invoice.as_of,
            facts=facts_of(invoice),
            body=word.body,
        )
