"""Queries of the revenue report."""

from typing import Literal

from service.reports.periods import Interval, ReportQuery


class RevenueQuery(ReportQuery):
    """Query of the revenue report: the interval of its buckets, and the format."""

    interval: Interval = "day"
    format: Literal["json", "csv"] = "json"
