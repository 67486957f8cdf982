from http import HTTPStatus as S
from typing import Final

from service.endpoints.app_events import EventsQuery
from service.endpoints.summary import SummaryQuery
from service.openapi import examples, security
from service.openapi.declaring import Operation, json_answer
from service.openapi.headers import LAG_MS
from service.openapi.refusals import CALLING, refused
from service.openapi.shapes_reports import Changes, Summary

TAG: Final = "Changes and reports"
_EVENTS: Final = "/api/v1/apps/{appUuid}/events"
_SUMMARY: Final = "/api/v1/apps/{appUuid}/reports/summary"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_EVENTS,
        id="listEvents",
        tag=TAG,
        summary="Follow what happens in the app",
        description="In the order of the log. Keep `position` and ask for what came `after` it: "
        "nothing is missed. With `wait`, the answer comes as soon as something happens.",
        security=security.OF_APP,
        query=EventsQuery,
        answers={
            S.OK: json_answer(
                "What happened.", Changes, headers=(LAG_MS,), a_payment=examples.CHANGES
            ),
            **refused(_EVENTS, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_SUMMARY,
        id="getSummary",
        tag=TAG,
        summary="Sum up what came in, went back and is owed",
        security=security.OF_APP,
        query=SummaryQuery,
        query_words={
            "mode": "Only this mode.",
            "currency": "Only this currency.",
        },
        answers={
            S.OK: json_answer(
                "By mode and currency.", Summary, headers=(LAG_MS,), january=examples.SUMMARY
            ),
            **refused(_SUMMARY, *CALLING, "read_model_behind"),
        },
    ),
)
