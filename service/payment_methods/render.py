"""What the canonical dialect says of setups of payment methods."""

from http import HTTPStatus
from typing import Final

from domain.core.failures import Failure
from domain.payment_methods.setup import REJECTED, MethodSetupView
from service.http.errors import FieldError, Problem
from service.payment_methods.schemas import MethodSetup, SetupFailure, SingleSetup

KIND: Final = "paymentMethodSetups"


def single(view: MethodSetupView, *, position: int) -> SingleSetup:
    """Build the answer of one setup; the URL of the provider's page is at the top level too."""
    return SingleSetup(
        kind=KIND,
        total_items=1,
        items_length=1,
        items=[_item(view, position=position)],
        url=view.url,
    )


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
        payment_method=view.method,
        failure=_failure(view),
        created_at=view.created_at,
        updated_at=view.updated_at,
        position=position,
    )


def _failure(view: MethodSetupView) -> SetupFailure | None:
    if view.failure is None:
        return None
    known = view.failure
    return SetupFailure(code=known.code, provider_code=known.provider_code, message=known.message)
