"""Run the poller of one test connection whose webhooks cannot reach this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast
from uuid import UUID

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.providers import Mode
from eventlog import persistence
from eventlog.log import Log
from projections.work.checkpoints import Checkpoints
from workers.errors import OperatorError
from workers.polling.events import EVERY_S, EventPoller, Poller, keep_polling
from workers.polling.mollie_payments import PAYMENTS_EVERY_S, PaymentPoller
from workers.providers.gateways import open_key
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.event_list import StripeEventList
from workers.reconciliation.inbox import ReconciliationInbox
from workers.runtime import open_billing, open_gateways, open_vault, utc_now
from workers.settings import Settings

_LOG_NAME: Final = "poll"


async def run_poll(
    settings: Settings, stop: asyncio.Event, *, app_id: UUID, connection: str
) -> None:
    """Poll until `stop`. Raises OperatorError and GatewayMisconfigured."""
    with _open_poller(settings, app_id, connection) as poller:
        every_s = PAYMENTS_EVERY_S if isinstance(poller, PaymentPoller) else EVERY_S
        await keep_polling(poller, settings.database_url, stop, every_s=every_s)


@contextmanager
def _open_poller(settings: Settings, app_id: UUID, name: str) -> Iterator[Poller]:
    """Open log and checkpoints, and close them on exit."""
    log = Log.open(settings.database_url, application_name="billhook poll")
    checkpoints = Checkpoints(settings.database_url)
    checkpoints.open()
    try:
        billing = open_billing(log, name=_LOG_NAME)
        connection = connection_in_use(billing, app_id, name)
        inbox = ReconciliationInbox(
            connection=connection,
            billing=billing,
            streams=log,
            found_by="event_catch_up",
            now=utc_now,
        )
        yield _poller(settings, inbox, checkpoints)
    finally:
        checkpoints.close()
        persistence.register(_LOG_NAME, None)
        log.close()


def _poller(settings: Settings, inbox: ReconciliationInbox, checkpoints: Checkpoints) -> Poller:
    """Create the provider's poller. Raises OperatorError for a connection in live mode."""
    connection, billing = inbox.connection, inbox.billing
    if connection.mode != "test":
        raise OperatorError("only a provider's test mode is polled: live money needs webhooks")
    vault = open_vault(settings)
    key, mode = open_key(connection, vault), cast("Mode", connection.mode)
    await_rate_limit = open_gateways(settings, billing, vault).rate_limit_for(connection)
    if connection.provider == "mollie":
        payments = MollieHistory(
            key, api_base=settings.mollie_api_base, mode=mode, await_rate_limit=await_rate_limit
        )
        return PaymentPoller(inbox=inbox, payments=payments, checkpoints=checkpoints)
    events = StripeEventList(
        key, api_base=settings.stripe_api_base, mode=mode, await_rate_limit=await_rate_limit
    )
    return EventPoller(inbox=inbox, events=events, checkpoints=checkpoints)


def connection_in_use(billing: Billing, app_id: UUID, name: str) -> Connection:
    """Load a connection that is not deleted. Raises OperatorError."""
    found = billing.find(Connection, ids.for_connection(app_id, name))
    if found is None or found.deleted:
        raise OperatorError(f"the app has no connection {name!r}")
    return found
