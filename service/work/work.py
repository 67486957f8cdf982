"""Build and resend work, for the API and the command line."""

from dataclasses import replace
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
from service.http.envelope import Json
from service.http.queries import WorkQuery
from service.work import response_schemas as schemas

KIND: Final = "work"
Subject = Invoice | Subscription | MethodSetup
# Aggregates of the work that can give up, by the name of its argument.
_SUBJECTS: Final[dict[str, type[Subject]]] = {
    "invoice_id": Invoice,
    "subscription_id": Subscription,
    "setup_id": MethodSetup,
}


def to_filter(query: WorkQuery, app_id: UUID) -> WorkFilter:
    """Build the filter of the work table; both states mean no filter."""
    states = set(query.state)
    state = cast("State", states.pop()) if len(states) == 1 else None
    return WorkFilter(app_id=app_id, state=state, limit=query.limit, cursor=query.cursor)


def item(row: WorkRow) -> schemas.Work:
    """Build a piece of work, without secrets in the messages of a provider."""
    return schemas.Work(
        id=row.key,
        state=OPEN if row.gave_up_at is None else GAVE_UP,
        kind=row.kind,
        invoice_id=row.args.get("invoice_id"),
        refund_id=row.args.get("refund_id"),
        subscription_id=row.args.get("subscription_id"),
        setup_id=row.args.get("setup_id"),
        step=row.step,
        tries=row.tries,
        last_error=without_secrets({"last_error": row.last_error})["last_error"],
        opened_at=row.opened_at,
        due_at=row.due_at,
        gave_up_at=row.gave_up_at,
    )


def sent_again(row: WorkRow, *, occurred_at: datetime) -> Json:
    """Return the JSON of work that was just sent again, with all its attempts."""
    again = replace(row, tries=0, due_at=occurred_at, gave_up_at=None)
    return item(again).to_json()


def page(found: WorkPage) -> schemas.WorkPage:
    """Build a page of work."""
    items = [item(row) for row in found.rows]
    return schemas.WorkPage(
        kind=KIND,
        total_items=found.total,
        total_items_is_exact=found.total_is_exact,
        items_length=len(items),
        items=items,
        next_cursor=found.next_cursor,
    )


def resend(
    billing: Billing,
    row: WorkRow,
    *,
    actor: str,
    occurred_at: datetime,
    idempotency_record: CreateIdempotencyRecord | None = None,
) -> None:
    """Resend work that gave up, through its aggregate.

    Raises NotPossible where it did not give up, or was sent again since.
    """
    name = next((name for name in _SUBJECTS if name in row.args), None)
    if name is None:
        raise _not_given_up()

    def decide(known: Subject) -> None:
        before = known.version
        if not isinstance(known, Invoice):
            known.resend(actor=actor, occurred_at=occurred_at)
        elif step := _step_of(row, known):
            known.resend(step, actor=actor, occurred_at=occurred_at)
        if known.version == before:
            raise _not_given_up()

    def receipts() -> list[AggregateRoot]:
        return (
            []
            if idempotency_record is None
            else [IdempotencyRecord.create(idempotency_record, occurred_at=occurred_at)]
        )

    billing.change(_SUBJECTS[name], UUID(row.args[name]), decide, also_save=receipts)


def subject_of(shown: Json) -> UUID:
    """Return the stream that the work of a JSON document belongs to."""
    named = (shown.get(name) for name in ("invoiceId", "subscriptionId", "setupId"))
    return UUID(next(name for name in named if name is not None))


def _step_of(row: WorkRow, known: Invoice) -> str | None:
    """Return the step of a row: for a refund, the row's key."""
    if is_refund(row.key):
        return row.key
    return None if known.view.gave_up is None else str(known.view.gave_up.step)


def _not_given_up() -> NotPossible:
    return NotPossible(action="resend", reason="it did not give up", path="state")
