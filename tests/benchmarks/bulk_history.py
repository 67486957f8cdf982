"""Fill an account in the sandbox with past invoices, and the log with their imports, in bulk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final
from uuid import UUID

from cli.local.files import saved_settings
from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.invoices.invoice import Invoice
from eventlog import persistence
from eventlog.async_store import pending_events
from eventlog.codec import Codec
from eventlog.database.connect import connect
from eventlog.log import Log
from projections.work.checkpoints import Checkpoints
from tests.benchmarks.report import say
from tests.support.stripe_account import Account
from tests.support.system import DEMO_STRIPE_KEY, System, eventually
from workers.history.stripe import StripeImport
from workers.provider_objects.import_object import ProviderAccount
from workers.providers.stripe.history import StripeHistory
from workers.runtime import open_billing, utc_now

_LOG_NAME: Final = "bulk"
_AT_ONCE: Final = 5_000
_DAY_S: Final = 86400
_DAYS: Final = 360
# Of invoices that stay open, and that are refunded: an audit reads each of them by a call.
_SHARE: Final = 0.01
_FOLLOW_TIMEOUT_S: Final = 600.0
_REACHED: Final = "SELECT true FROM read.positions WHERE projection = 'invoices' AND position >= %s"


class BulkBilling(Billing):
    """Billing in which no invoice is known: new ones are buffered, and appended by `flush`."""

    target: Log
    buffered: tuple[list[Any], list[Any]]

    def find(self, kind: Any, aggregate_id: UUID) -> Any:
        """Return an aggregate; None for an invoice."""
        return None if kind is Invoice else super().find(kind, aggregate_id)

    def create_or_change(
        self,
        kind: Any,
        aggregate_id: UUID,
        create: Callable[[], Any],
        decide: Callable[[Any], object],
        **more: Any,
    ) -> Any:
        """Create an invoice, and buffer its events; save any other aggregate."""
        if kind is not Invoice:
            return super().create_or_change(kind, aggregate_id, create, decide, **more)
        made = create()
        events, bodies = self.buffered
        events += [Codec().encode(event) for event in pending_events(made)]
        bodies += more.get("bodies", ())
        return made

    def flush(self) -> None:
        """Append what is buffered, in one transaction."""
        (events, bodies), self.buffered = self.buffered, ([], [])
        if events:
            self.target.append(events, bodies)


def fill(system: System, account: Account, *, objects: int) -> Counter[str]:
    """Make a year's invoices and import them; return the numbers of failed and refunded ones.

    Returns once the read model has them.
    """
    started_s = time.monotonic()
    made = _make(account, objects)
    say(f"{objects} invoices made in {time.monotonic() - started_s:.0f} s")
    started_s = time.monotonic()
    with ExitStack() as stack:
        dsn = saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"]
        log = Log.open(dsn)
        stack.callback(log.close)
        head = _import(log, open_billing(log, name=_LOG_NAME), system)
        stack.callback(persistence.register, _LOG_NAME, None)
        say(f"imported in {time.monotonic() - started_s:.0f} s")
        session = stack.enter_context(connect(dsn, application_name="benchmark"))
        eventually(
            lambda: session.execute(_REACHED, [head]).fetchone(), timeout_s=_FOLLOW_TIMEOUT_S
        )
    say(f"in the read model after {time.monotonic() - started_s:.0f} s")
    return made


def _make(account: Account, objects: int) -> Counter[str]:
    """Make the invoices in the order of their times, as lists have them."""
    parts = range(0, objects, _AT_ONCE)
    first_s = int(account.admin.clock()["now"]) - _DAYS * _DAY_S
    length_s = (_DAYS - 1) * _DAY_S // len(parts)
    made: Counter[str] = Counter()
    for number, start in enumerate(parts):
        since_s = first_s + number * length_s
        given: dict[str, Any] = {"since": since_s, "until": since_s + length_s, "seed": number}
        shares = {"failed": _SHARE, "refunded": _SHARE}
        made.update(account.admin.make_history(min(_AT_ONCE, objects - start), **given, **shares))
    return made


def _import(log: Log, billing: Billing, system: System) -> int:
    """Import the account's invoices; return the log's head."""
    app_id, name = UUID(system.demo["app_id"]), str(system.demo["stripe_connection"])
    connection = billing.get(Connection, ids.for_connection(app_id, name))
    bulk = BulkBilling(
        env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": _LOG_NAME}
    )
    bulk.target, bulk.buffered = log, ([], [])
    checkpoints = Checkpoints(log.dsn)
    checkpoints.open()
    url = system.demo["sandbox_url"]
    with ThreadPoolExecutor(1) as pool:
        StripeImport(
            account=ProviderAccount(
                app_id=app_id,
                provider="stripe",
                connection=name,
                connection_id=connection.connection_id,
                mode="test",
                actor="benchmark",
                importing=True,
            ),
            history=StripeHistory(DEMO_STRIPE_KEY, api_base=url, mode="test"),
            billing=bulk,
            checkpoints=checkpoints,
            pool=pool,
            now=utc_now,
            report=lambda *_: bulk.flush(),
        ).run(int(time.time()) - (_DAYS + 1) * _DAY_S)
    checkpoints.close()
    return log.head()
