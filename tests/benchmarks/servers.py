"""The servers that are compared, each with a database of its own on one PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final

from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

import eventlog
from domain.inbox.provider_event import ProviderEventReceived
from domain.invoices.events import InvoiceRequested
from eventlog.database.connect import connect
from eventlog.database.migrate import migrate
from eventlog.security.vault import Vault
from tests.benchmarks.app_fixture import make_shop
from tests.benchmarks.environment import Child, Stage
from tests.benchmarks.messages import KINDS, Kind, Shop
from tests.benchmarks.workload import Effort

_RIVALS: Final = "tests.benchmarks.baselines"
_TOPICS: Final[dict[Kind, str]] = {
    "webhooks": ProviderEventReceived.TOPIC,
    "requests": InvoiceRequested.TOPIC,
}
OK: Final = 200
_ACCEPTED: Final = 202
SYNC_ENGINE: Final = "stripe_sync_engine"
_SYNC_ENGINE_SERVER: Final = Path(__file__).with_name("stripe_sync_engine.mjs")


@dataclass(frozen=True)
class Contender:
    """A server under load, where it records, and what it answers to a request for an invoice."""

    name: str
    server: Child
    dsn: str | None
    events_table: tuple[str, str] = ("eventlog", "events")
    accepted: int = OK
    kinds: tuple[Kind, ...] = KINDS
    followers: Child | None = None
    """The projections that read what this server records."""

    def recorded(self, kind: Kind) -> int:
        """Count what it recorded of one kind."""
        counted = "SELECT count(*) FROM {}"
        if self.name == SYNC_ENGINE:
            query, values = SQL(counted), []
        else:
            query, values = SQL(counted + " WHERE topic = %s"), [_TOPICS[kind]]
        assert self.dsn is not None
        with connect(self.dsn, application_name="benchmark") as connection:
            row = connection.execute(
                query.format(Identifier(*self.events_table)), values
            ).fetchone()
        return 0 if row is None else int(row[0])


@contextmanager
def contenders(stage: Stage, effort: Effort) -> Iterator[tuple[Shop, list[Contender]]]:
    """The service with its projections at work, without which no key would be valid; its rivals."""
    dsn, master_key = stage.database("acks"), Vault.new_key()
    shop = make_shop(dsn, master_key=master_key)
    processes = str(effort.processes)
    ours = {
        "BILLHOOK_DATABASE_URL": dsn,
        "BILLHOOK_MASTER_KEYS": master_key,
        "BILLHOOK_PORT": "{port}",
        "BILLHOOK_PROCESSES": processes,
    }
    with ExitStack() as stack:
        followers = stack.enter_context(stage.running("projections", environment=ours))

        def rival(name: str, **settings: str) -> Child:
            own = {"BENCHMARK_PORT": "{port}", "BENCHMARK_PROCESSES": processes, **settings}
            return stack.enter_context(
                stage.serving(_RIVALS, name, environment=own, ready_path="/readyz")
            )

        saving_dsn = stage.empty_database("saving")
        appending_dsn = stage.empty_database("appending")
        migrate(appending_dsn, eventlog.MIGRATIONS)
        noop = rival("noop")
        saving = rival("saving", **eventsourcing_settings(saving_dsn))
        appending = rival("appending", BENCHMARK_LOG=appending_dsn)
        service = stack.enter_context(
            stage.serving("service", environment=ours, ready_path="/readyz")
        )
        yield (
            shop,
            [
                Contender("noop", noop, None),
                Contender("eventsourcing", saving, saving_dsn, ("public", "billhook_events")),
                Contender("group_commit", appending, appending_dsn),
                Contender("service", service, dsn, accepted=_ACCEPTED, followers=followers),
                *_sync_engine(stage, stack, effort, shop),
            ],
        )


def _sync_engine(stage: Stage, stack: ExitStack, effort: Effort, shop: Shop) -> list[Contender]:
    """Serve by stripe-sync-engine, where a folder with its packages is given."""
    if effort.sync_engine is None:
        return []
    dsn = stage.empty_database("sync_engine")
    with connect(dsn, application_name="benchmark") as connection:
        connection.execute("CREATE ROLE postgres")  # its migrations name this role
    own = {
        "PEER_FOLDER": effort.sync_engine,
        "PEER_PORT": "{port}",
        "PEER_DSN": dsn,
        "PEER_SECRET": shop.webhook_secret,
    }
    server = stage.serving(
        str(_SYNC_ENGINE_SERVER),
        environment=own,
        ready_path="/",
        program=(which("node") or "node",),
    )
    table = ("stripe", "invoices")
    return [
        Contender(
            SYNC_ENGINE, stack.enter_context(server), dsn, events_table=table, kinds=("webhooks",)
        )
    ]


def eventsourcing_settings(dsn: str) -> dict[str, str]:
    """Return the environment of eventsourcing's own recorder, a session for each thread."""
    given = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_USER": str(given["user"]),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_POOL_SIZE": "10",
        "POSTGRES_MAX_OVERFLOW": "30",
    }
