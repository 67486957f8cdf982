"""Events of the last thirty days: retrieve and list."""

from __future__ import annotations

from sandbox.common.store import Filter, Json, equal
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Bool, CreatedPage, NoParams, Text, Texts
from sandbox.stripe.core.views import view

KEPT_S = 30 * 86400
MAX_TYPES = 20


class ListEvents(CreatedPage):
    """GET /v1/events."""

    delivery_success: Bool | None = None
    type: Text | None = None
    types: Texts | None = None


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns an event."""
    return view(call, call.load("event", call.path["id"]))


def listing(call: Call, params: ListEvents) -> Json:
    """Returns a page of events of the last thirty days."""
    if params.type and params.types:
        raise BadParameters(
            "You may only specify one of these parameters: type, types.",
            code="parameters_exclusive",
        )
    if len(params.types or []) > MAX_TYPES:
        raise BadParameters(f"You can pass at most {MAX_TYPES} types.", param="types")
    filters = [Filter("$.created", ">", call.now - KEPT_S)]
    if params.type and params.type.endswith(".*"):
        filters.append(Filter("$.type", "like", params.type.removesuffix("*") + "%"))
    else:
        filters += equal(type=params.type)
    if params.types:
        filters.append(Filter("$.type", "in", ",".join(params.types)))
    if params.delivery_success is not None:
        sign = "=" if params.delivery_success else ">"
        filters.append(Filter("$.pending_webhooks", sign, 0))
    return page(call, "event", params, url="/v1/events", filters=filters)


OPERATIONS: list[Operation] = [
    operation("GET", "/v1/events", "list:event", ListEvents, listing),
    operation("GET", "/v1/events/{id}", "event", NoParams, retrieve),
]
