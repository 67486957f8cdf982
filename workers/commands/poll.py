"""`python -m workers poll`: brings the events of a test connection whose webhooks can't come."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import Final, cast
from uuid import UUID

import uvloop

from domain.core.commands import Mode
from domain.gateway.objects import GatewayMisconfigured
from eventlog import persistence
from eventlog.log import Log
from eventlog.process.heartbeat import beat
from eventlog.process.log_setup import configure_logging
from projections.work.checkpoints import Checkpoints
from workers.polling.events import EVERY_S, EventPoller, Poller, keep_polling
from workers.polling.mollie_payments import PAYMENTS_EVERY_S, PaymentPoller
from workers.providers.gateways import open_key
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.event_list import StripeEventList
from workers.runtime import open_billing, open_gateways, open_vault, utc_now
from workers.settings import Settings
from workers.webhooks.registration import RegistrationError, open_connection

ROLE: Final = "poll"
_LOG_NAME: Final = "poll"


def add_parser(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the role to those of the workers."""
    parser = roles.add_parser(ROLE)
    parser.add_argument("--app", type=UUID, required=True)
    parser.add_argument("--connection", required=True)


def run(settings: Settings, chosen: argparse.Namespace) -> int:
    """Poll until a signal; returns the exit code."""
    configure_logging(settings.log_format)
    log = Log.open(settings.database_url, application_name="billhook poll")
    places = Checkpoints(settings.database_url)
    places.open()
    try:
        poller = _poller(settings, chosen, log, places)
        uvloop.run(_until_signal(poller, settings))
    except (RegistrationError, GatewayMisconfigured) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        places.close()
        persistence.register(_LOG_NAME, None)
        log.close()
    return 0


def _poller(
    settings: Settings, chosen: argparse.Namespace, log: Log, places: Checkpoints
) -> Poller:
    """Put it together. Raises Unfit for what is not to be polled."""
    billing, vault = open_billing(log, name=_LOG_NAME), open_vault(settings)
    connection = open_connection(billing, chosen.app, chosen.connection)
    if connection.mode != "test":
        raise RegistrationError("only a provider's test mode is polled: live money needs webhooks")
    key, mode = open_key(connection, vault), cast("Mode", connection.mode)
    await_rate_limit = open_gateways(settings, billing, vault).rate_limit_for(connection)
    if connection.provider == "mollie":
        return PaymentPoller(
            connection=connection,
            payments=MollieHistory(
                key, api_base=settings.mollie_api_base, mode=mode, await_rate_limit=await_rate_limit
            ),
            billing=billing,
            places=places,
            now=utc_now,
        )
    return EventPoller(
        connection=connection,
        events=StripeEventList(
            key, api_base=settings.stripe_api_base, mode=mode, await_rate_limit=await_rate_limit
        ),
        billing=billing,
        places=places,
        now=utc_now,
    )


async def _until_signal(poller: Poller, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    every_s = PAYMENTS_EVERY_S if isinstance(poller, PaymentPoller) else EVERY_S
    await asyncio.gather(
        keep_polling(poller, settings.database_url, stop, every_s=every_s),
        beat(settings.heartbeat_file, stop=stop),
    )
