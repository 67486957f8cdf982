"""The servers that are compared, each with a database of its own on one PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from tests.benchmarks.messages import Kind, Shop
from tests.benchmarks.workload import Effort

_RIVALS: Final = "tests.benchmarks.baselines"
_TOPICS: Final[dict[Kind, str]] = {
    "webhooks": ProviderEventReceived.TOPIC,
    "requests": InvoiceRequested.TOPIC,
}
OK: Final = 200
_ACCEPTED: Final = 202


@dataclass(frozen=True)
class Contender:
    """A server under load, where it records, and what it answers to a request for an invoice."""

    name: str
    server: Child
    dsn: str | None
    events_table: tuple[str, str] = ("eventlog", "events")
    accepted: int = OK

    def recorded(self, kind: Kind) -> int:
        """Count what it recorded of one kind."""
        query = SQL("SELECT count(*) FROM {} WHERE topic = %s").format(
            Identifier(*self.events_table)
        )
        assert self.dsn is not None
        with connect(self.dsn, application_name="benchmark") as connection:
            row = connection.execute(query, [_TOPICS[kind]]).fetchone()
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
        stack.enter_context(stage.running("projections", environment=ours))

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
                Contender("service", service, dsn, accepted=_ACCEPTED),
            ],
        )


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
