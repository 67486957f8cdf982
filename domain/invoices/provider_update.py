"""Decide the events that a provider's snapshot of an invoice leads to.

Answers, webhooks, reconciliation and imports all go through `decide`. It is pure: the aggregate
records the returned events. A snapshot that is newer than the view leads to events; one that
repeats the view confirms it; an older one is stale; where the order is unknown, a fetch decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from domain.core.aggregate import NewEvent
from domain.core.effects import Effect
from domain.gateway.objects import ProviderInvoice
from domain.invoices import events as e
from domain.invoices import first_payment, status
from domain.invoices.paid_parts import paid_minor
from domain.invoices.staleness import Age, age_of, holds_otherwise, owes_otherwise
from domain.invoices.steps import UNSUBSCRIBE_STEP
from domain.invoices.update_events import (
    UpdateSource,
    amount_due_changed,
    authorization_changed,
    closed,
    drafted,
    earlier_parts,
    issued,
    overpaid,
    payment_event,
    payments_left_over,
    revised,
    succeeded,
    unexpected_payment,
)
from domain.invoices.view import InvoiceView

_STATUS: Final = {
    "paid": status.PAID,
    "void": status.VOID,
    "uncollectible": status.UNCOLLECTIBLE,
    "deleted": status.CANCELED,
    "canceled": status.CANCELED,
    "expired": status.EXPIRED,
}

# A payment after one of these is unexpected money.
_NO_LONGER_PAYABLE: Final = frozenset(
    {status.REJECTED, status.VOID, status.CANCELED, status.EXPIRED}
)

# States that count while a step is running; for all others the step's own answer says more.
_FINAL_STATES: Final = frozenset({"paid", "void", "uncollectible"})


class Decision(NamedTuple):
    """The effect of a snapshot and the events to record for it, in order."""

    effect: Effect
    events: tuple[NewEvent, ...] = ()


def decide(view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource) -> Decision:
    """Decide the effect of a provider's snapshot and the events to record."""
    is_other = view.provider_object_id not in (None, snapshot.id)
    has_ended = view.status in _NO_LONGER_PAYABLE and snapshot.state == "paid"
    paid_otherwise = view.status == status.PAID and snapshot.id != view.paid_by_object
    if has_ended or (is_other and (paid_otherwise or snapshot.id not in view.objects)):
        return _decide_unexpected(view, snapshot, update)
    if paid_otherwise and snapshot.state == "paid":
        return _decide_unexpected(view, snapshot, update)
    if is_other and snapshot.state != "paid":
        # An earlier payment of ours, superseded by another one.
        return Decision(Effect.STALE)
    decision = _decide_by_age(view, snapshot, update)
    counts = decision.effect in (Effect.CHANGED, Effect.CONFIRMED)
    if counts and holds_otherwise(view, snapshot):
        # Before the state, which may be the outcome of a capture.
        events = (authorization_changed(snapshot, update), *decision.events)
        decision = Decision(Effect.CHANGED, events)
    if decision.effect not in (Effect.STALE, Effect.FETCH, Effect.DEFERRED):
        links = revised(view, snapshot, update)
        if links:
            decision = Decision(Effect.CHANGED, (*links, *decision.events))
    if snapshot.amount_overpaid_minor <= view.overpaid_here_minor:
        return decision
    return Decision(Effect.CHANGED, (overpaid(snapshot, update), *decision.events))


def is_running(view: InvoiceView) -> bool:
    """Return whether a step is running or due; a step that gave up waits for an operator."""
    return view.in_progress and view.gave_up is None


def _decide_unexpected(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource
) -> Decision:
    """Decide on another object, or on a payment after the end: only its money counts."""
    if snapshot.state != "paid" or snapshot.amount_paid_minor == 0:
        return Decision(Effect.STALE)
    # Several provider events report one payment; its money counts once.
    if snapshot.amount_paid_minor <= view.paid_elsewhere.get(snapshot.id, 0):
        return Decision(Effect.UNEXPECTED)
    return Decision(Effect.UNEXPECTED, (unexpected_payment(view, snapshot, update),))


def _decide_by_age(view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource) -> Decision:
    match age_of(view, snapshot, source=update.source):
        case Age.OLDER:
            return Decision(Effect.STALE)
        case Age.AMBIGUOUS:
            return _defer_or_fetch(view, snapshot)
        case Age.SAME if _is_redrafted(view, snapshot):
            return _decide_redraft(view, snapshot, update)
        case Age.SAME if not _is_new_refusal(view, snapshot, update):
            if owes_otherwise(view, snapshot):
                return _decide_amount_due(view, snapshot, update)
            return _confirm(view, snapshot, update)
    return _decide_newer(view, snapshot, update)


def _decide_redraft(view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource) -> Decision:
    """Decide on a changed draft: none of its counters grow, so only a fetched one is recorded."""
    if snapshot.as_of < view.as_of:
        return Decision(Effect.STALE)
    if update.source == "webhook":
        return Decision(Effect.FETCH)
    return Decision(Effect.CHANGED, (drafted(view, snapshot, update),))


def _decide_amount_due(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource
) -> Decision:
    """Decide on another amount due: credit notes change no counter, so it is fetched."""
    if snapshot.as_of < view.as_of:
        return Decision(Effect.STALE)
    if update.source == "webhook":
        return Decision(Effect.FETCH)
    parts = earlier_parts(view, snapshot, update)
    return Decision(Effect.CHANGED, (*parts, amount_due_changed(snapshot, update)))


def _decide_newer(view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource) -> Decision:
    is_webhook = update.source == "webhook"
    if is_webhook and view.in_progress and view.request.charge_immediately:
        # The caller is shown the payment, which a webhook does not carry.
        return _defer_or_fetch(view, snapshot)
    if is_webhook and snapshot.more_lines and view.status in (status.REQUESTED, status.DRAFT):
        # The payload has the first lines alone; the issue records all of them.
        return _defer_or_fetch(view, snapshot)
    if not update.is_from_worker and is_running(view) and not _counts_during_step(view, snapshot):
        # The running step's own answer says more than this snapshot does.
        return _defer_or_fetch(view, snapshot)
    if snapshot.state == "draft" and view.status in _NO_LONGER_PAYABLE:
        # The draft of a rejected or canceled request is deleted: there is nothing to fetch.
        return Decision(Effect.STALE)
    if is_webhook and snapshot.state in ("draft", "open"):
        # Only a fetch tells a refused attempt from one that needs the customer.
        return Decision(Effect.FETCH)
    events = _newer_events(view, snapshot, update)
    return Decision(Effect.CHANGED, events) if events else _confirm(view, snapshot, update)


def _counts_during_step(view: InvoiceView, snapshot: ProviderInvoice) -> bool:
    """Return whether a snapshot counts although a step is running.

    The void first invoice of a subscription that we cancel does not: the reason of its decline is
    recorded first.
    """
    is_unsubscribed = snapshot.state == "void" and UNSUBSCRIBE_STEP in view.steps
    return snapshot.state in _FINAL_STATES and not is_unsubscribed


def _defer_or_fetch(view: InvoiceView, snapshot: ProviderInvoice) -> Decision:
    """Leave the snapshot to the running step, or have the provider asked.

    A payment state that an event reports may be newer than the step's own answer: it is fetched.
    """
    deferred = is_running(view) and snapshot.event_payment_state is None
    return Decision(Effect.DEFERRED if deferred else Effect.FETCH)


def _is_redrafted(view: InvoiceView, snapshot: ProviderInvoice) -> bool:
    """Return whether an idle draft has other amounts than the view."""
    if snapshot.state != "draft" or view.status != status.DRAFT or view.in_progress:
        return False
    return (snapshot.total_minor, snapshot.tax_minor) != (view.total_minor, view.tax_minor)


def _is_new_refusal(view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource) -> bool:
    """Return whether the payment was refused once more: by our attempt or for another reason."""
    payment, failure = snapshot.payment, view.failure
    if update.attempted and view.in_progress:
        return payment is not None and payment.state in ("failed", "requires_action", "processing")
    if payment is None or payment.state != "failed" or failure is None:
        return False
    return (payment.code, payment.decline_code) != (failure.code, failure.decline_code)


def _confirm(view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource) -> Decision:
    if view.status != _STATUS.get(snapshot.state, view.status):
        return Decision(Effect.STALE)
    if snapshot.as_of <= view.as_of:
        return Decision(Effect.CONFIRMED)
    confirmed = NewEvent(
        e.ProviderStateConfirmed,
        {
            "source": update.source,
            "provider_type": update.provider_type,
            "as_of": snapshot.as_of,
        },
    )
    return Decision(Effect.CONFIRMED, (confirmed,))


def _newer_events(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource
) -> tuple[NewEvent, ...]:
    events: list[NewEvent] = []
    is_issued = view.status not in (status.REQUESTED, status.DRAFT)
    if not is_issued and snapshot.state not in ("draft", "deleted", "canceled", "expired"):
        # An attempt that was made already says more than the issue: its event ends the wait.
        payment = "open" if snapshot.payment is None else snapshot.payment.state
        goes_on = update.charging or snapshot.state != "open" or payment not in ("open", "canceled")
        events.append(issued(view, snapshot, update, charging=goes_on))
        view = replace(
            view,
            status=status.OPEN,
            provider_object_type=snapshot.object_type,
            provider_object_id=snapshot.id,
            subscription_id=view.subscription_id or snapshot.subscription_id,
            amount_due_minor=snapshot.amount_due_minor,
        )
    then, state_events = _state_events(view, snapshot, update)
    # Before the state: the amount due of a failed payment is what it left.
    if then == status.PAID:
        events += earlier_parts(view, snapshot, update) if state_events else []
    elif then in status.PAYABLE or (state_events and paid_minor(snapshot)):
        events += _changed_amounts(view, snapshot, update)
    events += state_events
    if not events or not first_payment.is_first_payment(view):
        return tuple(events)
    paid_by = snapshot.id if state_events and then == status.PAID else view.paid_by_object
    after = replace(view, status=then, paid_by_object=paid_by)
    return (*events, *first_payment.consequences(after))


def _changed_amounts(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource
) -> list[NewEvent]:
    known = view.amount_due_minor, view.amount_paid_minor
    if known == (snapshot.amount_due_minor, paid_minor(snapshot)):
        return []
    return [*earlier_parts(view, snapshot, update), amount_due_changed(snapshot, update)]


def _state_events(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource
) -> tuple[str, list[NewEvent]]:
    """Return the status after a snapshot and the events for it; none where it may not change."""
    if snapshot.state == "draft" and _is_redrafted(view, snapshot):
        return status.DRAFT, [drafted(view, snapshot, update)]
    then = _status_after(view, snapshot)
    if then is None:
        return view.status, []
    repeats = then == view.status and then in status.MAY_REPEAT
    is_allowed = repeats or status.may_become(view.status, then)
    if then == status.PAID:
        events = [succeeded(snapshot, update)] if is_allowed else []
        others = [known for known in view.objects if known != snapshot.id]
        return then, events + ([payments_left_over(view, others)] if others else [])
    if not is_allowed:
        return view.status, []
    if then in (status.VOID, status.UNCOLLECTIBLE):
        return then, [closed(snapshot, update, then=then)]
    return then, [payment_event(snapshot, update, then=then)]


def _status_after(view: InvoiceView, snapshot: ProviderInvoice) -> str | None:
    if snapshot.state == "void" and _first_payment_expired(view, snapshot):
        return status.EXPIRED
    if snapshot.state != "open":
        return _STATUS.get(snapshot.state)
    payment = None if snapshot.payment is None else snapshot.payment.state
    known = (status.REQUIRES_ACTION, status.PROCESSING, status.FAILED)
    return payment if payment in known else None


def _first_payment_expired(view: InvoiceView, snapshot: ProviderInvoice) -> bool:
    """Return whether a void first invoice means that its subscription was not paid in time.

    Where we void it ourselves, on request or after a decline, it is void.
    """
    pending = view.pending_request
    is_ours = (pending is not None and pending.action == "void") or UNSUBSCRIBE_STEP in view.steps
    return snapshot.reason == "first" and not is_ours
