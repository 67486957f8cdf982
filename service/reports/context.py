from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from projections.invoices.event_feed import ChangeQueries
from projections.reconciliation.queries import DriftQueries
from projections.reports.queries import ReportQueries
from projections.reports.recurring_queries import RecurringQueries
from service.operations.readiness import Readiness
from service.recording.context import RecordingContext
from service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ReportsContext:
    """Dependencies of the reports and of the event feed."""

    settings: Settings
    recording: RecordingContext
    readiness: Readiness
    reports: ReportQueries
    recurring: RecurringQueries
    changes: ChangeQueries
    drift: DriftQueries
    now: Callable[[], datetime]


def context_of(request: Request) -> ReportsContext:
    """Return the reports context of the application that serves the request."""
    return cast("ReportsContext", request.app.state.context.reports)
