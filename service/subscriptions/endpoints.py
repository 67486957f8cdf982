from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.events import SubscriptionRequestRefused
from service.auth.authenticate import authenticate
from service.http import envelope
from service.http.caller import Caller
from service.http.queries import (
    ReadQuery,
    SubscriptionListQuery,
    clashes_of_tenants,
    read_query,
    refuse_clashes,
    to_subscription_filter,
)
from service.http.requests import path_uuid, read_json, wait_s
from service.http.responses import LAG_MS, answer, document, error_response
from service.http.validation import validate
from service.invoices import render as invoices_render
from service.invoices.connection_choice import default_mode
from service.recording.read_your_writes import wait_until_folded
from service.recording.response_headers import response_headers
from service.subscriptions import render as subscriptions_render
from service.subscriptions.actions import (
    PROJECTION,
    RecordedSubscription,
    find_subscription,
    request_subscription_action,
)
from service.subscriptions.context import context_of
from service.subscriptions.schemas import CancelBody, ChangeBody

AnyBody = TypeVar("AnyBody", CancelBody, ChangeBody)


async def list_app_subscriptions(request: Request) -> Response:
    """List an app's subscriptions; to a token, those of its tenant."""
    caller = await authenticate(request, tokens=True)
    return await _list(request, caller, {"tenant_id": caller.tenant_id} if caller.is_token else {})


async def list_tenant_subscriptions(request: Request) -> Response:
    """List a tenant's subscriptions."""
    caller = await authenticate(request, tokens=True)
    tenant_id = path_uuid(request, "tenantUuid")
    await context_of(request).known_tenants.require(caller.app.app_id, tenant_id)
    return await _list(request, caller, {"tenant_id": tenant_id})


async def get_subscription(request: Request) -> Response:
    """Return one subscription, by our id or the provider's."""
    context = context_of(request)
    caller = await authenticate(request, tokens=True)
    read_query(ReadQuery, request.query_params)  # never behind the log, so never behind a position
    name = request.path_params["subscriptionId"]
    found = await find_subscription(context, caller, name)
    shown = subscriptions_render.single(found.view, position=found.position)
    lag_ms = await context.readiness.lag_ms(PROJECTION)
    return document(shown, {LAG_MS: str(lag_ms)})


async def get_subscription_events(request: Request) -> Response:
    """Return the timeline of a subscription."""
    context = context_of(request)
    caller = await authenticate(request, tokens=True)
    query = read_query(ReadQuery, request.query_params)
    await wait_until_folded(context.recording, query.min_position)
    found = await find_subscription(context, caller, request.path_params["subscriptionId"])
    entries = await context.queries.timeline(caller.app.app_id, found.view.id)
    lag_ms = await context.readiness.lag_ms("invoices")
    return document(invoices_render.timeline(entries), {LAG_MS: str(lag_ms)})


async def cancel_subscription(request: Request) -> Response:
    """Cancel a subscription, now or at the end of its period."""

    def command(body: CancelBody) -> Callable[..., SubscriptionCommand]:
        return partial(CancelSubscription, at_period_end=body.at_period_end)

    return await _request(request, CancelBody, command, default={})


async def change_subscription(request: Request) -> Response:
    """Replace the lines of a subscription, now or from its next period on."""

    def command(body: ChangeBody) -> Callable[..., SubscriptionCommand]:
        at_period_end = body.when == "periodEnd"
        return partial(ChangeSubscription, at_period_end=at_period_end, lines=body.requested())

    return await _request(request, ChangeBody, command)


async def _list(request: Request, caller: Caller, fixed: Mapping[str, object]) -> Response:
    context = context_of(request)
    query = read_query(SubscriptionListQuery, request.query_params)
    refuse_clashes(clashes_of_tenants(query))
    await wait_until_folded(context.recording, query.min_position, projection=PROJECTION)
    mode = await default_mode(context.access, caller.app, query.provider)
    lag_ms = await context.readiness.lag_ms(PROJECTION)
    filters = to_subscription_filter(query, caller.app.app_id, default_mode=mode, fixed=fixed)
    found = await context.queries.list_subscriptions(filters)
    return document(subscriptions_render.page(found), {LAG_MS: str(lag_ms)})


async def _request(
    request: Request,
    kind: type[AnyBody],
    command: Callable[[AnyBody], Callable[..., SubscriptionCommand]],
    *,
    default: object = None,
) -> Response:
    context = context_of(request)
    settings = context.settings
    caller = await authenticate(request)
    given = await read_json(request, settings, default=default)
    body = validate(kind, given)
    seconds = wait_s(request, default_s=settings.wait_default_s, most_s=settings.wait_max_s)
    found = await find_subscription(context, caller, request.path_params["subscriptionId"])
    recorded = await request_subscription_action(
        request, caller, found.view.id, command(body), given=given, wait_s=seconds
    )
    return _present(request, recorded)


def _present(request: Request, recorded: RecordedSubscription) -> Response:
    """Return the subscription as of the outcome (200), or as of now while pending (202)."""
    view, position = recorded.result.view, recorded.result.position
    path = f"/api/v1/apps/{view.app_id}/subscriptions/{view.id}"
    headers = response_headers(recorded, path, position=position, with_min_position=True)
    if not recorded.pending and isinstance(recorded.result.event, SubscriptionRequestRefused):
        problem = subscriptions_render.failure_problem(recorded.result.event)
        return error_response(problem, request.scope, headers)
    status = HTTPStatus.ACCEPTED if recorded.pending else HTTPStatus.OK
    shown = subscriptions_render.single(view, position=position)
    return answer(envelope.Rendered(status=status, document=shown), headers)
