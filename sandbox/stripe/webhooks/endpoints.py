"""Webhook endpoints. The signing secret is returned only on creation."""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import API_VERSION, Call
from sandbox.stripe.core.errors import BadParameters
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    Metadata,
    NoParams,
    Page,
    Params,
    Text,
    Texts,
)
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.webhooks.secrets import fresh_secret


class CreateEndpoint(Params):
    """POST /v1/webhook_endpoints."""

    unsupported = frozenset({"connect"})
    url: Text
    enabled_events: Texts
    api_version: Text | None = None
    description: Clearable | None = None
    metadata: Metadata | None = None


class UpdateEndpoint(Params):
    """POST /v1/webhook_endpoints/{webhook_endpoint}."""

    url: Text | None = None
    enabled_events: Texts | None = None
    description: Clearable | None = None
    disabled: Bool | None = None
    metadata: Metadata | None = None


def create(call: Call, params: CreateEndpoint) -> Json:
    """Creates an endpoint and returns it with its secret."""
    _check_url(params.url)
    if params.api_version not in (None, API_VERSION):
        raise BadParameters(
            f"This sandbox renders events in {API_VERSION} only.", param="api_version"
        )
    if not params.enabled_events:
        raise BadParameters(
            "Missing required param: enabled_events.",
            code="parameter_missing",
            param="enabled_events",
        )
    endpoint: Json = {
        "id": ids.fresh("we_"),
        "object": "webhook_endpoint",
        "api_version": params.api_version,
        "application": None,
        "created": call.now,
        "description": params.description or None,
        "enabled_events": params.enabled_events,
        "livemode": call.account.livemode,
        "metadata": merged_metadata({}, params.metadata),
        "status": "enabled",
        "url": params.url,
        "_secret": fresh_secret(),
    }
    return view(call, call.put(endpoint)) | {"secret": endpoint["_secret"]}


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:  # such as an open bracket
        is_url = False
    if not is_url:
        raise BadParameters(
            "Invalid URL: An explicit scheme (such as https) must be provided.",
            code="url_invalid",
            param="url",
        )


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns an endpoint, without its secret."""
    return view(call, call.load("webhook_endpoint", call.path["webhook_endpoint"]))


def update(call: Call, params: UpdateEndpoint) -> Json:
    """Updates the given fields."""
    endpoint = call.load("webhook_endpoint", call.path["webhook_endpoint"])
    given = given_fields(params, endpoint, clear=("description",), omit={"disabled"})
    if params.url is not None:
        _check_url(params.url)
    if params.disabled is not None:
        given["status"] = "disabled" if params.disabled else "enabled"
    return view(call, call.change(endpoint, given))


def delete(call: Call, _: NoParams) -> Json:
    """Deletes an endpoint; its pending deliveries are not sent."""
    endpoint = call.load("webhook_endpoint", call.path["webhook_endpoint"])
    call.drop(endpoint)
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def listing(call: Call, params: Page) -> Json:
    """Returns a page of endpoints."""
    return page(call, "webhook_endpoint", params, url="/v1/webhook_endpoints")


_ONE = "/v1/webhook_endpoints/{webhook_endpoint}"

OPERATIONS: list[Operation] = [
    operation("POST", "/v1/webhook_endpoints", "webhook_endpoint", CreateEndpoint, create),
    operation("GET", "/v1/webhook_endpoints", "list:webhook_endpoint", Page, listing),
    operation("GET", _ONE, "webhook_endpoint", NoParams, retrieve),
    operation("POST", _ONE, "webhook_endpoint", UpdateEndpoint, update),
    operation("DELETE", _ONE, "webhook_endpoint", NoParams, delete),
]
