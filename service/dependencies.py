"""Open the connections and start the background tasks that all capabilities share."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import uuid4

import eventlog
import projections
from domain.billing import Billing
from eventlog import persistence
from eventlog.append.limits import CommitLimits
from eventlog.async_store import AsyncStore
from eventlog.codec import Codec
from eventlog.database.migrate import pending
from eventlog.follow.tail import Tail
from eventlog.log import Log
from eventlog.process.supervise import supervise
from eventlog.security.vault import Vault
from projections.access.queries import AccessQueries
from projections.engine import health
from projections.engine.pool import ReadPool, open_pool
from projections.inbox.rejected import RejectedDeliveries
from projections.invoices.queries import InvoiceQueries
from projections.operations.log_checks import LogChecks
from projections.work.provider_lookup import ProviderLookupClient
from service.auth.access_cache import AccessCache, stopped
from service.auth.context import AuthContext
from service.auth.failed_lookups import FailedLookups
from service.auth.rate_limit import RateLimiter
from service.dashboard.log_verifier import LogVerifier
from service.invoices.documents import Links
from service.oidc.issuer import ClientSettings, Issuer
from service.oidc.sign_in import OIDC_RETURN, OpenIdConnect
from service.operations.metrics import Metrics
from service.operations.readiness import Readiness
from service.recording.context import RecordingContext
from service.recording.provider_lookup import ProviderLookups
from service.recording.streams import Streams
from service.recording.waits import Waits
from service.settings import Settings
from service.tenants.registry import KnownTenants
from service.webhooks.rejection_log import RejectionLog

# Providers send deliveries together, and many callers request at once; a lone caller never waits.
_LIMITS: Final = CommitLimits(gather_s=0.002)


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Dependencies that several capabilities share."""

    settings: Settings
    pool: ReadPool
    auth: AuthContext
    recording: RecordingContext
    readiness: Readiness
    known_tenants: KnownTenants
    links: Links
    provider_lookups: ProviderLookups
    oidc: OpenIdConnect | None
    rejections: RejectionLog
    log_verifier: LogVerifier
    now: Callable[[], datetime]


async def open_dependencies(
    settings: Settings, stack: AsyncExitStack, *, metrics: Metrics, waits: Waits
) -> Dependencies:
    """Open the dependencies; `stack` closes them."""
    dsn = settings.database_url.get_secret_value()
    pool = await open_pool(dsn)
    stack.push_async_callback(pool.close)
    auth = await _auth(settings, stack, pool)
    recording = await _recording(settings, stack, pool, auth.access, metrics=metrics, waits=waits)
    return Dependencies(
        settings=settings,
        pool=pool,
        auth=auth,
        recording=recording,
        readiness=Readiness(
            states=lambda: health.states(pool),
            is_writable=lambda: health.is_writable(pool),
            pending_migrations=lambda: pending(dsn, eventlog.MIGRATIONS, projections.MIGRATIONS),
            access=auth.access,
        ),
        known_tenants=KnownTenants(recording.log),
        links=Links(settings.master_key_list(), public_url=settings.public_url),
        provider_lookups=await _lookups(settings, stack, waits=waits),
        oidc=_oidc(settings, stack),
        rejections=await _rejections(dsn, stack),
        log_verifier=await _log_verifier(dsn, stack),
        now=_now,
    )


async def _auth(settings: Settings, stack: AsyncExitStack, pool: ReadPool) -> AuthContext:
    # Of its own: where slow queries use all others, keys are verified all the same.
    freshness = await open_pool(settings.database_url.get_secret_value(), max_size=1)
    stack.push_async_callback(freshness.close)
    rows = AccessQueries(pool, freshness=freshness)
    access = AccessCache(rows, max_age_s=settings.access_max_age_s)
    task = supervise(access.keep_looking(), name="access")
    stack.push_async_callback(stopped, task)
    await access.wait_until_verified(settings.access_start_wait_s)
    return AuthContext(
        access=access,
        access_rows=rows,
        rates=RateLimiter(per_minute=settings.rate_limit_per_minute),
        app_rates=RateLimiter(per_minute=settings.app_rate_limit_per_minute),
        failures=FailedLookups(per_minute=settings.failed_lookups_per_minute),
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
    log = await Log.open_async(dsn, application_name="billhook service", limits=_LIMITS)
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


def _oidc(settings: Settings, stack: AsyncExitStack) -> OpenIdConnect | None:
    if not settings.oidc_issuer:
        return None
    secret = settings.oidc_client_secret
    issuer = Issuer(
        ClientSettings(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            secret=None if secret is None else secret.get_secret_value(),
            scopes=settings.oidc_scopes,
            redirect_uri=settings.dashboard_base_url + OIDC_RETURN,
            timeout_s=settings.oidc_timeout_s,
        )
    )
    stack.push_async_callback(issuer.close)
    return OpenIdConnect(
        issuer=issuer,
        label=settings.oidc_label,
        roles_claim=settings.oidc_roles_claim,
        role_map=settings.oidc_roles,
        person_claim=settings.oidc_person_claim,
    )


async def _rejections(dsn: str, stack: AsyncExitStack) -> RejectionLog:
    book = RejectedDeliveries(dsn)
    await book.open()
    stack.push_async_callback(book.close)
    rejections = RejectionLog(book)
    task = supervise(rejections.keep_writing(), name="rejected deliveries")
    stack.push_async_callback(rejections.close, task)
    return rejections


async def _log_verifier(dsn: str, stack: AsyncExitStack) -> LogVerifier:
    checks = LogChecks(dsn)
    await checks.open()
    stack.push_async_callback(checks.close)
    verifier = LogVerifier(dsn, checks)
    stack.push_async_callback(verifier.close)
    return verifier


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
