"""`python -m workers import-stripe|import-mollie`: imports a history, and says how far it is.

Each line on standard output is a JSON object: progress, and in the end what came of it.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from domain.apps.connection import Connection
from domain.core.commands import Mode, Provider
from domain.core.errors import DomainError
from domain.gateway.objects import GatewayError
from eventlog import persistence
from eventlog.errors import LogUnavailable, VaultError
from eventlog.log import Log
from eventlog.process.log_setup import configure_logging
from projections.work.checkpoints import Checkpoints
from projections.work.table import WorkUnavailable
from workers.history.import_run import ImportCheckpoint, ImportRun
from workers.history.mollie import MollieImport
from workers.history.stripe import StripeImport
from workers.provider_objects.take_over import ProviderAccount
from workers.providers.gateways import open_key
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.history import StripeHistory
from workers.runtime import open_billing, open_gateways, open_vault, utc_now
from workers.settings import Settings
from workers.webhooks.registration import RegistrationError, open_connection

ROLES: Final = {"import-stripe": "stripe", "import-mollie": "mollie"}
_LOG_NAME: Final = "import"
_BY: Final = "operator"
# Appends of one process are committed together, so that threads share the wait for the disk.
_THREADS: Final = 8


def add_parser(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the roles to those of the workers."""
    for role in ROLES:
        parser = roles.add_parser(role)
        parser.add_argument("--app", type=UUID, required=True)
        parser.add_argument("--connection", required=True)
        parser.add_argument("--since", type=int, required=True, help="Unix seconds")
        parser.add_argument("--dry-run", action="store_true")


@dataclass
class Lines:
    """Writes progress down, a line a page."""

    began: datetime = field(default_factory=utc_now)

    def page(self, place: ImportCheckpoint, share: float) -> None:
        """Say how far it is."""
        _say(
            {
                "event": "progress",
                "phase": place.phase,
                "share": round(share, 4),
                "counts": place.counts,
            }
        )

    def end(self, place: ImportCheckpoint) -> None:
        """Say what came of it."""
        seconds = (utc_now() - self.began).total_seconds()
        until = datetime.fromtimestamp(place.until, UTC).isoformat()
        _say(
            {
                "event": "finished",
                "until": until,
                "seconds": round(seconds, 1),
                "counts": place.counts,
            }
        )


def run(settings: Settings, chosen: argparse.Namespace) -> int:
    """Import, or say why not; returns the exit code."""
    configure_logging(settings.log_format)
    log = Log.open(settings.database_url, application_name="billhook import")
    places = Checkpoints(settings.database_url)
    places.open()
    lines = Lines()
    try:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="import") as pool:
            importing = _prepare(settings, chosen, log=log, places=places, pool=pool, lines=lines)
            lines.end(importing.run(chosen.since))
    except (RegistrationError, GatewayError, DomainError, VaultError) as error:
        _say({"error": str(error)})
        return 1
    except (LogUnavailable, WorkUnavailable) as error:
        _say({"error": f"the database is away ({error}); run the same again to go on"})
        return 1
    finally:
        places.close()
        persistence.register(_LOG_NAME, None)
        log.close()
    return 0


def _prepare(
    settings: Settings,
    chosen: argparse.Namespace,
    *,
    log: Log,
    places: Checkpoints,
    pool: ThreadPoolExecutor,
    lines: Lines,
) -> ImportRun:
    billing, vault = open_billing(log, name=_LOG_NAME), open_vault(settings)
    connection = open_connection(billing, chosen.app, chosen.connection)
    if connection.provider != ROLES[chosen.role]:
        raise RegistrationError(f"the connection {connection.name!r} is to {connection.provider}")
    key, mode = open_key(connection, vault), cast("Mode", connection.mode)
    await_rate_limit = open_gateways(settings, billing, vault).rate_limit_for(connection)
    shared: dict[str, Any] = {
        "account": _account(connection),
        "billing": billing,
        "places": places,
        "pool": pool,
        "now": utc_now,
        "report": lines.page,
        "dry_run": chosen.dry_run,
    }
    if connection.provider == "mollie":
        base = settings.mollie_api_base
        return MollieImport(
            history=MollieHistory(key, api_base=base, mode=mode, await_rate_limit=await_rate_limit),
            **shared,
        )
    base = settings.stripe_api_base
    return StripeImport(
        history=StripeHistory(key, api_base=base, mode=mode, await_rate_limit=await_rate_limit),
        **shared,
    )


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


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - the answer
