"""Subscriptions as the canonical API shows them."""

from http import HTTPStatus as S
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from domain.subscriptions.view import STATUSES
from service.http.queries import ReadQuery, SubscriptionListQuery
from service.http.validation import SchemaKeywords
from service.invoices.response_schemas import Timeline
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
    Minor,
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
    example,
)
from service.openapi.declare import JSON, Answer, Body, Content, Json, Operation, json_answer
from service.openapi.error_responses import CALLING, WRITING, error_answers
from service.openapi.examples import INVOICE, TENANT, one
from service.subscriptions.schemas import CancelBody, ChangeBody

SubscriptionStatus = Annotated[str, SchemaKeywords({"enum": list(STATUSES)})]


class SubscribedLine(ResponseModel):
    """What is subscribed to; `amountMinor` is for one unit and one period."""

    name: str | None
    quantity: int
    price: str
    amount_minor: Minor
    currency: str
    interval: Literal["day", "week", "month", "year"]
    interval_count: int


class ScheduledLine(ResponseModel):
    """What will be subscribed to."""

    price: str
    quantity: int


class ScheduledChange(ResponseModel):
    """What was asked for the next period."""

    line_items: list[ScheduledLine]
    at: Moment | None


class Refused(ResponseModel):
    """Why what was asked last did not come true."""

    code: str
    message: str
    path: str | None
    provider_code: str | None


class Subscription(ResponseModel):
    """What is billed to a tenant again and again."""

    id: UUID
    tenant_uuid: UUID | None
    """Null while its customer is no tenant's."""
    user_id: str | None
    provider: Provider
    connection: str
    mode: Mode
    origin: Literal["request", "provider", "import"]
    status: SubscriptionStatus
    provider_subscription_id: str | None
    customer: str | None
    invoice_id: UUID | None
    """The invoice that it was asked for with."""
    currency: str | None
    line_items: list[SubscribedLine]
    monthly_minor: Minor
    """What it costs in a month, net of tax and discounts."""
    period_start: Moment | None
    period_end: Moment | None
    trial_end: Moment | None
    cancel_at: Moment | None
    canceled_at: Moment | None
    ended_at: Moment | None
    scheduled_change: ScheduledChange | None
    failure: Refused | None
    metadata: dict[str, str]
    description: str | None
    created_at: Moment
    updated_at: Moment
    position: Position


class SingleSubscriptions(ResponseModel):
    """One subscription."""

    kind: Literal["subscriptions"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[Subscription], Field(min_length=1, max_length=1)]


class SubscriptionPage(ResponseModel):
    """A page of a list."""

    kind: Literal["subscriptions"]
    total_items: Annotated[int, Field(ge=0)]
    total_items_is_exact: bool
    """Totals are exact up to 10,000."""
    items_length: Annotated[int, Field(ge=0, le=100)]
    items: Annotated[list[Subscription], Field(max_length=100)]
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last."""


# Examples of subscriptions.

_AT: Final = "2026-01-31T09:30:00.000Z"
_END: Final = "2026-02-28T09:30:00.000Z"
_ID: Final = "7d3f0a52-91c4-5b8e-a6d0-3e2f1c0b9a87"

_KNOWN: Final = example(
    Subscription,
    id=_ID,
    tenantUuid=TENANT,
    provider="stripe",
    connection="stripe",
    mode="test",
    origin="request",
    status="active",
    providerSubscriptionId="sub_12345",
    customer="cus_12345",
    invoiceId=INVOICE,
    currency="eur",
    lineItems=[
        {
            "name": "Pro Plan",
            "quantity": 2,
            "price": "price_monthly",
            "amountMinor": 999,
            "currency": "eur",
            "interval": "month",
            "intervalCount": 1,
        }
    ],
    monthlyMinor=1998,
    periodStart=_AT,
    periodEnd=_END,
    metadata={},
    createdAt=_AT,
    updatedAt="2026-01-31T09:30:02.000Z",
    position=4718,
)
_LATER: Final[Json] = {"updatedAt": "2026-02-03T14:00:00.000Z", "position": 5103}
_YEARLY: Final[Json] = {"price": "price_yearly", "quantity": 2}

CANCEL_BODY: Final[Json] = {"atPeriodEnd": True}
CHANGE_BODY: Final[Json] = {"lineItems": [_YEARLY], "when": "periodEnd"}

ACTIVE: Final = one("subscriptions", _KNOWN)
CANCELED: Final = one(
    "subscriptions",
    _KNOWN | _LATER | {"cancelAt": _END, "canceledAt": "2026-02-03T14:00:00.000Z"},
)
CHANGED: Final = one(
    "subscriptions",
    _KNOWN | _LATER | {"scheduledChange": {"lineItems": [_YEARLY], "at": _END}},
)
PAGE: Final[Json] = {
    **one("subscriptions", _KNOWN),
    "totalItems": 12,
    "totalItemsIsExact": True,
    "nextCursor": "WyIyMDI2LTAxLTMxIl0",
}
TIMELINE: Final[Json] = {
    "kind": "events",
    "items": [
        {
            "position": 4716,
            "type": "subscription.started",
            "at": _AT,
            "by": "worker",
            "data": {"origin": "request", "providerSubscriptionId": "sub_12345"},
        },
        {
            "position": 4718,
            "type": "subscription.activated",
            "at": "2026-01-31T09:30:02.000Z",
            "by": "worker",
            "data": {"monthlyMinor": 1998, "source": "answer"},
        },
    ],
}


TAG: Final = "Subscriptions"
_APP: Final = "/api/v1/apps/{appUuid}"
_TENANT: Final = _APP + "/tenants/{tenantUuid}"
_SUBSCRIPTION: Final = _APP + "/subscriptions/{subscriptionId}"
_WORDS: Final = {
    "provider": "Subscriptions at this provider.",
    "tenantUuid": "Subscriptions of this tenant.",
    "userId": "Subscriptions asked for on behalf of this user of yours.",
    "customer": "Subscriptions of this customer at the provider.",
    "connection": "Subscriptions of this payment connection, by its name.",
    "createdFrom": "Begun at this time or later.",
    "createdTo": "Begun before this time.",
}
_ABOUT: Final = (
    " Recorded first, then carried out; answered when it is known what came of it, or with 202 "
    "after the wait. What its status does not allow and what the provider refuses is 400 and says "
    "why. One thing is done at a time."
)

_LISTS: Final = tuple(
    Operation(
        method="GET",
        path=path,
        id=name,
        tag=TAG,
        summary=summary,
        description="Those that were asked for here, and those that the provider has besides. "
        "Pages are asked for by `cursor`, which stays right while subscriptions are added.",
        security=openapi_common.OF_TENANT,
        query=SubscriptionListQuery,
        query_words=_WORDS,
        answers={
            S.OK: json_answer(
                "A page of the list.",
                SubscriptionPage,
                headers=(LAG_MS,),
                a_page=PAGE,
            ),
            **error_answers(path, *CALLING, "read_model_behind"),
        },
    )
    for path, name, summary in (
        (_APP + "/subscriptions", "listSubscriptions", "List the app's subscriptions"),
        (_TENANT + "/subscriptions", "listTenantSubscriptions", "List a tenant's subscriptions"),
    )
)

_GET: Final = Operation(
    method="GET",
    path=_SUBSCRIPTION,
    id="getSubscription",
    tag=TAG,
    summary="Show one subscription",
    security=openapi_common.OF_TENANT,
    query=ReadQuery,
    answers={
        S.OK: json_answer(
            "The subscription.", SingleSubscriptions, headers=(LAG_MS,), active=ACTIVE
        ),
        **error_answers(_APP, *CALLING, "read_model_behind"),
    },
)

_TIMELINE: Final = Operation(
    method="GET",
    path=_SUBSCRIPTION + "/events",
    id="getSubscriptionEvents",
    tag=TAG,
    summary="Show what happened to a subscription, in order",
    security=openapi_common.OF_TENANT,
    query=ReadQuery,
    answers={
        S.OK: json_answer("The timeline.", Timeline, headers=(LAG_MS,), a_beginning=TIMELINE),
        **error_answers(_APP, *CALLING, "read_model_behind"),
    },
)


def _action(path: str, name: str, summary: str, *, about: str, body: Body, done: Json) -> Operation:
    answer = SingleSubscriptions
    answers: dict[int, Answer] = {
        S.OK: json_answer(
            "It came true.", answer, headers=(ALWAYS_POSITION, LOCATION, REPLAYED), done=done
        ),
        S.ACCEPTED: json_answer(
            "Recorded; nothing came of it yet. Look at `Location`.",
            answer,
            headers=(ALWAYS_POSITION, LOCATION, REPLAYED, RETRY_AFTER),
            asked=ACTIVE,
        ),
        **error_answers(_SUBSCRIPTION, *WRITING, "key_reused"),
    }
    return Operation(
        method="POST",
        path=_SUBSCRIPTION + path,
        id=name,
        tag=TAG,
        summary=summary,
        description=about + _ABOUT,
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=body,
        answers=answers,
    )


_CANCEL: Final = _action(
    "/cancel",
    "cancelSubscription",
    "End a subscription",
    about="At once, or with `atPeriodEnd` when the period ends that is paid for: until then it "
    "goes on as `active`, and `cancelAt` says when it will be over.",
    body=Body(
        content={JSON: Content(model=CancelBody, examples={"asked": CANCEL_BODY})},
        required=False,
    ),
    done=CANCELED,
)
_CHANGE: Final = _action(
    "/change",
    "changeSubscription",
    "Subscribe to something else",
    about="`lineItems` is all that is subscribed to afterwards. `when` it is `now`, what is left "
    "of the period is settled with the next invoice; at `periodEnd` the next period begins with "
    "it, and `scheduledChange` shows it until then.",
    body=Body(content={JSON: Content(model=ChangeBody, examples={"asked": CHANGE_BODY})}),
    done=CHANGED,
)

OPERATIONS: Final = (*_LISTS, _GET, _TIMELINE, _CANCEL, _CHANGE)
