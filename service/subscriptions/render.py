"""Build the responses with subscriptions of the canonical API."""

from http import HTTPStatus
from typing import Final

from domain.core.calendar import from_unix
from domain.core.failures import Failure
from domain.subscriptions.events import SubscriptionRequestRefused
from domain.subscriptions.items import LaterPhase, ScheduledChange, SubscribedItem
from domain.subscriptions.view import SubscriptionView
from projections.engine.keyset import Page
from projections.subscriptions.queries import SubscriptionRow
from service.http.errors import FieldError, Problem
from service.http.response_model import one_item
from service.subscriptions import response_schemas as schemas

KIND: Final = "subscriptions"


def single(view: SubscriptionView, *, position: int) -> schemas.SingleSubscriptions:
    """Build the response with one subscription."""
    item = _item(view, position=position)
    return one_item(schemas.SingleSubscriptions, kind=KIND, item=item)


def page(found: Page[SubscriptionRow]) -> schemas.SubscriptionPage:
    """Build a page of subscriptions."""
    items = [_item(row.view, position=row.position) for row in found.rows]
    return schemas.SubscriptionPage(
        kind=KIND,
        total_items=found.total,
        total_items_is_exact=found.total_is_exact,
        items_length=len(items),
        items=items,
        next_cursor=found.next_cursor,
    )


def failure_problem(event: SubscriptionRequestRefused) -> Problem:
    """Return why a requested action failed."""
    code = event.provider_code or event.code
    field_error = FieldError(message=event.message, path=event.path, provider_code=code)
    return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(field_error,))


def _item(view: SubscriptionView, *, position: int) -> schemas.Subscription:
    return schemas.Subscription(
        id=view.id,
        tenant_uuid=view.tenant_id,
        user_id=view.user_id,
        provider=view.provider,
        connection=view.connection,
        mode=view.mode,
        origin=view.origin,
        status=view.status,
        provider_subscription_id=view.provider_subscription_id or None,
        customer=view.customer,
        invoice_id=view.invoice_id,
        currency=view.currency,
        line_items=[_line(line) for line in view.items],
        monthly_minor=view.monthly_minor,
        period_start=view.period_start,
        period_end=view.period_end,
        trial_end=view.trial_end,
        cancel_at=view.cancel_at,
        canceled_at=view.canceled_at,
        ended_at=view.ended_at,
        scheduled_change=None if view.scheduled is None else _scheduled(view.scheduled),
        scheduled_phases=[_phase(phase) for phase in view.scheduled_phases],
        failure=_failure(view.failure or _start_failure(view)),
        metadata=view.metadata,
        description=view.description,
        created_at=view.created_at,
        updated_at=view.updated_at,
        position=position,
    )


def _line(item: SubscribedItem) -> schemas.SubscribedLine:
    return schemas.SubscribedLine(
        name=item.name,
        quantity=item.quantity,
        price=item.price,
        amount_minor=item.amount_minor,
        amount_decimal=item.amount_decimal,
        usage_based=item.usage_based,
        currency=item.currency,
        interval=item.interval,
        interval_count=item.interval_count,
    )


def _scheduled(change: ScheduledChange) -> schemas.ScheduledChange:
    lines = [
        schemas.ScheduledLine(price=line.price, quantity=line.quantity) for line in change.lines
    ]
    return schemas.ScheduledChange(line_items=lines, at=change.at)


def _phase(phase: LaterPhase) -> schemas.ScheduledPhase:
    lines = [schemas.PhaseLine(price=item.price, quantity=item.quantity) for item in phase.items]
    return schemas.ScheduledPhase(line_items=lines, starts_at=from_unix(phase.starts_at))


def _start_failure(view: SubscriptionView) -> Failure | None:
    """Return why a subscription was not created although its first payment was made."""
    if view.gave_up is None or view.provider_subscription_id:
        return None
    return Failure(code="not_begun", message=view.gave_up.last_error)


def _failure(failure: Failure | None) -> schemas.Refused | None:
    if failure is None:
        return None
    return schemas.Refused(
        code=failure.code,
        message=failure.message,
        path=failure.path,
        provider_code=failure.provider_code,
    )
