"""The composition root: everything is put together here, once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

import eventlog
import projections
from domain.billing import Billing
from eventlog import persistence
from eventlog.codec import Codec
from eventlog.database.migrate import pending
from eventlog.follow.tail import Tail
from eventlog.log import Log
from eventlog.security.vault import Vault
from projections.access.queries import AccessQueries
from projections.catalogue.queries import CatalogueQueries
from projections.engine import health
from projections.engine.pool import open_pool
from projections.inbox.queries import DeliveryQueries
from projections.inbox.rejected import RejectedDeliveries
from projections.invoices.event_feed import ChangeQueries
from projections.invoices.queries import InvoiceQueries
from projections.reports.queries import ReportQueries
from projections.subscriptions.queries import SubscriptionQueries
from projections.work.provider_lookup import ProviderLookupClient
from projections.work.queries import WorkQueries
from service.auth.access_cache import AccessCache, stopped
from service.auth.rate_limit import Rates
from service.catalogue.catalogue import Catalogue
from service.context import Context
from service.http.cors import Cors
from service.http.errors import KNOWN, problem_of
from service.http.limits import Limits
from service.http.responses import refusal
from service.invoices.documents import Documents, Links
from service.operations.metrics import Metrics
from service.operations.readiness import Readiness
from service.operations.request_log import Edge
from service.recording.provider_lookup import Asks
from service.recording.streams import Streams
from service.recording.waits import Waits
from service.routes import ROUTES
from service.settings import Settings
from service.tenants.registry import KnownTenants
from service.webhooks.hints import Hints
from service.webhooks.rejection_log import RefusedDeliveries


def create_app(settings: Settings) -> Starlette:
    """Put the service together; nothing is opened before the application starts."""
    metrics = Metrics(folder=settings.metrics_folder)
    waits = Waits()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.context = await _open(settings, stack, metrics=metrics, waits=waits)
            yield

    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(Cors),
            Middleware(Edge, metrics=metrics),
            Middleware(Limits, settings=settings),
        ],
        exception_handlers=dict.fromkeys((HTTPException, *KNOWN), _refuse),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.waits = waits
    return app


async def _open(
    settings: Settings, stack: AsyncExitStack, *, metrics: Metrics, waits: Waits
) -> Context:
    dsn = settings.database_url.get_secret_value()
    log = await Log.open_async(dsn, application_name="billhook service")
    stack.push_async_callback(log.close_async)
    tail = await Tail(dsn).open()
    stack.push_async_callback(tail.close)
    pool = await open_pool(dsn)
    stack.push_async_callback(pool.close)
    access_rows = AccessQueries(pool)
    access = AccessCache(access_rows, max_age_s=settings.access_max_age_s)
    looking = asyncio.create_task(access.keep_looking(), name="access")
    stack.push_async_callback(stopped, looking)
    await access.wait_until_verified(settings.access_start_wait_s)
    asks = await _asks(settings, stack, waits=waits)
    codec = Codec()
    streams = Streams(log, codec)
    return Context(
        settings=settings,
        log=log,
        codec=codec,
        tail=tail,
        streams=streams,
        billing=_billing(log, stack),
        open_secret=_secret_opener(settings),
        seal_secret=_secret_sealer(settings),
        access=access,
        access_rows=access_rows,
        rates=Rates(per_minute=settings.rate_limit_per_minute),
        invoices=InvoiceQueries(pool),
        changes=ChangeQueries(pool),
        reports=ReportQueries(pool),
        subscriptions=SubscriptionQueries(pool),
        deliveries=DeliveryQueries(pool),
        work=WorkQueries(pool),
        refused=await _refused(dsn, stack),
        hints=Hints(log, codec, metrics, per_minute=settings.hints_per_minute),
        tenants=KnownTenants(log),
        catalogue=Catalogue(CatalogueQueries(pool), streams),
        asks=asks,
        documents=Documents(asks),
        links=Links(settings.master_key_list(), public_url=settings.public_url),
        waits=waits,
        metrics=metrics,
        readiness=Readiness(
            states=lambda: health.states(pool),
            pending_migrations=lambda: pending(dsn, eventlog.MIGRATIONS, projections.MIGRATIONS),
            access=access,
            lag_bound_ms=settings.lag_bound_ms,
        ),
        now=lambda: datetime.now(UTC),
    )


async def _asks(settings: Settings, stack: AsyncExitStack, *, waits: Waits) -> Asks:
    channel = ProviderLookupClient(settings.database_url.get_secret_value())
    await channel.open()
    stack.push_async_callback(channel.close)
    vault = Vault(settings.master_key_list())
    return Asks(channel, vault=vault, waits=waits, timeout_s=settings.ask_timeout_s)


async def _refused(dsn: str, stack: AsyncExitStack) -> RefusedDeliveries:
    book = RejectedDeliveries(dsn)
    await book.open()
    stack.push_async_callback(book.close)
    refused = RefusedDeliveries(book)
    writing = asyncio.create_task(refused.keep_writing(), name="refused deliveries")
    stack.push_async_callback(refused.close, writing)
    return refused


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


async def _refuse(request: Request, error: Exception) -> Response:
    return refusal(problem_of(error), request.scope)
