import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.core.errors import NotFound
from domain.gateway.errors import GatewayMisconfigured, GatewayUnavailable
from eventlog.security.vault import Vault
from projections.engine.errors import ReadModelUnavailable
from projections.work.provider_lookup import (
    ProviderLookup,
    ProviderLookupClient,
    ProviderLookupQueue,
    delete_expired_lookups,
)
from service.http import errors
from service.http.errors import ProviderTimeout, ProviderUnavailable
from service.recording.provider_lookup import ProviderLookups
from service.recording.waits import Waits
from tests.support.provider_lookup_worker import lookup_worker
from tests.support.wait_until import DEADLINE_S
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.gateway import StripeGateway

VAULT = Vault([Vault.new_key()])
CONNECTION = {"connection": Bench.connection}


@asynccontextmanager
async def open_lookups(
    database: str, *, timeout_s: float = DEADLINE_S
) -> AsyncIterator[ProviderLookups]:
    channel = ProviderLookupClient(database)
    await channel.open()
    yield ProviderLookups(channel, vault=VAULT, waits=Waits(), timeout_s=timeout_s)
    await channel.close()


def rows(database: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT * FROM work.provider_lookups").fetchall()


def jobs_left(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM work.jobs").fetchone()
        assert row is not None
        return int(row[0])


def test_a_document_is_fetched_from_the_provider_each_time_and_not_stored(
    database: str, bench: Bench
) -> None:
    invoice = bench.charge(bench.request(bench.add_tenant()))
    object_id = invoice.view.provider_object_id
    assert object_id is not None

    async def scenario() -> object:
        async with open_lookups(database) as lookups:
            return await lookups.request(
                bench.app_id, "document", CONNECTION | {"object_id": object_id}
            )

    with lookup_worker(database, bench.gateway, vault=VAULT) as worker:
        answer = asyncio.run(scenario())
    fresh = bench.account.v1.invoices.retrieve(object_id)
    assert answer == {"url": fresh.invoice_pdf}
    assert worker.looked_up == [(bench.app_id, bench.connection)]
    assert rows(database) == []
    assert jobs_left(database) == 0


def test_the_secret_of_a_payment_is_answered_and_stored_nowhere_in_clear(
    database: str, bench: Bench
) -> None:
    invoice = bench.charge(bench.request(bench.add_tenant()))
    payment_id = str(invoice.view.payments[0].id)
    seen: list[str] = []

    class Seeing(ProviderLookupQueue):
        def answer(self, lookup_id: UUID, *, sealed: str) -> None:
            seen.append(sealed)
            super().answer(lookup_id, sealed=sealed)

    async def scenario() -> dict[str, str]:
        async with open_lookups(database) as lookups:
            return await lookups.request(
                bench.app_id, "client_secret", CONNECTION | {"payment_id": payment_id}
            )

    with lookup_worker(database, bench.gateway, vault=VAULT) as worker:
        seeing = Seeing(database)
        seeing.open()
        worker.table, first = seeing, worker.table
        answer = asyncio.run(scenario())
        worker.table = first
        seeing.close()
    secret = bench.account.v1.payment_intents.retrieve(payment_id).client_secret
    assert answer == {"client_secret": secret}
    assert seen
    assert secret not in "".join(seen)


def test_concurrent_lookups_each_get_their_own_answer(database: str) -> None:
    class Echo:
        def find_client_secret(self, payment_id: str) -> str:
            return f"{payment_id}_secret"

    async def scenario() -> list[dict[str, str]]:
        async with open_lookups(database) as one, open_lookups(database) as other:
            return await asyncio.gather(
                *(
                    (one if number % 2 else other).request(
                        uuid4(), "client_secret", CONNECTION | {"payment_id": f"pi_{number}"}
                    )
                    for number in range(40)
                )
            )

    with lookup_worker(database, Echo(), vault=VAULT):  # type: ignore[arg-type] # all that is asked of it
        answers = asyncio.run(scenario())
    assert answers == [{"client_secret": f"pi_{number}_secret"} for number in range(40)]


async def time_out_once_recorded(database: str) -> None:
    """Wait until a lookup times out without an answer.

    A busy machine can take longer than the time-out to record one: that lookup left no row, and
    the next has twice the time.
    """
    timeout_s = 0.05
    async with open_lookups(database) as lookups:
        while not rows(database):
            assert timeout_s < DEADLINE_S
            with pytest.raises(ProviderTimeout):
                await lookups.request(uuid4(), "document", CONNECTION, timeout_s=timeout_s)
            timeout_s *= 2


def test_without_an_answer_the_asker_gives_up_in_time_and_the_row_is_swept(database: str) -> None:
    asyncio.run(time_out_once_recorded(database))
    assert len(rows(database)) == 1
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE work.provider_lookups SET expires_at = now()")
    assert delete_expired_lookups(database) == 1
    assert rows(database) == []


def test_an_expired_lookup_is_not_sent_to_the_provider(database: str) -> None:
    table = ProviderLookupQueue(database)
    table.open()

    asyncio.run(time_out_once_recorded(database))
    (row,) = rows(database)
    lookup_id = row[0]
    assert isinstance(lookup_id, UUID)
    assert table.take(lookup_id) is not None
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE work.provider_lookups SET expires_at = now()")
    assert table.take(lookup_id) is None
    table.answer(lookup_id, sealed="late")
    assert rows(database)[0][-1] is None
    table.close()


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def find_document_url(self, _: str) -> str:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        GatewayUnavailable("time-out"),
        GatewayMisconfigured("refused"),
        NotFound(kind="connection", id="gone"),
    ],
)
def test_an_unavailable_provider_is_reported_at_once(database: str, error: Exception) -> None:
    async def scenario() -> None:
        async with open_lookups(database) as lookups:
            with pytest.raises(ProviderUnavailable):
                await lookups.request(uuid4(), "document", CONNECTION | {"object_id": "in_1"})

    with lookup_worker(database, Failing(error), vault=VAULT):  # type: ignore[arg-type] # all that is asked of it
        asyncio.run(scenario())
    assert rows(database) == []


def test_an_object_that_the_provider_does_not_have_is_missing(database: str, bench: Bench) -> None:
    async def scenario() -> None:
        async with open_lookups(database) as lookups:
            with pytest.raises(errors.NotFound):
                await lookups.request(
                    bench.app_id, "document", CONNECTION | {"object_id": "in_none"}
                )

    with lookup_worker(database, bench.gateway, vault=VAULT):
        asyncio.run(scenario())


def test_an_answer_under_other_keys_is_no_answer(database: str, bench: Bench) -> None:
    async def scenario() -> None:
        async with open_lookups(database) as lookups:
            with pytest.raises(ProviderUnavailable):
                await lookups.request(
                    bench.app_id, "document", CONNECTION | {"object_id": "in_none"}
                )

    with lookup_worker(database, bench.gateway, vault=Vault([Vault.new_key()])):
        asyncio.run(scenario())


def test_an_unavailable_database_is_reported(database: str) -> None:
    async def scenario() -> None:
        channel = ProviderLookupClient(database)
        await channel.open()
        await channel.close()
        lookup = ProviderLookup(id=uuid4(), app=uuid4(), kind="document", args={})
        with pytest.raises(ReadModelUnavailable):
            await channel.request(lookup, timeout_s=1)

    asyncio.run(scenario())


def test_lost_sessions_are_replaced_without_an_error(database: str) -> None:
    class Echo:
        def find_client_secret(self, payment_id: str) -> str:
            return payment_id

    async def scenario() -> list[dict[str, str]]:
        async with open_lookups(database) as lookups:
            answers = []
            for payment_id in ("pi_1", "pi_2"):
                args = CONNECTION | {"payment_id": payment_id}
                answers.append(await lookups.request(uuid4(), "client_secret", args))
                with psycopg.connect(database) as connection:
                    ended = connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database()"
                        " AND application_name LIKE 'billhook provider lookup%'"
                    ).fetchall()
                assert len(ended) >= 2, "the service's sessions and the worker's"
            return answers

    with lookup_worker(database, Echo(), vault=VAULT):  # type: ignore[arg-type] # all that is asked of it
        answers = asyncio.run(scenario())
    assert answers == [{"client_secret": "pi_1"}, {"client_secret": "pi_2"}]


def test_a_connection_test_says_whether_the_provider_accepts_the_key(
    database: str, bench: Bench
) -> None:
    async def scenario() -> dict[str, object]:
        async with open_lookups(database) as lookups:
            return await lookups.request(bench.app_id, "credentials", CONNECTION)

    key = f"sk_test_{uuid4().hex}"
    bench.account.admin.refuse_keys(key)
    with lookup_worker(database, bench.gateway, vault=VAULT) as worker:
        accepted = asyncio.run(scenario())
        worker.gateway = StripeGateway(key, api_base=bench.account.url)
        refused = asyncio.run(scenario())
    assert accepted["accepted"]
    assert (refused["accepted"], refused["reason"]) == (False, "misconfigured")
    assert key not in str(refused)
