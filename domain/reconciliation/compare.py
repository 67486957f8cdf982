"""Compare what was known of an object with what its provider has, field by field.

The fields are those that answers show and reports sum, under their names in the API. Links that
carry a token are left out. Values are texts of bounded size: amounts in minor units, times in ISO
8601, parts of the object (a refund, a payment, an item) as their state and amount.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from domain.core.failures import Failure
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from domain.payment_methods.setup import MethodSetup
from domain.payment_methods.view import MethodSetupView
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView

Subject = Invoice | Subscription | MethodSetup
Fields = dict[str, str | None]

OBJECT: Final = "object"
LONGEST_VALUE: Final = 200
_MARK_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field that differed: `ours` as it was known, `theirs` as the provider has it.

    None where one side has no value. `since`: the time of the change by the provider's clock, in
    Unix seconds, where it is known. The field `object` stands for an object that was not known at
    all, or for a change that could not be applied.
    """

    field: str
    ours: str | None
    theirs: str | None
    since: int | None = None


def fields_of(subject: Subject) -> Fields:
    """Return the comparable fields of an aggregate, by name."""
    match subject:
        case Invoice():
            return dict(_invoice_fields(subject.view))
        case Subscription():
            return dict(_subscription_fields(subject.view))
        case MethodSetup():
            return dict(_setup_fields(subject.view))


def differences(
    before: Mapping[str, str | None], after: Subject, *, since: int | None
) -> list[Difference]:
    """Return the fields that an update changed, by name.

    `since`: the time of the update; a field that has a time of its own is given that.
    """
    now, times = fields_of(after), _times_of(after)
    return [
        Difference(
            field=name,
            ours=before.get(name),
            theirs=now.get(name),
            since=times.get(name, since),
        )
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def missing(found: Subject, *, since: int | None) -> Difference:
    """Return the one difference of an object that was not known: its status at the provider."""
    created = None if isinstance(found, MethodSetup) else _seconds(found.view.created_at)
    return Difference(
        field=OBJECT,
        ours=None,
        theirs=bounded(found.view.status),
        since=since if created is None else created,
    )


def bounded(text: str) -> str:
    """Cut a long text; a mark of the whole keeps two texts with one beginning apart."""
    if len(text) <= LONGEST_VALUE:
        return text
    mark = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_DIGITS]
    return f"{text[: LONGEST_VALUE - _MARK_DIGITS - 2]}… {mark}"


def _invoice_fields(view: InvoiceView) -> Iterator[tuple[str, str | None]]:
    yield from (
        ("status", view.status),
        ("number", _text(view.number)),
        ("currency", view.currency),
        ("totalMinor", _text(view.total_minor)),
        ("taxMinor", _text(view.tax_minor)),
        ("amountPaidMinor", _text(view.amount_paid_minor)),
        ("amountDueMinor", _text(view.amount_due_minor)),
        ("amountRefundedMinor", _text(view.amount_refunded_minor)),
        ("amountDisputedMinor", _text(view.amount_disputed_minor)),
        ("amountOverpaidMinor", _text(view.amount_overpaid_minor)),
        ("amountCapturableMinor", _text(view.amount_capturable_minor)),
        ("captureBefore", _text(view.capture_before)),
        ("disputeStatus", view.dispute_status),
        ("lineItems", _text(view.lines or None)),
        ("customer", _text(view.customer)),
        ("subscriptionId", _text(view.subscription_id)),
        ("periodStart", _text(view.period_start)),
        ("periodEnd", _text(view.period_end)),
        ("dueAt", _text(view.due_at)),
        ("paidAt", _text(view.paid_at)),
        ("failure", _failure(view.failure)),
    )
    for payment in view.payments:
        yield f"payments.{_name(payment.id)}", _state(payment.status, payment.amount_minor)
    for refund in view.refunds:
        yield f"refunds.{_name(refund.id)}", _state(refund.status, refund.amount_minor)
    for dispute in view.disputes:
        yield f"disputes.{_name(dispute.id)}", _state(dispute.status, dispute.amount_minor)
    for note in view.credit_notes:
        yield f"creditNotes.{_name(note.id)}", _state(note.status, note.amount_minor)


def _subscription_fields(view: SubscriptionView) -> Iterator[tuple[str, str | None]]:
    yield from (
        ("status", view.status),
        ("currency", view.currency),
        ("items", _text(view.items or None)),
        ("monthlyMinor", _text(view.monthly_minor)),
        ("customer", _text(view.customer)),
        ("mandate", _text(view.mandate)),
        ("periodStart", _text(view.period_start)),
        ("periodEnd", _text(view.period_end)),
        ("trialEnd", _text(view.trial_end)),
        ("cancelAt", _text(view.cancel_at)),
        ("canceledAt", _text(view.canceled_at)),
        ("endedAt", _text(view.ended_at)),
    )


def _setup_fields(view: MethodSetupView) -> Iterator[tuple[str, str | None]]:
    yield from (
        ("status", view.status),
        ("paymentMethod", _text(view.method)),
        ("customer", _text(view.customer)),
        ("expiresAt", _text(view.expires_at)),
        ("failure", _failure(view.failure)),
    )


def _times_of(subject: Subject) -> dict[str, int]:
    """Return the provider's own times of changes, by the field that changed."""
    known: dict[str, datetime | None] = {}
    match subject:
        case Invoice():
            view = subject.view
            if view.status == "paid":
                known |= dict.fromkeys(("status", "amountPaidMinor", "paidAt"), view.paid_at)
            known |= {f"refunds.{_name(one.id)}": one.refunded_at for one in view.refunds}
            known |= {f"disputes.{_name(one.id)}": one.disputed_at for one in view.disputes}
            known["amountRefundedMinor"] = max(
                (one.refunded_at for one in view.refunds if one.refunded_at is not None),
                default=None,
            )
        case Subscription():
            view_ = subject.view
            known |= dict.fromkeys(("periodStart", "periodEnd"), view_.period_start)
            known |= dict.fromkeys(("cancelAt", "canceledAt"), view_.canceled_at)
            if view_.ended_at is not None:
                known |= dict.fromkeys(("status", "endedAt"), view_.ended_at)
        case MethodSetup():
            pass
    return {name: seconds for name, at in known.items() if (seconds := _seconds(at)) is not None}


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _state(status: str, amount_minor: int | None) -> str:
    return status if amount_minor is None else f"{status} {amount_minor}"


def _failure(failure: Failure | None) -> str | None:
    """Name the codes of a failure; messages are the provider's texts for people."""
    if failure is None:
        return None
    codes = (failure.code, failure.provider_code, failure.decline_code)
    return bounded("/".join(code for code in codes if code))


def _name(part_id: object) -> str:
    """Name a part of an object by its id at the provider, else by ours."""
    return bounded(str(part_id or "unknown"))


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case str() | int():
            return bounded(str(value))
    return bounded(json.dumps(value, sort_keys=True, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> str:  # noqa: ANN401 - whatever JSON has no form for
    return str(value)
