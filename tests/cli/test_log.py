import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.main import command_line
from domain.core.aggregate import DomainEvent
from domain.operations.skipped_event import FollowerEventSkipped
from eventlog.codec import Codec
from eventlog.follow.follower import Follower
from eventlog.follow.handler import Cursor
from eventlog.log import Log
from eventlog.partitions.layout import set_partition_size
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored
from tests.support.postgres import Server
from tests.support.wait_until import until


@pytest.fixture
def database(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    dbname = postgres_server.migrated_database()
    monkeypatch.setenv("BILLHOOK_DATABASE_URL", postgres_server.dsn(dbname))
    yield postgres_server.dsn(dbname)
    postgres_server.release(dbname)


@contextmanager
def log_of(database: str) -> Iterator[Log]:
    log = Log.open(database)
    try:
        yield log
    finally:
        log.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command_line("log"), ["log", *arguments])


def stop_before_poison(database: str, name: str = "rows") -> None:
    """Have a follower stop before the event at position 2."""

    async def handle(_: Cursor, events: Sequence[RecordedEvent]) -> None:
        if any(event.topic == "Poison" for event in events):
            raise ValueError("poison")

    async def scenario() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(Follower(database, name, handle).run(stop))
        with psycopg.connect(database, autocommit=True) as connection:
            failures = "SELECT count(*) FROM eventlog.follower_failures WHERE position = 2"
            await until(lambda: connection.execute(failures).fetchone() == (1,))
        stop.set()
        await running

    asyncio.run(scenario())


def test_a_sound_log_is_verified(database: str) -> None:
    with log_of(database) as log:
        log.append([stored() for _ in range(5)])
    result = run("verify")
    assert result.exit_code == 0, result.output
    assert "5 events checked, 0 streams broken" in result.output


def test_a_broken_chain_ends_with_1_and_names_the_position(database: str) -> None:
    with log_of(database) as log:
        log.append([stored() for _ in range(5)])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE eventlog.events DISABLE TRIGGER events_are_append_only")
        connection.execute("UPDATE eventlog.events SET state = 'x' WHERE position = 3")
    result = run("verify", "--json")
    assert result.exit_code == 1
    assert [found["position"] for found in json.loads(result.output)["breaks"]] == [3]
    assert run("verify", "--from", "4").exit_code == 0


def test_a_partition_is_listed_detached_and_attached(database: str) -> None:
    set_partition_size(database, 3)
    with log_of(database) as log:
        log.append([stored() for _ in range(5)])

    refused = run("detach", "1")
    assert (refused.exit_code, "audits read the last 90 days" in refused.output) == (1, True)
    detached = run("detach", "1", "--days", "0")

    assert detached.output == "detached events 1 to 3: the table eventlog.events_from_1\n"
    (first, second) = json.loads(run("partitions", "--json").output)
    assert (first["state"], first["events"], len(first["lastHash"])) == ("detached", 3, 64)
    assert (second["state"], second["events"]) == ("open", 2)
    assert first["lastHash"][:12] in run("partitions").output
    verified = run("verify")
    assert (verified.exit_code, "not checked, being detached: 1 to 3" in verified.output) == (
        0,
        True,
    )
    for arguments in (["attach", "4"], ["detach", "1", "--days", "0"], ["detach", "4"]):
        assert run(*arguments).exit_code == 1
    assert run("attach", "1").output == "attached events 1 to 3\n"
    assert json.loads(run("partitions", "--json").output)[0]["state"] == "attached"


def test_apps_are_known_whose_events_are_in_a_detached_partition(database: str) -> None:
    def apps(*arguments: str) -> Result:
        return CliRunner().invoke(command_line("apps"), ["apps", *arguments])

    set_partition_size(database, 3)
    names = ["Books", "Shoes", "Tea"]
    for name in names:
        assert apps("create", name).exit_code == 0
    assert run("detach", "1", "--days", "0").exit_code == 0

    listed = apps("list")

    assert listed.exit_code == 0, listed.output
    assert [name for name in names if name in listed.output] == names


def test_a_skip_is_recorded_as_an_event(database: str) -> None:
    with log_of(database) as log:
        log.append([stored(), stored(topic="Poison")])
        stop_before_poison(database)
        result = run("skip", "2", "--follower", "rows", "--reason", "holds a list")
        assert result.exit_code == 0, result.output
        (entry,) = log.read(0, 10, [FollowerEventSkipped.TOPIC])
    event = Codec().decode(entry.stored())
    assert isinstance(event, FollowerEventSkipped)
    assert isinstance(event, DomainEvent)
    assert (event.follower, event.position, event.reason) == ("rows", 2, "holds a list")


def test_a_projection_is_named_as_the_doctor_names_it(database: str) -> None:
    with log_of(database) as log:
        log.append([stored(), stored(topic="Poison")])
        stop_before_poison(database, "rows_g2")
        wrong = run("skip", "1", "--follower", "rows", "--reason", "holds a list")
        assert "the next event of rows is at 2, not at 1" in wrong.output
        result = run("skip", "2", "--follower", "rows", "--reason", "holds a list")
        assert (result.exit_code, result.output) == (0, "rows_g2 skips position 2\n")
        (entry,) = log.read(0, 10, [FollowerEventSkipped.TOPIC])
    event = Codec().decode(entry.stored())
    assert isinstance(event, FollowerEventSkipped)
    assert event.follower == "rows_g2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2", "--follower", "nobody", "--reason", "x"], "there is no 'nobody'"),
        (["1", "--follower", "rows", "--reason", "x"], "the next event of rows is at 2, not at 1"),
        (["2", "--follower", "rows", "--reason", " "], "--reason"),
    ],
)
def test_only_the_next_event_of_a_follower_can_be_skipped(
    database: str, arguments: list[str], message: str
) -> None:
    with log_of(database) as log:
        log.append([stored(), stored(uuid4(), topic="Poison")])
        stop_before_poison(database)
        result = run("skip", *arguments)
        assert result.exit_code == 1
        assert message in result.output
        assert log.read(0, 10, [FollowerEventSkipped.TOPIC]) == []
