"""Queries of the revenue and drift reports."""

from typing import Annotated, Literal

from pydantic import Field

from domain.inbox.commands import FoundBy
from projections.reconciliation.projector import STATES
from service.apps.app_endpoints import TimeZone
from service.http.queries import ReadQuery, split_into
from service.http.validation import Name, SchemaKeywords, Token
from service.reports.periods import Day, Interval, ReportQuery

_AnyState = Annotated[str, SchemaKeywords({"enum": list(STATES)})]


class RevenueQuery(ReportQuery):
    """Query of the revenue report: the interval of its buckets, and the format."""

    interval: Interval = "day"
    format: Literal["json", "csv"] = "json"


class MrrMovementQuery(RevenueQuery):
    """Query of the movement of recurring revenue, by month where no interval is given."""

    interval: Interval = "month"


class DriftQuery(ReadQuery):
    """Query of the drift report: days of detection, filters and page; `to` is exclusive."""

    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    timezone: TimeZone | None = None
    mode: Literal["live", "test"] | None = None
    provider: Literal["stripe", "mollie"] | None = None
    connection: Name | None = None
    found_by: FoundBy | None = None
    field: Name | None = None
    object_id: Name | None = None
    state: Annotated[list[_AnyState], split_into(STATES)] = Field(default_factory=list)
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[Token, Field(max_length=2000)] | None = None
    format: Literal["json", "csv"] = "json"
