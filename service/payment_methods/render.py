"""Build the responses with setups of payment methods."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from domain.core.failures import Failure
from domain.payment_methods.view import REJECTED, MethodSetupView
from service.http.errors import FieldError, Problem
from service.payment_methods.response_schemas import (
    MethodSetup,
    SetupFailure,
    SetupMethod,
    SingleSetup,
)

KIND: Final = "paymentMethodSetups"


def single(view: MethodSetupView, *, position: int) -> SingleSetup:
    """Build the response with one setup; the URL of its page is at the top level too."""
    return SingleSetup(
        kind=KIND,
        total_items=1,
        items_length=1,
        items=[_item(view, position=position)],
        url=view.url,
    )


def failure_problem(view: MethodSetupView) -> Problem | None:
    """Return why the provider rejected a setup; None if it did not."""
    if view.status != REJECTED:
        return None
    known = view.failure or Failure(code="", message="")
    field_error = FieldError(
        message=known.message or "The provider refused.",
        path=known.path,
        provider_code=known.provider_code or known.code or None,
    )
    return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(field_error,))


def _item(view: MethodSetupView, *, position: int) -> MethodSetup:
    return MethodSetup(
        id=view.id,
        tenant_uuid=view.tenant_id,
        provider=view.provider,
        connection=view.connection,
        mode=view.mode,
        status=view.status,
        url=view.url,
        expires_at=view.expires_at,
        redirect_url=view.redirect_url,
        customer=view.customer,
        payment_method=None if view.method is None else _method(view.method),
        failure=_failure(view),
        created_at=view.created_at,
        updated_at=view.updated_at,
        position=position,
    )


def _method(known: Mapping[str, Any]) -> SetupMethod:
    return SetupMethod(
        id=known.get("id"),
        type=known.get("type"),
        brand=known.get("brand"),
        last4=known.get("last4"),
    )


def _failure(view: MethodSetupView) -> SetupFailure | None:
    if view.failure is None:
        return None
    known = view.failure
    return SetupFailure(code=known.code, provider_code=known.provider_code, message=known.message)
