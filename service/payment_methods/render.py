"""What the canonical dialect says of setups of payment methods."""

from http import HTTPStatus
from typing import Final

from domain.core.failures import Failure
from domain.payment_methods.setup import REJECTED, MethodSetupView
from service.http import envelope
from service.http.errors import FieldError, Problem

KIND: Final = "paymentMethodSetups"


def single(view: MethodSetupView, *, position: int) -> envelope.Json:
    """Show a setup; where its customer goes also stands at the top."""
    return envelope.single(KIND, _item(view, position=position)) | {"url": view.url}


def refusal_of(view: MethodSetupView) -> Problem | None:
    """Say why the provider refuses; None where it does not."""
    if view.status != REJECTED:
        return None
    known = view.failure or Failure(code="", message="")
    fault = FieldError(
        message=known.message or "The provider refused.",
        path=known.path,
        provider_code=known.provider_code or known.code or None,
    )
    return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(fault,))


def _item(view: MethodSetupView, *, position: int) -> envelope.Json:
    return {
        "id": str(view.id),
        "tenantUuid": str(view.tenant_id),
        "provider": view.provider,
        "connection": view.connection,
        "mode": view.mode,
        "status": view.status,
        "url": view.url,
        "expiresAt": envelope.moment(view.expires_at),
        "redirectUrl": view.redirect_url,
        "customer": view.customer,
        "paymentMethod": view.method,
        "failure": _failure(view),
        "createdAt": envelope.moment(view.created_at),
        "updatedAt": envelope.moment(view.updated_at),
        "position": position,
    }


def _failure(view: MethodSetupView) -> envelope.Json | None:
    if view.failure is None:
        return None
    known = view.failure
    return {"code": known.code, "providerCode": known.provider_code, "message": known.message}
