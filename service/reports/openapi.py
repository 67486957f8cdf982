"""OpenAPI operations of reports and of the event feed."""

from http import HTTPStatus as S
from typing import Final

from service.openapi import common as openapi_common
from service.openapi.common import LAG_MS
from service.openapi.declare import JSON, Content, DeclaredResponse, Operation, json_response
from service.openapi.error_responses import READ_ERRORS, error_responses
from service.reports import openapi_examples as examples
from service.reports.event_feed import EventsQuery
from service.reports.periods import ReportQuery
from service.reports.response_schemas import (
    Changes,
    DriftReport,
    MrrMovementReport,
    RevenueReport,
    Summary,
)
from service.reports.schemas import DriftQuery, MrrMovementQuery, RevenueQuery

TAG: Final = "Changes and reports"
_EVENTS: Final = "/api/v1/apps/{appUuid}/events"
_SUMMARY: Final = "/api/v1/apps/{appUuid}/reports/summary"
_REVENUE: Final = "/api/v1/apps/{appUuid}/reports/revenue"
_MRR_MOVEMENT: Final = "/api/v1/apps/{appUuid}/reports/mrr-movement"
_DRIFT: Final = "/api/v1/apps/{appUuid}/reports/drift"
_MONEY: Final = {
    "mode": "Only this mode.",
    "currency": "Only this currency.",
    "provider": "Only amounts at this provider.",
    "connection": "Only amounts of this payment connection, by its name.",
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_EVENTS,
        id="listEvents",
        tag=TAG,
        summary="List the events of the app",
        description="In the order of the log. Store `position` and pass it as `after` to "
        "receive every event. With `wait` the response is sent as soon as there is "
        "an event.",
        security=openapi_common.OF_APP,
        query=EventsQuery,
        responses={
            S.OK: json_response(
                "The events.",
                Changes,
                headers=(LAG_MS,),
                a_payment=examples.CHANGES,
            ),
            **error_responses(_EVENTS, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_SUMMARY,
        id="getSummary",
        tag=TAG,
        summary="Retrieve a summary of collected, refunded and outstanding amounts",
        security=openapi_common.OF_APP,
        query=ReportQuery,
        parameter_descriptions=_MONEY,
        responses={
            S.OK: json_response(
                "The summary by mode and currency.",
                Summary,
                headers=(LAG_MS,),
                january=examples.SUMMARY,
            ),
            **error_responses(_SUMMARY, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_REVENUE,
        id="getRevenue",
        tag=TAG,
        summary="Retrieve revenue by day, week or month",
        description="Payments, refunds and disputes count at their own time at the provider. A "
        "refund that fails later and a dispute that is won are removed from their "
        "bucket. Days are those of the time zone, with 23 or 25 hours at clock "
        "changes; weeks start on Monday. At most 400 buckets.",
        security=openapi_common.OF_APP,
        query=RevenueQuery,
        parameter_descriptions={
            **_MONEY,
            "from": "The first day, 1980-01-01 or later; by default 30 days, 12 weeks or 12 "
            "months ago.",
            "to": "The day after the last; by default the last is today.",
            "format": "`csv` returns a file with a line for each bucket.",
        },
        responses={
            S.OK: DeclaredResponse(
                description="The summary by mode and currency.",
                headers=(LAG_MS,),
                content={
                    JSON: Content(model=RevenueReport, examples={"january": examples.REVENUE}),
                    "text/csv": Content(
                        schema={"type": "string"},
                        examples={"january": examples.REVENUE_CSV},
                    ),
                },
            ),
            **error_responses(_REVENUE, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_MRR_MOVEMENT,
        id="getMrrMovement",
        tag=TAG,
        summary="Retrieve monthly recurring revenue over time, and what moved it",
        description="Revenue of active and past due subscriptions a month, net of tax and "
        "discounts, at the start and end of each bucket, and the movements between them: new, "
        "expansion, contraction, churn, reactivation. Start and movements add up to the end. "
        "Movements count at their own time at the provider; a subscription that is imported counts "
        "from its start, at the amount that it had when it was imported. At most 400 buckets.",
        security=openapi_common.OF_APP,
        query=MrrMovementQuery,
        parameter_descriptions={
            **_MONEY,
            "from": "The first day, 1980-01-01 or later; by default 30 days, 12 weeks or 12 "
            "months ago.",
            "to": "The day after the last; by default the last is today.",
            "format": "`csv` returns a file with a line for each bucket.",
        },
        responses={
            S.OK: DeclaredResponse(
                description="The movements by mode and currency.",
                headers=(LAG_MS,),
                content={
                    JSON: Content(
                        model=MrrMovementReport, examples={"january": examples.MRR_MOVEMENT}
                    ),
                    "text/csv": Content(
                        schema={"type": "string"},
                        examples={"january": examples.MRR_MOVEMENT_CSV},
                    ),
                },
            ),
            **error_responses(_MRR_MOVEMENT, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_DRIFT,
        id="getDrift",
        tag=TAG,
        summary="List what differed from the providers, and how soon it was healed",
        description="Each difference that reconciliation found between what was known here and "
        "what the provider has: a webhook that never came, an object that nobody knew. Times to "
        "heal run from the change at the provider, where its time is known. Newest first.",
        security=openapi_common.OF_APP,
        query=DriftQuery,
        parameter_descriptions={
            "from": "The first day of detection; 30 days where it is left out.",
            "to": "The day after the last; today is the last where it is left out.",
            "timezone": "An IANA time zone; the app's where it is left out.",
            "mode": "Only this mode.",
            "provider": "Only this provider.",
            "connection": "Only this payment connection, by its name.",
            "foundBy": "Only what this part of reconciliation found.",
            "field": "Only this field; `refunds` stands for all refunds.",
            "objectId": "Only the provider's object with this id.",
            "state": "Only these; several separated by commas.",
            "format": "`csv` for the whole filtered list, a line for each difference.",
        },
        responses={
            S.OK: DeclaredResponse(
                description="A page of differences, and the sums over all pages.",
                headers=(LAG_MS,),
                content={
                    JSON: Content(model=DriftReport, examples={"a_refund": examples.DRIFT}),
                    "text/csv": Content(
                        schema={"type": "string"}, examples={"a_refund": examples.DRIFT_CSV}
                    ),
                },
            ),
            **error_responses(_DRIFT, *READ_ERRORS, "read_model_behind"),
        },
    ),
)
