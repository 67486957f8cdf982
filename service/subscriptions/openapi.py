"""OpenAPI operations of subscriptions."""

from http import HTTPStatus as S
from typing import Final

from service.http.queries import ReadQuery, SubscriptionListQuery
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
from service.openapi.declare import (
    JSON,
    Body,
    Content,
    DeclaredResponse,
    Json,
    Operation,
    json_response,
)
from service.openapi.error_responses import KEYED_ERRORS, READ_ERRORS, error_responses
from service.subscriptions import openapi_examples as examples
from service.subscriptions.response_schemas import SingleSubscriptions, SubscriptionPage
from service.subscriptions.schemas import CancelBody, ChangeBody

TAG: Final = "Subscriptions"
_APP: Final = "/api/v1/apps/{appUuid}"
_TENANT: Final = _APP + "/tenants/{tenantUuid}"
_SUBSCRIPTION: Final = _APP + "/subscriptions/{subscriptionId}"
_DESCRIPTIONS: Final = {
    "provider": "Subscriptions at this provider.",
    "tenantUuid": "Subscriptions of this tenant.",
    "userId": "Subscriptions requested on behalf of this user of your system.",
    "customer": "Subscriptions of this customer at the provider.",
    "connection": "Subscriptions of this payment connection, by its name.",
    "createdFrom": "Started at this time or later.",
    "createdTo": "Started before this time.",
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
        description="Subscriptions requested here and those created at the provider. Paginate "
        "with `cursor`, which stays valid while subscriptions are added.",
        security=openapi_common.OF_TENANT,
        query=SubscriptionListQuery,
        parameter_descriptions=_DESCRIPTIONS,
        responses={
            S.OK: json_response(
                "A page of the list.",
                SubscriptionPage,
                headers=(LAG_MS,),
                a_page=examples.PAGE,
            ),
            **error_responses(path, *READ_ERRORS, "read_model_behind"),
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
    summary="Retrieve a subscription",
    security=openapi_common.OF_TENANT,
    query=ReadQuery,
    responses={
        S.OK: json_response(
            "The subscription.", SingleSubscriptions, headers=(LAG_MS,), active=examples.ACTIVE
        ),
        **error_responses(_APP, *READ_ERRORS, "read_model_behind"),
    },
)

_TIMELINE: Final = Operation(
    method="GET",
    path=_SUBSCRIPTION + "/events",
    id="listSubscriptionEvents",
    tag=TAG,
    summary="List the events of a subscription, oldest first",
    security=openapi_common.OF_TENANT,
    query=ReadQuery,
    responses={
        S.OK: json_response(
            "The timeline.", Timeline, headers=(LAG_MS,), started=examples.TIMELINE
        ),
        **error_responses(_APP, *READ_ERRORS, "read_model_behind"),
    },
)


def _action(
    path: str, name: str, summary: str, *, about: str, body: Body, succeeded: Json
) -> Operation:
    answer = SingleSubscriptions
    responses: dict[int, DeclaredResponse] = {
        S.OK: json_response(
            "The action succeeded.",
            answer,
            headers=(ALWAYS_POSITION, LOCATION, REPLAYED),
            succeeded=succeeded,
        ),
        S.ACCEPTED: json_response(
            "Recorded; the outcome is pending. Poll `Location`.",
            answer,
            headers=(ALWAYS_POSITION, LOCATION, REPLAYED, RETRY_AFTER),
            requested=examples.ACTIVE,
        ),
        **error_responses(_SUBSCRIPTION, *KEYED_ERRORS),
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
        responses=responses,
    )


_CANCEL: Final = _action(
    "/cancel",
    "cancelSubscription",
    "Cancel a subscription",
    about="At once, or with `atPeriodEnd` at the end of the paid period: until then it stays "
    "`active`, and `cancelAt` has the time of its end.",
    body=Body(
        content={JSON: Content(model=CancelBody, examples={"requested": examples.CANCEL_BODY})},
        required=False,
    ),
    succeeded=examples.CANCELED,
)
_CHANGE: Final = _action(
    "/change",
    "changeSubscription",
    "Change the lines of a subscription",
    about="`lineItems` replaces all lines. With `when: now` the rest of the period is prorated "
    "on the next invoice; with `periodEnd` the change applies from the next period, and "
    "`scheduledChange` shows it until then.",
    body=Body(
        content={JSON: Content(model=ChangeBody, examples={"requested": examples.CHANGE_BODY})}
    ),
    succeeded=examples.CHANGED,
)

OPERATIONS: Final = (*_LISTS, _GET, _TIMELINE, _CANCEL, _CHANGE)
