"""Work as operators see it, and what gave up sent again: over HTTP and on the command line."""

from datetime import datetime
from typing import Final, cast
from uuid import UUID

from domain.billing import Billing
from domain.core.aggregate import AggregateRoot
from domain.core.errors import NotPossible
from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecord
from domain.invoices.invoice import Invoice
from domain.invoices.steps import is_refund
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions.subscription import Subscription
from eventlog.security.safe_json import without_secrets
from projections.work.queries import (
    GAVE_UP,
    OPEN,
    State,
    WorkFilter,
    WorkPage,
    WorkRow,
)
from service.http.envelope import Json, moment
from service.http.queries import WorkQuery

KIND: Final = "work"
Subject = Invoice | Subscription | MethodSetup
# What work that can give up is for, by the name of its argument.
_SUBJECTS: Final[dict[str, type[Subject]]] = {
    "invoice_id": Invoice,
    "subscription_id": Subscription,
    "setup_id": MethodSetup,
}


def to_filter(query: WorkQuery, app_id: UUID) -> WorkFilter:
    """Say what is asked of the work table; both states are all there is."""
    states = set(query.state)
    state = cast("State", states.pop()) if len(states) == 1 else None
    return WorkFilter(app_id=app_id, state=state, limit=query.limit, cursor=query.cursor)


def item(row: WorkRow) -> Json:
    """Show work; what a provider said of it is shown without secrets."""
    shown = {
        "id": row.key,
        "state": OPEN if row.gave_up_at is None else GAVE_UP,
        "kind": row.kind,
        "invoiceId": row.args.get("invoice_id"),
        "refundId": row.args.get("refund_id"),
        "subscriptionId": row.args.get("subscription_id"),
        "setupId": row.args.get("setup_id"),
        "step": row.step,
        "tries": row.tries,
        "lastError": row.last_error,
        "openedAt": moment(row.opened_at),
        "dueAt": moment(row.due_at),
        "gaveUpAt": moment(row.gave_up_at),
    }
    return without_secrets(shown)


def sent_again(row: WorkRow, *, occurred_at: datetime) -> Json:
    """Show work that has just been sent again, with all its tries."""
    more = {"state": OPEN, "tries": 0, "dueAt": moment(occurred_at), "gaveUpAt": None}
    return item(row) | more


def page(found: WorkPage) -> Json:
    """Put a page of the list into the envelope."""
    items = [item(row) for row in found.rows]
    return {
        "kind": KIND,
        "totalItems": found.total,
        "totalItemsIsExact": found.total_is_exact,
        "itemsLength": len(items),
        "items": items,
        "nextCursor": found.next_cursor,
    }


def resend(
    billing: Billing,
    row: WorkRow,
    *,
    actor: str,
    occurred_at: datetime,
    idempotency_record: CreateIdempotencyRecord | None = None,
) -> None:
    """Send work again that gave up; what it is for decides.

    Raises NotPossible where it did not give up, or was sent again since.
    """
    name = next((name for name in _SUBJECTS if name in row.args), None)
    if name is None:
        raise _no_giving_up()

    def decide(known: Subject) -> None:
        before = known.version
        if not isinstance(known, Invoice):
            known.resend(actor=actor, occurred_at=occurred_at)
        elif step := _step_of(row, known):
            known.resend(step, actor=actor, occurred_at=occurred_at)
        if known.version == before:
            raise _no_giving_up()

    def receipts() -> list[AggregateRoot]:
        return (
            []
            if idempotency_record is None
            else [IdempotencyRecord.create(idempotency_record, occurred_at=occurred_at)]
        )

    billing.change(_SUBJECTS[name], UUID(row.args[name]), decide, also_save=receipts)


def subject_of(shown: Json) -> UUID:
    """Tell the stream of what shown work is for."""
    named = (shown.get(name) for name in ("invoiceId", "subscriptionId", "setupId"))
    return UUID(next(name for name in named if name is not None))


def _step_of(row: WorkRow, known: Invoice) -> str | None:
    """Name the step that a row is for: a refund's is the row's key."""
    if is_refund(row.key):
        return row.key
    return None if known.view.gave_up is None else str(known.view.gave_up.step)


def _no_giving_up() -> NotPossible:
    return NotPossible(action="resend", reason="it did not give up", path="state")
