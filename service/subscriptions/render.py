"""Subscriptions as the canonical dialect shows them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from domain.core.failures import Failure
from domain.subscriptions.events import SubscriptionRequestRefused
from domain.subscriptions.view import SubscriptionView
from service.http.envelope import Json, moment, written_moment
from service.http.errors import FieldError, Problem

KIND = "subscriptions"


def item(view: SubscriptionView, *, position: int) -> Json:
    """Show a subscription."""
    return {
        "id": str(view.id),
        "tenantUuid": None if view.tenant_id is None else str(view.tenant_id),
        "userId": view.user_id,
        "provider": view.provider,
        "connection": view.connection,
        "mode": view.mode,
        "origin": view.origin,
        "status": view.status,
        "providerSubscriptionId": view.provider_subscription_id or None,
        "customer": view.customer,
        "invoiceId": None if view.invoice_id is None else str(view.invoice_id),
        "currency": view.currency,
        "lineItems": [_line(line) for line in view.items],
        "monthlyMinor": view.monthly_minor,
        "periodStart": moment(view.period_start),
        "periodEnd": moment(view.period_end),
        "trialEnd": moment(view.trial_end),
        "cancelAt": moment(view.cancel_at),
        "canceledAt": moment(view.canceled_at),
        "endedAt": moment(view.ended_at),
        "scheduledChange": _scheduled(view.scheduled),
        "failure": _failure(view.failure or _not_begun(view)),
        "metadata": view.metadata,
        "description": view.description,
        "createdAt": moment(view.created_at),
        "updatedAt": moment(view.updated_at),
        "position": position,
    }


def refusal_of(fact: SubscriptionRequestRefused) -> Problem:
    """Say why what was asked did not come true."""
    code = fact.provider_code or fact.code
    fault = FieldError(message=fact.message, path=fact.path, provider_code=code)
    return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(fault,))


def _line(line: Mapping[str, Any]) -> Json:
    return {
        "name": line.get("name"),
        "quantity": line.get("quantity"),
        "price": line.get("price"),
        "amountMinor": line.get("amount_minor"),
        "currency": line.get("currency"),
        "interval": line.get("interval"),
        "intervalCount": line.get("interval_count"),
    }


def _scheduled(change: Mapping[str, Any] | None) -> Json | None:
    if change is None:
        return None
    lines = [{name: line.get(name) for name in ("price", "quantity")} for line in change["lines"]]
    return {"lineItems": lines, "at": written_moment(change["at"])}


def _not_begun(view: SubscriptionView) -> Failure | None:
    """Say why it does not begin although its first payment was made: an operator was told too."""
    if view.gave_up is None or view.provider_subscription_id:
        return None
    return Failure(code="not_begun", message=view.gave_up.last_error)


def _failure(failure: Failure | None) -> Json | None:
    if failure is None:
        return None
    return {
        "code": failure.code,
        "message": failure.message,
        "path": failure.path,
        "providerCode": failure.provider_code,
    }
