from http import HTTPStatus
from typing import cast
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response

from domain.core import ids
from domain.core.providers import Mode
from domain.payment_methods.commands import RequestSetup
from service.auth.authenticate import authenticate
from service.http.envelope import Rendered
from service.http.requests import idempotency_key, path_uuid, read_json, wait_s
from service.http.responses import POSITION, answer, document, error_response
from service.http.validation import validate
from service.invoices.connection_choice import choose_connection
from service.payment_methods import render as payment_methods_render
from service.payment_methods.context import context_of
from service.payment_methods.setups import (
    RecordedSetup,
    SetupBody,
    find_setup,
    record_setup_request,
)
from service.recording.record import request_hash
from service.recording.response_headers import response_headers


async def create_setup(request: Request) -> Response:
    """Request a page where a tenant saves a payment method."""
    context = context_of(request)
    settings = context.settings
    caller = await authenticate(request)
    app_id, tenant_id = caller.app.app_id, path_uuid(request, "tenantUuid")
    key = idempotency_key(request)
    given = await read_json(request, settings)
    body = validate(SetupBody, given)
    await context.known_tenants.require(app_id, tenant_id)
    connection = await choose_connection(
        context.access, caller.app, body.provider, name=body.connection, test=body.test
    )
    setup_id = uuid4() if key is None else ids.for_post(app_id, None, key)
    command = RequestSetup(
        setup_id=setup_id,
        app_id=app_id,
        tenant_id=tenant_id,
        provider=body.provider,
        connection=connection.name,
        connection_id=connection.connection_id,
        mode=cast("Mode", connection.mode),
        redirect_url=body.redirect_url or context.links.return_url(setup_id),
        request_hash=request_hash(request, given),
        actor=caller.actor,
    )
    seconds = wait_s(request, default_s=settings.wait_default_s, most_s=settings.wait_max_s)
    return _present(request, await record_setup_request(context, command, wait_s=seconds))


async def get_setup(request: Request) -> Response:
    """Return a setup as of now."""
    caller = await authenticate(request, tokens=True)
    tenant_id, setup_id = path_uuid(request, "tenantUuid"), path_uuid(request, "setupUuid")
    found = await find_setup(context_of(request), caller, tenant_id, setup_id)
    shown = payment_methods_render.single(found.view, position=found.position)
    return document(shown, {POSITION: str(found.position)})


def _present(request: Request, recorded: RecordedSetup) -> Response:
    """Return the setup with its page, or (202) the recorded request while it is pending."""
    view, position = recorded.result.view, recorded.result.position
    path = _path(view.app_id, view.tenant_id, view.id)
    headers = response_headers(recorded, path, position=position, with_min_position=False)
    problem = payment_methods_render.failure_problem(view)
    if problem is not None:
        return error_response(problem, request.scope, headers)
    status = HTTPStatus.ACCEPTED if recorded.pending else HTTPStatus.OK
    shown = payment_methods_render.single(view, position=position)
    return answer(Rendered(status=status, document=shown), headers)


def _path(app_id: UUID, tenant_id: UUID, setup_id: UUID) -> str:
    return f"/api/v1/apps/{app_id}/tenants/{tenant_id}/payment-methods/setup/{setup_id}"
