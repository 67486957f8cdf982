from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from starlette.requests import Request

from projections.dashboard.queries import DashboardQueries
from projections.inbox.queries import DeliveryQueries
from projections.invoices.event_feed import ChangeQueries
from projections.invoices.queries import InvoiceQueries
from projections.operations.reconciliation_state import ConnectionState
from projections.reconciliation.queries import DriftQueries
from projections.reports.queries import ReportQueries
from projections.reports.recurring_queries import RecurringQueries
from projections.subscriptions.queries import SubscriptionQueries
from projections.work.queries import WorkQueries
from service.auth.context import AuthContext
from service.auth.rate_limit import RateLimiter
from service.dashboard.log_verifier import LogVerifier
from service.dashboard.pending_sign_ins import PendingSignIns
from service.dashboard.sessions import Sessions
from service.invoices.documents import Links
from service.oidc.sign_in import OpenIdConnect
from service.operations.readiness import Readiness
from service.recording.context import RecordingContext
from service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class DashboardContext:
    """Dependencies of the dashboard."""

    settings: Settings
    auth: AuthContext
    recording: RecordingContext
    readiness: Readiness
    sessions: Sessions
    oidc: OpenIdConnect | None
    pending_sign_ins: PendingSignIns
    sign_ins: RateLimiter
    links: Links
    queries: DashboardQueries
    reports: ReportQueries
    recurring: RecurringQueries
    changes: ChangeQueries
    invoices: InvoiceQueries
    subscriptions: SubscriptionQueries
    deliveries: DeliveryQueries
    work: WorkQueries
    drift: DriftQueries
    connection_states: Callable[[UUID], Awaitable[list[ConnectionState]]]
    log_verifier: LogVerifier
    now: Callable[[], datetime]


def context_of(request: Request) -> DashboardContext:
    """Return the dashboard context of the application that serves the request."""
    return cast("DashboardContext", request.app.state.context.dashboard)
