"""Build the context of the application: open its connections, start its background tasks."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from uuid import uuid4

import eventlog
import projections
from domain.billing import Billing
from eventlog import persistence
from eventlog.async_store import AsyncStore
from eventlog.codec import Codec
from eventlog.database.migrate import pending
from eventlog.follow.tail import Tail
from eventlog.log import Log
from eventlog.process.supervise import supervise
from eventlog.security.vault import Vault
from projections.access.queries import AccessQueries
from projections.catalogue.queries import CatalogueQueries
from projections.engine import health
from projections.engine.pool import ReadPool, open_pool
from projections.inbox.queries import DeliveryQueries
from projections.inbox.rejected import RejectedDeliveries
from projections.invoices.event_feed import ChangeQueries
from projections.invoices.queries import InvoiceQueries
from projections.reports.queries import ReportQueries
from projections.subscriptions.queries import SubscriptionQueries
from projections.work.provider_lookup import ProviderLookupClient
from projections.work.queries import WorkQueries
from service.apps.context import AppsContext
from service.auth.access_cache import AccessCache, stopped
from service.auth.context import AuthContext
from service.auth.rate_limit import RateLimiter
from service.catalogue.catalogue import Catalogue
from service.catalogue.context import CatalogueContext
from service.context import Context
from service.dialects.context import DialectsContext
from service.invoices.context import InvoicesContext
from service.invoices.documents import Documents, Links
from service.operations.context import OperationsContext
from service.operations.metrics import Metrics
from service.operations.readiness import Readiness
from service.payment_methods.context import PaymentMethodsContext
from service.recording.context import RecordingContext
from service.recording.provider_lookup import ProviderLookups
from service.recording.streams import Streams
from service.recording.waits import Waits
from service.reports.context import ReportsContext
from service.settings import Settings
from service.subscriptions.context import SubscriptionsContext
from service.tenants.context import TenantsContext
from service.tenants.registry import KnownTenants
from service.webhooks.budgets import DeliveryBudgets
from service.webhooks.context import WebhooksContext
from service.webhooks.hints import Hints
from service.webhooks.rejection_log import RejectionLog
from service.work.context import WorkContext


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """Dependencies that several capabilities share."""

    settings: Settings
    pool: ReadPool
    auth: AuthContext
    recording: RecordingContext
    readiness: Readiness
    known_tenants: KnownTenants
    links: Links
    provider_lookups: ProviderLookups
    now: Callable[[], datetime]


async def open_context(
    settings: Settings, stack: AsyncExitStack, *, metrics: Metrics, waits: Waits
) -> Context:
    """Open everything that the endpoints need; `stack` closes it again."""
    dsn = settings.database_url.get_secret_value()
    pool = await open_pool(dsn)
    stack.push_async_callback(pool.close)
    auth = await _auth(settings, stack, pool)
    recording = await _recording(settings, stack, pool, auth.access, metrics=metrics, waits=waits)
    shared = _Shared(
        settings=settings,
        pool=pool,
        auth=auth,
        recording=recording,
        readiness=Readiness(
            states=lambda: health.states(pool),
            pending_migrations=lambda: pending(dsn, eventlog.MIGRATIONS, projections.MIGRATIONS),
            access=auth.access,
            lag_bound_ms=settings.lag_bound_ms,
        ),
        known_tenants=KnownTenants(recording.log),
        links=Links(settings.master_key_list(), public_url=settings.public_url),
        provider_lookups=await _lookups(settings, stack, waits=waits),
        now=_now,
    )
    return _context(shared, rejections=await _rejections(dsn, stack))


def _context(shared: _Shared, *, rejections: RejectionLog) -> Context:
    settings, now = shared.settings, shared.now
    auth, recording, pool = shared.auth, shared.recording, shared.pool
    catalogue = Catalogue(CatalogueQueries(pool), recording.streams)
    return Context(
        settings=settings,
        auth=auth,
        recording=recording,
        operations=OperationsContext(
            public_url=settings.public_url,
            readiness=shared.readiness,
            metrics=recording.metrics,
            work=WorkQueries(pool),
        ),
        apps=AppsContext(settings=settings, auth=auth, recording=recording, now=now),
        catalogue=CatalogueContext(
            settings=settings, recording=recording, catalogue=catalogue, now=now
        ),
        tenants=TenantsContext(
            settings=settings,
            auth=auth,
            recording=recording,
            known_tenants=shared.known_tenants,
            now=now,
        ),
        invoices=_invoices(shared),
        subscriptions=_subscriptions(shared),
        payment_methods=PaymentMethodsContext(
            settings=settings,
            access=auth.access,
            recording=recording,
            known_tenants=shared.known_tenants,
            links=shared.links,
            now=now,
        ),
        reports=ReportsContext(
            settings=settings,
            recording=recording,
            readiness=shared.readiness,
            reports=ReportQueries(pool),
            changes=ChangeQueries(pool),
            now=now,
        ),
        webhooks=_webhooks(shared, rejections),
        work=WorkContext(
            settings=settings, recording=recording, queries=WorkQueries(pool), now=now
        ),
        dialects=_dialects(shared),
    )


def _invoices(shared: _Shared) -> InvoicesContext:
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


def _subscriptions(shared: _Shared) -> SubscriptionsContext:
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


def _webhooks(shared: _Shared, rejections: RejectionLog) -> WebhooksContext:
    settings, recording = shared.settings, shared.recording
    return WebhooksContext(
        settings=settings,
        access=shared.auth.access,
        open_secret=shared.auth.open_secret,
        recording=recording,
        readiness=shared.readiness,
        deliveries=DeliveryQueries(shared.pool),
        rejections=rejections,
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
        now=shared.now,
    )


def _dialects(shared: _Shared) -> DialectsContext:
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


async def _auth(settings: Settings, stack: AsyncExitStack, pool: ReadPool) -> AuthContext:
    rows = AccessQueries(pool)
    access = AccessCache(rows, max_age_s=settings.access_max_age_s)
    looking = supervise(access.keep_looking(), name="access")
    stack.push_async_callback(stopped, looking)
    await access.wait_until_verified(settings.access_start_wait_s)
    return AuthContext(
        access=access,
        access_rows=rows,
        rates=RateLimiter(per_minute=settings.rate_limit_per_minute),
        open_secret=_secret_opener(settings),
        seal_secret=_secret_sealer(settings),
        now=_now,
    )


async def _recording(
    settings: Settings,
    stack: AsyncExitStack,
    pool: ReadPool,
    access: AccessCache,
    *,
    metrics: Metrics,
    waits: Waits,
) -> RecordingContext:
    dsn = settings.database_url.get_secret_value()
    log = await Log.open_async(dsn, application_name="billhook service")
    stack.push_async_callback(log.close_async)
    tail = await Tail(dsn).open()
    stack.push_async_callback(tail.close)
    return RecordingContext(
        settings=settings,
        log=log,
        store=AsyncStore(log, on_append=metrics.record_append),
        tail=tail,
        streams=Streams(log, Codec()),
        billing=_billing(log, stack),
        waits=waits,
        metrics=metrics,
        read_model=InvoiceQueries(pool),
        access=access,
        now=_now,
    )


def _now() -> datetime:
    return datetime.now(UTC)


async def _lookups(settings: Settings, stack: AsyncExitStack, *, waits: Waits) -> ProviderLookups:
    channel = ProviderLookupClient(settings.database_url.get_secret_value())
    await channel.open()
    stack.push_async_callback(channel.close)
    vault = Vault(settings.master_key_list())
    return ProviderLookups(channel, vault=vault, waits=waits, timeout_s=settings.lookup_timeout_s)


async def _rejections(dsn: str, stack: AsyncExitStack) -> RejectionLog:
    book = RejectedDeliveries(dsn)
    await book.open()
    stack.push_async_callback(book.close)
    rejections = RejectionLog(book)
    writing = supervise(rejections.keep_writing(), name="rejected deliveries")
    stack.push_async_callback(rejections.close, writing)
    return rejections


def _secret_opener(settings: Settings) -> Callable[[str, str], str]:
    """Decrypt each webhook secret once, not at each delivery."""
    vault = Vault(settings.master_key_list())
    return lru_cache(maxsize=1024)(lambda sealed, context: vault.open(sealed, context=context))


def _secret_sealer(settings: Settings) -> Callable[[str, str], str]:
    vault = Vault(settings.master_key_list())
    return lambda text, context: vault.seal(text, context=context)


def _billing(log: Log, stack: AsyncExitStack) -> Billing:
    """Put the domain's commands on this process's log."""
    name = f"service-{uuid4()}"
    persistence.register(name, log)
    stack.callback(persistence.register, name, None)
    return Billing(env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": name})
