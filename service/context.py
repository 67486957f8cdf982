from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from domain.billing import Billing
from eventlog.codec import Codec
from eventlog.follow.tail import Tail
from eventlog.log import Log
from projections.access.queries import AccessQueries
from projections.inbox.queries import DeliveryQueries
from projections.invoices.event_feed import ChangeQueries
from projections.invoices.queries import InvoiceQueries
from projections.reports.queries import ReportQueries
from projections.subscriptions.queries import SubscriptionQueries
from projections.work.queries import WorkQueries
from service.auth.access_cache import AccessCache
from service.auth.rate_limit import Rates
from service.catalogue.catalogue import Catalogue
from service.invoices.documents import Documents, Links
from service.operations.metrics import Metrics
from service.operations.readiness import Readiness
from service.recording.provider_lookup import Asks
from service.recording.streams import Streams
from service.recording.waits import Waits
from service.settings import Settings
from service.tenants.registry import KnownTenants
from service.webhooks.hints import Hints
from service.webhooks.rejection_log import RefusedDeliveries


@dataclass(frozen=True, kw_only=True)
class Context:
    """What endpoints share; made once by the composition root."""

    settings: Settings
    log: Log
    codec: Codec
    tail: Tail
    streams: Streams
    billing: Billing
    open_secret: Callable[[str, str], str]
    """Opens what was sealed for a context; remembers what it opened."""
    seal_secret: Callable[[str, str], str]
    """Seals for a context what `open_secret` opens."""
    access: AccessCache
    access_rows: AccessQueries
    """The same, as it stands in the read model this moment."""
    rates: Rates
    invoices: InvoiceQueries
    changes: ChangeQueries
    reports: ReportQueries
    subscriptions: SubscriptionQueries
    deliveries: DeliveryQueries
    work: WorkQueries
    refused: RefusedDeliveries
    hints: Hints
    tenants: KnownTenants
    catalogue: Catalogue
    asks: Asks
    documents: Documents
    links: Links
    waits: Waits
    metrics: Metrics
    readiness: Readiness
    now: Callable[[], datetime]


def context_of(request: Request) -> Context:
    """Give what the application that serves the request was made with."""
    return cast("Context", request.app.state.context)
