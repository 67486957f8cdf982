"""Build the contexts of the capabilities from the shared dependencies."""

from contextlib import AsyncExitStack
from functools import lru_cache
from typing import Final

from projections.catalogue.queries import CatalogueQueries
from projections.dashboard.queries import DashboardQueries
from projections.inbox.dead_letters import DeadLetterQueries
from projections.inbox.queries import DeliveryQueries
from projections.invoices.event_feed import ChangeQueries
from projections.invoices.queries import InvoiceQueries
from projections.operations.reconciliation_state import read_connections
from projections.operations.system_state import read_state
from projections.reconciliation.queries import DriftQueries
from projections.reports.queries import ReportQueries
from projections.reports.recurring_queries import RecurringQueries
from projections.subscriptions.queries import SubscriptionQueries
from projections.work.queries import WorkQueries
from service.apps.context import AppsContext
from service.auth.rate_limit import RateLimiter
from service.catalogue.catalogue import Catalogue
from service.catalogue.context import CatalogueContext
from service.context import Context
from service.dashboard.context import DashboardContext
from service.dashboard.pending_sign_ins import PendingSignIns
from service.dashboard.sessions import Sessions
from service.dependencies import Dependencies, open_dependencies
from service.dialects.context import DialectsContext
from service.invoices.context import InvoicesContext
from service.invoices.documents import Documents
from service.operations.context import OperationsContext
from service.operations.metrics import Metrics
from service.operations.system_watch import SystemWatch
from service.payment_methods.context import PaymentMethodsContext
from service.recording.waits import Waits
from service.reports.context import ReportsContext
from service.settings import Settings
from service.subscriptions.context import SubscriptionsContext
from service.tenants.context import TenantsContext
from service.webhooks.budgets import DeliveryBudgets
from service.webhooks.context import WebhooksContext
from service.webhooks.hints import Hints
from service.webhooks.large_bodies import LargeBodies
from service.work.context import WorkContext

_MOST_SECRETS: Final = 1024


async def open_context(
    settings: Settings, stack: AsyncExitStack, *, metrics: Metrics, waits: Waits
) -> Context:
    """Open the context of the application; `stack` closes it."""
    return _context(await open_dependencies(settings, stack, metrics=metrics, waits=waits))


def _context(shared: Dependencies) -> Context:
    return Context(
        settings=shared.settings,
        auth=shared.auth,
        recording=shared.recording,
        operations=_operations(shared),
        apps=_apps(shared),
        catalogue=_catalogue(shared),
        tenants=_tenants(shared),
        invoices=_invoices(shared),
        subscriptions=_subscriptions(shared),
        payment_methods=_payment_methods(shared),
        reports=_reports(shared),
        webhooks=_webhooks(shared),
        work=_work(shared),
        dialects=_dialects(shared),
        dashboard=_dashboard(shared),
    )


def _operations(shared: Dependencies) -> OperationsContext:
    return OperationsContext(
        public_url=shared.settings.public_url,
        metrics_port=shared.settings.metrics_port,
        readiness=shared.readiness,
        metrics=shared.recording.metrics,
        watch=SystemWatch(
            lambda: read_state(shared.pool), max_age_s=shared.settings.metrics_max_age_s
        ),
    )


def _apps(shared: Dependencies) -> AppsContext:
    return AppsContext(
        settings=shared.settings,
        auth=shared.auth,
        recording=shared.recording,
        provider_lookups=shared.provider_lookups,
        connection_states=lambda app_id: read_connections(shared.pool, app_id),
        now=shared.now,
    )


def _catalogue(shared: Dependencies) -> CatalogueContext:
    return CatalogueContext(
        settings=shared.settings,
        recording=shared.recording,
        catalogue=Catalogue(CatalogueQueries(shared.pool), shared.recording.streams),
        now=shared.now,
    )


def _tenants(shared: Dependencies) -> TenantsContext:
    return TenantsContext(
        settings=shared.settings,
        auth=shared.auth,
        recording=shared.recording,
        known_tenants=shared.known_tenants,
        now=shared.now,
    )


def _payment_methods(shared: Dependencies) -> PaymentMethodsContext:
    return PaymentMethodsContext(
        settings=shared.settings,
        access=shared.auth.access,
        recording=shared.recording,
        known_tenants=shared.known_tenants,
        links=shared.links,
        now=shared.now,
    )


def _reports(shared: Dependencies) -> ReportsContext:
    return ReportsContext(
        settings=shared.settings,
        recording=shared.recording,
        readiness=shared.readiness,
        reports=ReportQueries(shared.pool),
        recurring=RecurringQueries(shared.pool),
        changes=ChangeQueries(shared.pool),
        drift=DriftQueries(shared.pool),
        now=shared.now,
    )


def _work(shared: Dependencies) -> WorkContext:
    return WorkContext(
        settings=shared.settings,
        recording=shared.recording,
        queries=WorkQueries(shared.pool),
        now=shared.now,
    )


def _invoices(shared: Dependencies) -> InvoicesContext:
    return InvoicesContext(
        settings=shared.settings,
        access=shared.auth.access,
        recording=shared.recording,
        known_tenants=shared.known_tenants,
        readiness=shared.readiness,
        queries=shared.recording.read_model,
        documents=Documents(shared.provider_lookups),
        links=shared.links,
        now=shared.now,
    )


def _subscriptions(shared: Dependencies) -> SubscriptionsContext:
    return SubscriptionsContext(
        settings=shared.settings,
        access=shared.auth.access,
        access_rows=shared.auth.access_rows,
        recording=shared.recording,
        known_tenants=shared.known_tenants,
        readiness=shared.readiness,
        queries=SubscriptionQueries(shared.pool),
        now=shared.now,
    )


def _webhooks(shared: Dependencies) -> WebhooksContext:
    settings, recording = shared.settings, shared.recording
    return WebhooksContext(
        settings=settings,
        access=shared.auth.access,
        # Deliveries of a connection follow each other closely, each signed with the same secret.
        open_secret=lru_cache(maxsize=_MOST_SECRETS)(shared.auth.open_secret),
        recording=recording,
        readiness=shared.readiness,
        deliveries=DeliveryQueries(shared.pool),
        dead_letters=DeadLetterQueries(shared.pool),
        rejections=shared.rejections,
        hints=Hints(
            recording.store,
            recording.metrics,
            is_ours=InvoiceQueries(shared.pool).knows_provider_object,
            per_minute=settings.hints_per_minute,
        ),
        budgets=DeliveryBudgets(
            recording.metrics,
            per_minute=settings.webhooks_per_minute,
            bytes_per_day=settings.webhook_bytes_per_day,
        ),
        large_bodies=LargeBodies(),
        now=shared.now,
    )


def _dialects(shared: Dependencies) -> DialectsContext:
    return DialectsContext(
        settings=shared.settings,
        access=shared.auth.access,
        recording=shared.recording,
        known_tenants=shared.known_tenants,
        readiness=shared.readiness,
        invoices=shared.recording.read_model,
        provider_lookups=shared.provider_lookups,
        links=shared.links,
        now=shared.now,
    )


def _dashboard(shared: Dependencies) -> DashboardContext:
    settings, pool = shared.settings, shared.pool
    return DashboardContext(
        settings=settings,
        auth=shared.auth,
        recording=shared.recording,
        readiness=shared.readiness,
        sessions=Sessions(settings.master_key_list()),
        oidc=shared.oidc,
        pending_sign_ins=PendingSignIns(settings.master_key_list()),
        sign_ins=RateLimiter(per_minute=settings.sign_ins_per_minute),
        links=shared.links,
        queries=DashboardQueries(pool),
        reports=ReportQueries(pool),
        recurring=RecurringQueries(pool),
        changes=ChangeQueries(pool),
        invoices=InvoiceQueries(pool),
        subscriptions=SubscriptionQueries(pool),
        deliveries=DeliveryQueries(pool),
        work=WorkQueries(pool),
        drift=DriftQueries(pool),
        connection_states=lambda app_id: read_connections(pool, app_id),
        log_verifier=shared.log_verifier,
        now=shared.now,
    )
