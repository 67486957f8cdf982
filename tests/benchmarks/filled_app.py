"""An app whose read model is filled with very many invoices, and what stands beside them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import uvloop

from cli.local.process import wait_until
from domain.apps.api_keys import KEY_BYTES, new_key
from domain.apps.commands import CreateKey
from domain.invoices.view import InvoiceView
from domain.subscriptions.view import SubscriptionView
from eventlog.database.connect import connect
from eventlog.log import Log
from eventlog.security.vault import Vault
from tests.benchmarks.app_fixture import billing_on, make_shop
from tests.benchmarks.environment import Stage
from tests.benchmarks.list_rows import Sample, fill
from tests.benchmarks.other_rows import fill_others
from tests.projections.harness import append, issue, pay, requested
from tests.projections.subscriptions.random_events import provider_subscription, started

_START_TIMEOUT_S: Final = 60
_BEHIND: Final = (
    "SELECT count(*) FROM read.positions"
    " WHERE projection IN ('access', 'invoices', 'subscriptions', 'tenants') AND position < %s"
)


@dataclass(frozen=True, kw_only=True)
class FilledApp:
    """The app, an admin key, the settings of processes, and objects that have pages.

    `invoice` and `subscription` are of the log, `samples` only in the rows.
    """

    app_id: str
    dsn: str
    key: str
    environment: Mapping[str, str]
    invoice: InvoiceView
    subscription: SubscriptionView
    tenant_id: str
    samples: list[Sample]


def fill_app(
    stage: Stage, name: str, *, rows: int, processes: int = 1, only_lists: bool = False
) -> FilledApp:
    """Make an app with so many invoices in a database with this name.

    `only_lists`: with nothing that lists of invoices do not read, as timelines or deliveries.
    """
    dsn, master_key = stage.database(name), Vault.new_key()
    shop = make_shop(dsn, master_key=master_key)
    app_id = UUID(shop.app_id)
    key = _admin_key(dsn, app_id)
    invoice, subscription, head = uvloop.run(_append_objects(dsn, app_id))
    environment = {
        "BILLHOOK_DATABASE_URL": dsn,
        "BILLHOOK_MASTER_KEYS": master_key,
        "BILLHOOK_PORT": "{port}",
        "BILLHOOK_PROCESSES": str(processes),
    }
    with stage.running("projections", environment=environment):
        _wait_for_projections(dsn, head)
    samples = fill(dsn, invoice, rows=rows, with_timeline=not only_lists)
    if not only_lists:
        fill_others(dsn, subscription, invoices=rows)
    return FilledApp(
        app_id=shop.app_id,
        dsn=dsn,
        key=key,
        environment=environment,
        invoice=invoice,
        subscription=subscription,
        tenant_id=shop.tenant_id,
        samples=samples,
    )


def _admin_key(dsn: str, app_id: UUID) -> str:
    key = new_key("admin", secrets.token_bytes(KEY_BYTES))
    command = CreateKey(
        app_id=app_id,
        key_id=uuid4(),
        kind="admin",
        key_sha256=key.sha256,
        prefix=key.prefix,
        actor="operator",
    )
    with billing_on(dsn) as billing:
        billing.create_key(command, occurred_at=datetime.now(UTC))
    return key.text


async def _append_objects(dsn: str, app_id: UUID) -> tuple[InvoiceView, SubscriptionView, int]:
    """Append a paid invoice and a subscription, after whose patterns the rows are filled."""
    now = datetime.now(UTC)
    invoice = requested(app_id, connection="stripe-1", occurred_at=now)
    issue(invoice)
    pay(invoice)
    at_s = int((now - timedelta(days=90)).timestamp())
    snapshot = provider_subscription(started_at=at_s, as_of=at_s)
    subscription = started(app_id, snapshot=snapshot, connection="stripe-1")
    log = await Log.open_async(dsn)
    await append(log, invoice)
    head = await append(log, subscription)
    await log.close_async()
    return invoice.view, subscription.view, head


def _wait_for_projections(dsn: str, head: int) -> None:
    with connect(dsn, application_name="benchmark") as connection:

        def is_there() -> bool:
            row = connection.execute(_BEHIND, [head]).fetchone()
            return row is not None and row[0] == 0

        if not wait_until(is_there, timeout_s=_START_TIMEOUT_S):
            raise RuntimeError("the projections do not catch up")
