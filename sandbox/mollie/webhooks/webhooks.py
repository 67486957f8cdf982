"""Next-generation webhooks and their events.

The signing secret is returned only on creation.
"""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.mollie.core import ids, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import invalid
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import NoParams, Page, Params, check_url
from sandbox.mollie.core.views import view
from sandbox.mollie.webhooks.deliveries import shown_event

# Mollie's event types that the sandbox sends, and the wildcard.
TYPES = frozenset(
    (
        "payment.paid payment.authorized payment.failed payment.canceled payment.expired"
        " payment.pending refund.queued refund.pending refund.processing refund.refunded"
        " refund.failed refund.canceled chargeback.received chargeback.reversed"
        " capture.succeeded *"
    ).split()
)


class CreateWebhook(Params):
    """POST /v2/webhooks."""

    name: str
    url: str
    event_types: str | list[str]


class UpdateWebhook(Params):
    """PATCH /v2/webhooks/{webhook}."""

    name: str | None = None
    url: str | None = None
    event_types: str | list[str] | None = None


def _types(given: str | list[str]) -> list[str]:
    types = given.split(",") if isinstance(given, str) else given
    for name in types:
        if name not in TYPES:
            raise invalid("eventTypes", f"'{name}' is no event of this sandbox")
    if not types:
        raise invalid("eventTypes", "a webhook wants at least one event")
    return types


def create(call: Call, params: CreateWebhook) -> Json:
    """Creates a webhook and returns it with its secret."""
    check_url(params.url, field="url")
    webhook: Json = {
        "object": "webhook",
        "id": ids.fresh("hook_"),
        "url": params.url,
        "profileId": call.account.profile_id,
        "createdAt": times.shown(call.now),
        "name": params.name,
        "eventTypes": _types(params.event_types),
        "status": "enabled",
        "mode": call.account.mode,
        "_secret": ids.random_text(32),
    }
    return view(call, call.put(webhook)) | {"webhookSecret": webhook["_secret"]}


def rotate(call: Call, webhook_id: str) -> Json:
    """Replaces a webhook's signing secret and returns the webhook with it."""
    webhook = call.load("webhook", webhook_id)
    call.change(webhook, _secret=ids.random_text(32))
    return view(call, webhook) | {"webhookSecret": webhook["_secret"]}


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a webhook, without its secret."""
    return view(call, call.load("webhook", call.path["webhook"]))


def update(call: Call, params: UpdateWebhook) -> Json:
    """Updates the given fields."""
    webhook = call.load("webhook", call.path["webhook"])
    given = params.given("event_types")
    check_url(params.url, field="url")
    if params.event_types is not None:
        given["eventTypes"] = _types(params.event_types)
    return view(call, call.change(webhook, **given))


def delete(call: Call, _: NoParams) -> None:
    """Deletes a webhook; its pending deliveries are not sent."""
    webhook = call.load("webhook", call.path["webhook"])
    call.change(webhook, status="deleted", _deleted=True)


def listing(call: Call, params: Page) -> Json:
    """Returns a page of webhooks."""
    return page(call, "webhook", params, path="webhooks")


def event(call: Call, _: NoParams) -> Json:
    """Returns an event, with its entity."""
    return shown_event(call, call.load("event", call.path["event"]), embed=True)


_ONE = "/v2/webhooks/{webhook}"

OPERATIONS: list[Operation] = [
    operation("POST", "/v2/webhooks", CreateWebhook, create),
    operation("GET", "/v2/webhooks", Page, listing),
    operation("GET", _ONE, NoParams, retrieve),
    operation("PATCH", _ONE, UpdateWebhook, update),
    operation("DELETE", _ONE, NoParams, delete),
    operation("GET", "/v2/events/{event}", NoParams, event),
]
