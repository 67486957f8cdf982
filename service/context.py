from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from domain.billing import Billing
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.tail import Tail
from projections.access_queries import AccessQueries
from projections.changes import ChangeQueries
from projections.delivery_queries import DeliveryQueries
from projections.queries import InvoiceQueries
from projections.reports import ReportQueries
from projections.subscription_queries import SubscriptionQueries
from projections.work_queries import WorkQueries
from service.access_cache import AccessCache
from service.asks import Asks
from service.catalogue import Catalogue
from service.documents import Documents
from service.hints import Hints
from service.links import Links
from service.metrics import Metrics
from service.rates import Rates
from service.readiness import Readiness
from service.refused_deliveries import RefusedDeliveries
from service.settings import Settings
from service.streams import Streams
from service.tenants_known import KnownTenants
from service.waits import Waits


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
