"""Deliveries of providers, and what became of them."""

from dataclasses import replace
from http import HTTPStatus as S
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from projections.inbox.queries import STATES
from service.http.queries import ReadQuery
from service.http.validation import SchemaKeywords
from service.openapi import common as openapi_common
from service.openapi.common import (
    ALWAYS_POSITION,
    IDEMPOTENCY_KEY,
    LAG_MS,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
)
from service.openapi.common_schemas import (
    JsonObject,
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
    example,
)
from service.openapi.declare import JSON, Body, Content, Json, Operation, json_answer
from service.openapi.error_responses import CALLING, WRITING, error_answers
from service.openapi.examples import INVOICE, one
from service.webhooks.deliveries import DeliveryQuery, ReplayBody
from service.webhooks.openapi_inbox import STRIPE_EVENT

Count = Annotated[int, Field(ge=0)]
State = Annotated[str, SchemaKeywords({"enum": list(STATES)})]


class Effect(ResponseModel):
    """What it did to an invoice or a subscription, whose id is ours."""

    invoice_id: UUID | None
    subscription_id: UUID | None
    effect: str
    """`changed`, `confirmed`, `stale` (older than what is known), `deferred` (a step that is under
    way says more), `fetch` or `unexpected`."""


class RefusedDetails(ResponseModel):
    """What there is of a delivery that was refused. None of it is proved."""

    size_bytes: Count | None
    """Of a body that was too long: what was announced."""
    body_sha256: str | None
    content_type: str | None
    user_agent: str | None
    remote: Literal["loopback", "private", "public", "unknown"]
    """From what kind of network it came; behind a proxy, the proxy's."""


class Delivery(ResponseModel):
    """A provider event that was delivered, however often; or a delivery that was refused."""

    id: UUID
    state: State
    """`received`: to be applied now. `applied`. `parked`: the provider will be asked. `dead`: not
    tried again, but for a replay. `failed`: refused, because it can't be verified or read."""
    reason: str | None
    """Why it is parked, dead or failed."""
    connection: str
    provider: Provider
    mode: Mode
    provider_event_id: str | None
    type: str | None
    object_type: str | None
    object_id: str | None
    invoice_id: UUID | None
    """The invoice that it did something to; before that, the one that its metadata names."""
    effects: list[Effect]
    """Of the last time that it was applied."""
    times_applied: Count
    times_parked: Count
    times_replayed: Count
    occurred_at: Moment | None
    """When it happened at the provider, as the provider says."""
    received_at: Moment
    updated_at: Moment
    refused: RefusedDetails | None
    """Only where `state` is `failed`."""
    position: Position | None


class DeliveryPage(ResponseModel):
    """A page of the list."""

    kind: Literal["webhookDeliveries"]
    total_items: Annotated[int, Field(ge=0, le=10_000)]
    total_items_is_exact: bool
    """False: there are more than 10,000."""
    items_length: Annotated[int, Field(ge=0, le=100)]
    items: list[Delivery]
    next_cursor: str | None


class DeliveryEvent(ResponseModel):
    """Something that happened to a delivery."""

    position: Position
    type: str
    at: Moment
    by: str
    reason: str | None
    retried: bool | None
    """Of what was parked: whether the provider will be asked."""
    effects: list[Effect]


class DeliveryDetails(Delivery):
    """A delivery with all that is known of it."""

    history: list[DeliveryEvent]
    payload: JsonObject | None
    """What was delivered, without secrets; null where it is erased, and of what was refused."""


class SingleDeliveries(ResponseModel):
    """One delivery, with all that is known of it."""

    kind: Literal["webhookDeliveries"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[DeliveryDetails], Field(min_length=1, max_length=1)]


class ReplayedDeliveries(ResponseModel):
    """One delivery, as it is after a replay."""

    kind: Literal["webhookDeliveries"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[Delivery], Field(min_length=1, max_length=1)]


# Examples of deliveries.

_KIND: Final = "webhookDeliveries"
_AT: Final = "2026-01-31T09:30:02.000Z"
_APPLIED: Final = [{"invoiceId": INVOICE, "subscriptionId": None, "effect": "changed"}]
_DELIVERY: Final[Json] = example(
    Delivery,
    id="9d2f6a34-1c55-5b8e-8a0d-7e6f5d4c3b2a",
    state="applied",
    connection="stripe",
    provider="stripe",
    mode="test",
    providerEventId="evt_12345",
    type="invoice.paid",
    objectType="invoice",
    objectId="in_12345",
    invoiceId=INVOICE,
    effects=_APPLIED,
    timesApplied=1,
    timesParked=0,
    timesReplayed=0,
    occurredAt=_AT,
    receivedAt=_AT,
    updatedAt=_AT,
    position=4712,
)
_REFUSED: Final[Json] = example(
    Delivery,
    id="3f8b1c7e-64d2-4f0a-b0a5-2d1e9c8b7a60",
    state="failed",
    reason="forged",
    connection="stripe",
    provider="stripe",
    mode="test",
    effects=[],
    timesApplied=0,
    timesParked=0,
    timesReplayed=0,
    receivedAt=_AT,
    updatedAt=_AT,
    refused={
        "sizeBytes": 2048,
        "bodySha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "contentType": "application/json; charset=utf-8",
        "userAgent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "remote": "public",
    },
)
PAGE: Final[Json] = {
    "kind": _KIND,
    "totalItems": 2,
    "totalItemsIsExact": True,
    "itemsLength": 2,
    "items": [_REFUSED, _DELIVERY],
    "nextCursor": None,
}


def _happened(position: int, kind: str, **more: object) -> Json:
    plain: Json = {"by": "webhook:evt_12345", "reason": None, "retried": None, "effects": []}
    return {"position": position, "type": f"provider_event.{kind}", "at": _AT, **plain, **more}


SINGLE: Final = one(
    _KIND,
    {
        **_DELIVERY,
        "history": [_happened(4710, "received"), _happened(4712, "applied", effects=_APPLIED)],
        "payload": STRIPE_EVENT,
    },
)
REPLAYED_DELIVERY: Final = one(
    _KIND,
    {
        **_DELIVERY,
        "effects": [{"invoiceId": INVOICE, "subscriptionId": None, "effect": "confirmed"}],
        "timesApplied": 2,
        "timesReplayed": 1,
        "position": 4731,
    },
)
ASKED: Final = one(_KIND, {**_DELIVERY, "state": "received", "timesReplayed": 1, "position": 4730})


TAG: Final = "Webhook deliveries"
_LIST: Final = "/api/v1/apps/{appUuid}/webhook-deliveries"
_ONE: Final = _LIST + "/{deliveryUuid}"
_REPLAY: Final = _ONE + "/replay"
_PLACE: Final = replace(LOCATION, description="Where the delivery can be read.")

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_LIST,
        id="listWebhookDeliveries",
        tag=TAG,
        summary="List what providers have delivered, and what became of it",
        description="Newest first. An event that was delivered several times is one entry. What "
        "was refused is `failed`: the newest 1,000 of each connection are kept, and nothing that "
        "they said of an event, so that they are in no list by type, invoice or event.",
        security=openapi_common.OF_APP,
        query=DeliveryQuery,
        query_words={
            "connection": "Received by this connection, by its name.",
            "type": "Of this type, as the provider calls it: `invoice.paid`.",
            "invoiceId": "About this invoice, by our id.",
            "state": "Any of these, given several times or separated by commas.",
            "providerEventId": "This event, by the provider's id.",
            "receivedFrom": "Received at this time or later.",
            "receivedTo": "Received before this time.",
        },
        answers={
            S.OK: json_answer("A page of the list.", DeliveryPage, headers=(LAG_MS,), a_page=PAGE),
            **error_answers(_LIST, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_ONE,
        id="getWebhookDelivery",
        tag=TAG,
        summary="Show a delivery with all that happened to it, and its payload",
        security=openapi_common.OF_APP,
        query=ReadQuery,
        answers={
            S.OK: json_answer("The delivery.", SingleDeliveries, applied=SINGLE),
            **error_answers(_ONE, *CALLING),
        },
    ),
    Operation(
        method="POST",
        path=_REPLAY,
        id="replayWebhookDelivery",
        tag=TAG,
        summary="Apply a delivery again",
        description="Recorded first, then applied as when it came: what is known already changes "
        "nothing. Answered when it is applied or dead, or with 202 after the wait. What was "
        "refused can't be replayed: let the provider send it again.",
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=Body(
            content={JSON: Content(model=ReplayBody, examples={"nothing": {}})}, required=False
        ),
        answers={
            S.OK: json_answer(
                "What came of it.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _PLACE, REPLAYED),
                applied=REPLAYED_DELIVERY,
            ),
            S.ACCEPTED: json_answer(
                "Recorded; not applied yet. Look at `Location`.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _PLACE, REPLAYED, RETRY_AFTER),
                asked_for=ASKED,
            ),
            **error_answers(_REPLAY, *WRITING, "key_reused"),
        },
    ),
)
