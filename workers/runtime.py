"""Build what a worker process shares between its jobs (the composition root)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from domain.billing import Billing
from eventlog import persistence
from eventlog.log import Log
from eventlog.security.master_keys import split_keys
from eventlog.security.signed_links import SignedLinks
from eventlog.security.vault import Vault
from projections.tenants.unassigned import UnassignedQueries
from projections.work.provider_lookup import ProviderLookupQueue
from projections.work.slots import JOBS, LOOKUPS, RECONCILE, BreakerLimits, WorkerSlots
from projections.work.table import WorkTable
from workers.errors import OperatorError
from workers.providers.callback_urls import CallbackUrls
from workers.providers.gateways import Gateways, StripeRates
from workers.providers.job_slots import JobSlots
from workers.providers.rate_limit import ProviderRateLimits
from workers.settings import Settings

_LOG_NAME = "workers"
# A thread needs a session for milliseconds, between calls that take much longer.
_SESSIONS: Final = 8


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The objects that all jobs of a process share."""

    log: Log
    billing: Billing
    work: WorkTable
    slots: JobSlots
    lookups: ProviderLookupQueue
    unassigned: UnassignedQueries
    vault: Vault
    gateways: Gateways
    callback_urls: CallbackUrls
    max_tries: int
    backup_at: datetime | None = None


def open_billing(log: Log, *, name: str = _LOG_NAME) -> Billing:
    """Open the domain's application on a log of this process."""
    persistence.register(name, log)
    return Billing(env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": name})


def open_vault(settings: Settings) -> Vault:
    """Open the vault with the master keys; the first one encrypts."""
    return Vault(_master_keys(settings))


def _master_keys(settings: Settings) -> list[str]:
    if settings.master_keys is None:
        raise OperatorError("BILLHOOK_MASTER_KEYS is not set: this process decrypts stored secrets")
    return split_keys(settings.master_keys.get_secret_value())


def open_callback_urls(settings: Settings) -> CallbackUrls:
    """Build the URLs that Mollie calls or sends customers to."""
    links = SignedLinks(_master_keys(settings), public_url=settings.public_url)
    return CallbackUrls(links, public_url=settings.public_url, api_base=settings.mollie_api_base)


def open_gateways(
    settings: Settings,
    billing: Billing,
    vault: Vault,
    *,
    before_calls: Callable[[UUID, str], None] | None = None,
    give_way: Callable[[], None] = lambda: None,
) -> Gateways:
    """Create the gateways, with the rate limits that all processes share.

    `give_way`: as in ProviderRateLimits.
    """
    return Gateways(
        billing,
        vault,
        before_calls=before_calls,
        stripe_api_base=settings.stripe_api_base,
        mollie_api_base=settings.mollie_api_base,
        mollie_calls_per_s=settings.mollie_calls_per_s,
        rates=ProviderRateLimits(
            settings.redis_url, patience_s=settings.provider_patience_s, give_way=give_way
        ),
        stripe_rates=StripeRates(
            live=settings.stripe_live_calls_per_s,
            test=settings.stripe_test_calls_per_s,
            endpoint=settings.stripe_endpoint_calls_per_s,
        ),
    )


def _worker_slots(settings: Settings) -> WorkerSlots:
    return WorkerSlots(
        settings.database_url,
        worker=uuid4(),
        threads={
            JOBS: settings.threads,
            LOOKUPS: settings.lookup_threads,
            RECONCILE: settings.reconcile_threads,
        },
        breaker=BreakerLimits(
            most_timeouts=settings.breaker_timeouts,
            probe_after=timedelta(seconds=settings.breaker_probe_s),
        ),
        max_size=_SESSIONS,
    )


@contextmanager
def open_runtime(settings: Settings) -> Iterator[Runtime]:
    """Open log, work table and lookups, and close them on exit."""
    log = Log.open(settings.database_url, application_name="billhook worker")
    work = WorkTable(settings.database_url, max_size=_SESSIONS)
    work.open()
    threads = _worker_slots(settings)
    threads.open()
    slots = JobSlots(threads)
    lookups = ProviderLookupQueue(settings.database_url)
    lookups.open()
    unassigned = UnassignedQueries(settings.database_url)
    unassigned.open()
    billing, vault = open_billing(log), open_vault(settings)
    try:
        yield Runtime(
            log=log,
            billing=billing,
            work=work,
            slots=slots,
            lookups=lookups,
            unassigned=unassigned,
            vault=vault,
            gateways=open_gateways(settings, billing, vault, before_calls=slots.before_calls),
            callback_urls=open_callback_urls(settings),
            max_tries=settings.max_tries,
            backup_at=settings.restored_backup_at,
        )
    finally:
        unassigned.close()
        lookups.close()
        threads.close()
        work.close()
        persistence.register(_LOG_NAME, None)
        log.close()
