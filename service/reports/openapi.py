"""An app's changes, and its sums."""

from http import HTTPStatus as S
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from service.openapi import common as openapi_common
from service.openapi.common import LAG_MS
from service.openapi.common_schemas import JsonObject, Minor, Mode, Moment, Position, ResponseModel
from service.openapi.declare import JSON, Answer, Content, Operation, json_answer
from service.openapi.error_responses import CALLING, error_answers
from service.reports import openapi_examples as examples
from service.reports.endpoints import RevenueQuery
from service.reports.event_feed import EventsQuery
from service.reports.periods import ReportQuery


class Change(ResponseModel):
    """Something that happened to an invoice or a tenant."""

    position: Position
    type: str
    at: Moment
    by: str | None
    invoice_uuid: UUID | None
    subscription_uuid: UUID | None
    tenant_uuid: UUID | None
    data: JsonObject


class Changes(ResponseModel):
    """What happened, in the order of the log."""

    kind: Literal["events"]
    items_length: Annotated[int, Field(ge=0, le=1000)]
    items: list[Change]
    position: Position
    """Pass it as `after` to go on."""


class Turnover(ResponseModel):
    """What came in and went back in a period. Each amount counts when it came or went."""

    collected_minor: Minor
    collected_count: int
    refunded_minor: Minor
    refunded_count: int
    disputed_minor: Minor
    """Open and lost disputes; one that is won is taken out."""
    disputed_count: int
    net_minor: Minor
    """Collected less refunded and disputed."""
    attempts: int
    """Attempts to charge that ended: with the money, or refused."""
    failed_attempts: int
    failure_rate: Annotated[float | None, Field(ge=0, le=1)]
    """`failedAttempts` of `attempts`; null where none ended."""


class Sums(Turnover):
    """What came in, went back and is owed, in one currency and mode."""

    mode: Mode
    currency: str
    outstanding_minor: Minor
    outstanding_count: int
    overdue_minor: Minor
    overdue_count: int
    mrr_minor: Minor
    """What subscriptions bring in a month: active and past due ones, net of tax and discounts."""
    active_subscriptions: int
    """How many these are; trials are none of them."""


class Summary(ResponseModel):
    """Sums by mode and currency; never over either."""

    kind: Literal["summary"]
    total_items: int
    items_length: int
    items: list[Sums]
    from_: Annotated[Moment | None, Field(alias="from")]
    to: Moment | None
    timezone: str
    at: Moment
    """What is outstanding or overdue is so at this time."""


class Bucket(Turnover):
    """A day, week or month; the first and the last are cut where the period begins and ends."""

    period: Annotated[str, Field(examples=["2026-01-31", "2026-W05", "2026-01"])]
    """As ISO 8601 names it."""
    start: Moment
    end: Moment
    """No more in it."""


class Revenue(ResponseModel):
    """What came in and went back in one currency and mode."""

    mode: Mode
    currency: str
    buckets: Annotated[list[Bucket], Field(min_length=1, max_length=400)]
    """All of the period's, also those in which nothing happened."""
    totals: Turnover


class RevenueReport(ResponseModel):
    """Sums by mode and currency; never over either. All have the same buckets."""

    kind: Literal["revenue"]
    total_items: int
    items_length: int
    items: list[Revenue]
    """One for each mode and currency that the app ever had an invoice in."""
    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    interval: Literal["day", "week", "month"]
    timezone: str


TAG: Final = "Changes and reports"
_EVENTS: Final = "/api/v1/apps/{appUuid}/events"
_SUMMARY: Final = "/api/v1/apps/{appUuid}/reports/summary"
_REVENUE: Final = "/api/v1/apps/{appUuid}/reports/revenue"
_MONEY: Final = {
    "mode": "Only this mode.",
    "currency": "Only this currency.",
    "provider": "Only what went through this provider.",
    "connection": "Only what went through this payment connection, by its name.",
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_EVENTS,
        id="listEvents",
        tag=TAG,
        summary="Follow what happens in the app",
        description="In the order of the log. Keep `position` and ask for what came `after` it: "
        "nothing is missed. With `wait`, the answer comes as soon as something happens.",
        security=openapi_common.OF_APP,
        query=EventsQuery,
        answers={
            S.OK: json_answer(
                "What happened.",
                Changes,
                headers=(LAG_MS,),
                a_payment=examples.CHANGES,
            ),
            **error_answers(_EVENTS, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_SUMMARY,
        id="getSummary",
        tag=TAG,
        summary="Sum up what came in, went back and is owed",
        security=openapi_common.OF_APP,
        query=ReportQuery,
        query_words=_MONEY,
        answers={
            S.OK: json_answer(
                "By mode and currency.",
                Summary,
                headers=(LAG_MS,),
                january=examples.SUMMARY,
            ),
            **error_answers(_SUMMARY, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_REVENUE,
        id="getRevenue",
        tag=TAG,
        summary="Show what came in and went back by day, week or month",
        description="Payments count when they were made, refunds and disputes when they were, by "
        "the provider's clock. A refund that fails later, and a dispute that is won, is taken out "
        "of its bucket. Days are those of the time zone, of 23 or 25 hours where clocks are put "
        "forward or back; weeks begin on Monday. At most 400 buckets.",
        security=openapi_common.OF_APP,
        query=RevenueQuery,
        query_words={
            **_MONEY,
            "from": "The first day, 1980-01-01 or later; 30 days, 12 weeks or 12 months where it "
            "is left out.",
            "to": "The day after the last; today is the last where it is left out.",
            "format": "`csv` for a line for each bucket.",
        },
        answers={
            S.OK: Answer(
                description="By mode and currency.",
                headers=(LAG_MS,),
                content={
                    JSON: Content(model=RevenueReport, examples={"january": examples.REVENUE}),
                    "text/csv": Content(
                        schema={"type": "string"},
                        examples={"january": examples.REVENUE_CSV},
                    ),
                },
            ),
            **error_answers(_REVENUE, *CALLING, "read_model_behind"),
        },
    ),
)
