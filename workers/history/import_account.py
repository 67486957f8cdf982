"""Import an account's history from a provider, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core.providers import Mode, Provider
from eventlog.security.vault import Vault
from projections.work.checkpoints import Checkpoints
from workers.history.import_run import ImportCheckpoint
from workers.history.mollie import MollieImport
from workers.history.same_account import others_like, refuse_recorded_account
from workers.history.stripe import StripeImport
from workers.provider_objects.import_object import ProviderAccount
from workers.providers.gateways import open_key
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.history import StripeHistory
from workers.runtime import open_gateways, utc_now
from workers.settings import Settings

_BY: Final = "operator"
# Appends of one process are committed together, so that threads share the wait for the disk.
_THREADS: Final = 8


def import_account(
    settings: Settings,
    connection: Connection,
    *,
    known: Sequence[Connection],
    billing: Billing,
    vault: Vault,
    since_s: int,
    report: Callable[[ImportCheckpoint, float], None],
    dry_run: bool,
) -> ImportCheckpoint:
    """Import what the account has had since `since_s` (Unix seconds), or continue a killed import.

    `known`: the app's connections. `report` is called after each page, with the share (0 to 1) of
    the time that is read. Raises OperatorError if the account is recorded through another of these,
    the gateway's errors, LogUnavailable and WorkUnavailable; the next call continues then.
    """
    checkpoints = Checkpoints(settings.database_url)
    checkpoints.open()
    try:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="import") as pool:
            shared: dict[str, Any] = {
                "account": _account(connection),
                "billing": billing,
                "checkpoints": checkpoints,
                "pool": pool,
                "now": utc_now,
                "report": report,
                "dry_run": dry_run,
            }
            importing = _history_run(settings, connection, vault=vault, shared=shared)
            others = others_like(
                known, connection.name, provider=connection.provider, mode=connection.mode
            )
            refuse_recorded_account(importing.history, others, billing=billing)
            return importing.run(since_s)
    finally:
        checkpoints.close()


def _history_run(
    settings: Settings, connection: Connection, *, vault: Vault, shared: dict[str, Any]
) -> StripeImport | MollieImport:
    key, mode = open_key(connection, vault), cast("Mode", connection.mode)
    await_rate_limit = open_gateways(settings, shared["billing"], vault).rate_limit_for(connection)
    if connection.provider == "mollie":
        payments = MollieHistory(
            key, api_base=settings.mollie_api_base, mode=mode, await_rate_limit=await_rate_limit
        )
        return MollieImport(history=payments, **shared)
    invoices = StripeHistory(
        key, api_base=settings.stripe_api_base, mode=mode, await_rate_limit=await_rate_limit
    )
    return StripeImport(history=invoices, **shared)


def _account(connection: Connection) -> ProviderAccount:
    return ProviderAccount(
        app_id=connection.app_id,
        provider=cast("Provider", connection.provider),
        connection=connection.name,
        connection_id=connection.connection_id,
        mode=cast("Mode", connection.mode),
        actor=_BY,
        importing=True,
    )
