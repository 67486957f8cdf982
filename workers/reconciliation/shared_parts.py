"""Open what the parts of reconciliation share: log, checkpoints and gateways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from eventlog import persistence
from eventlog.log import Log
from projections.reconciliation.provider_objects import ProviderObjectQueries
from projections.work.caller_requests import CallerRequests
from projections.work.checkpoints import Checkpoints
from projections.work.open_items import OpenItems
from workers.providers.give_way import GiveWay
from workers.reconciliation.connection_nets import SharedParts
from workers.runtime import open_billing, open_gateways, open_vault, utc_now
from workers.settings import Settings

NAME: Final = "reconciliation"


@contextmanager
def open_parts(
    settings: Settings,
    *,
    name: str = NAME,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[SharedParts]:
    """Open log, checkpoints and gateways, and close them on exit.

    `name`: of the log among those that the process has open.
    """
    vault = open_vault(settings)
    log = Log.open(settings.database_url, application_name="billhook reconciliation")
    checkpoints = Checkpoints(settings.database_url)
    by_object = ProviderObjectQueries(settings.database_url)
    items = OpenItems(settings.database_url)
    callers = CallerRequests(settings.database_url)
    opened = (checkpoints, by_object, items, callers)
    for sessions in opened:
        sessions.open()
    try:
        billing = open_billing(log, name=name)
        give_way = GiveWay(callers.are_running).wait
        yield SharedParts(
            settings=settings,
            log=log,
            billing=billing,
            vault=vault,
            gateways=open_gateways(settings, billing, vault, give_way=give_way),
            checkpoints=checkpoints,
            by_object=by_object,
            items=items,
            now=utc_now,
            should_stop=should_stop,
        )
    finally:
        for sessions in opened:
            sessions.close()
        persistence.register(name, None)
        log.close()
