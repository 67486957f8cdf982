"""The query that all reports share (API: Reports)."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from projections.reports import ReportFilter
from service.app_changes import TimeZone
from service.list_query import ReadQuery
from service.periods import Day
from service.validation import Currency, Name


class ReportQuery(ReadQuery):
    """Which days, of which time zone (else the app's), and what money; `to` is the day after."""

    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    timezone: TimeZone | None = None
    mode: Literal["live", "test"] | None = None
    currency: Currency | None = None
    provider: Literal["stripe", "mollie"] | None = None
    connection: Name | None = None

    def filter_of(self, app_id: UUID) -> ReportFilter:
        """Say what is asked of the sums, but for the days."""
        return ReportFilter(
            app_id=app_id,
            mode=self.mode,
            currency=self.currency,
            provider=self.provider,
            connection=self.connection,
        )
