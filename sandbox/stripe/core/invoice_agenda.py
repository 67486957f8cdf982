"""Agenda entries of invoices, derived from their fields.

Only an invoice with ``auto_advance`` has an entry. A draft is finalised at
``automatically_finalizes_at``, about an hour after ``auto_advance`` was set; an open invoice that
is charged automatically is charged at ``next_payment_attempt``. Paid, void, uncollectible and
deleted invoices have no entry. Every stored change calls ``update_agenda``.

Stripe's retry schedule depends on account settings and the card, so this one is fixed: retries 3, 5
and 7 days after the previous attempt, then none; the invoice stays open. A failed manual ``pay``
counts as one of these attempts.
"""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import agenda
from sandbox.stripe.core.account_objects import AccountObjects

ADVANCE = "invoice.advance"
GRACE_S = 3600
DAY_S = 86400
RETRIES_AFTER_DAYS = (3, 5, 7)


def update_agenda(call: AccountObjects, invoice: Json) -> None:
    """Schedules the invoice's next step, or removes its entry."""
    at = next_step_at(invoice)
    if at is None:
        agenda.cancel(call, object_id=invoice["id"], kind=ADVANCE)
    else:
        agenda.plan(call, at=at, kind=ADVANCE, object_id=invoice["id"])


def next_step_at(invoice: Json) -> int | None:
    """Returns the time of the invoice's next automatic step, or None."""
    at: int | None = None
    if invoice["auto_advance"] and invoice["status"] == "draft":
        at = invoice["automatically_finalizes_at"]
    elif invoice["auto_advance"] and invoice["status"] == "open":
        at = invoice["next_payment_attempt"] if _charged(invoice) else None
    return at


def first_attempt_at(call: AccountObjects, invoice: Json) -> int | None:
    """Returns the time of the first charge of a newly open invoice, or None."""
    return call.now + GRACE_S if invoice["auto_advance"] and _charged(invoice) else None


def retry_at(call: AccountObjects, invoice: Json, *, attempts: int) -> int | None:
    """Returns the time of the next retry after a number of failures, or None."""
    if not (invoice["auto_advance"] and _charged(invoice)) or attempts > len(RETRIES_AFTER_DAYS):
        return None
    return call.now + RETRIES_AFTER_DAYS[attempts - 1] * DAY_S


def _charged(invoice: Json) -> bool:
    return bool(invoice["collection_method"] == "charge_automatically")
