import hashlib
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import IsolationLevel

from eventlog.log import Log
from tests.eventlog.stored_events import stored

_ONE = UUID(int=1)
_PACKAGES = ("domain", "eventlog", "projections", "workers", "service", "sandbox")


def append(connection: psycopg.Connection, owners: list[int], versions: list[int]) -> object:
    events = len(owners)
    return connection.execute(
        "SELECT * FROM eventlog.append(%s, %s, %s::bigint[], %s, %s, '{}', '{}', '{}', '{}')",
        [owners, [_ONE] * events, versions, ["Happened"] * events, [b"{}"] * events],
    ).fetchone()


def test_no_other_code_inserts_events() -> None:
    root = Path(__file__).parents[3]
    files = [
        file
        for package in _PACKAGES
        for file in (root / package).rglob("*")
        if file.suffix in {".py", ".sql"}
    ]
    inserting = [
        file.name for file in files if "insert into eventlog.events" in file.read_text().lower()
    ]
    assert inserting == ["0001_baseline.sql"]


def test_owners_are_refused_one_by_one(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        assert append(connection, [1, 1], [1, 2]) == ([1, 2], [], [], [])
        assert append(connection, [1], [2]) == ([None], [1], [_ONE], [2])
        assert append(connection, [1], [3]) == ([3], [], [], [])


def test_two_owners_of_one_stream_are_a_caller_s_mistake(database: str) -> None:
    with (
        psycopg.connect(database, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="two owners"),
    ):
        append(connection, [1, 2], [1, 2])


def test_a_snapshot_from_before_the_lock_is_refused(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.RaiseException, match="READ COMMITTED"):
            append(connection, [1], [1])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE eventlog.events SET topic = 'x'",
        "DELETE FROM eventlog.events",
        "TRUNCATE eventlog.events",
    ],
)
def test_what_was_recorded_is_not_changed(log: Log, database: str, change: str) -> None:
    log.append([stored()])
    with (
        psycopg.connect(database) as connection,
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
    ):
        connection.execute(change)
    assert log.head() == 1


def test_an_event_s_hash_covers_its_history(log: Log, database: str) -> None:
    log.append(
        [stored(_ONE, 1, topic="Ä".encode().hex(), state=b"s1"), stored(_ONE, 2, state=b"s2")]
    )
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT hash FROM eventlog.events ORDER BY position").fetchall()
    topic = "Ä".encode().hex().encode()
    first = hashlib.sha256(
        bytes(32) + _ONE.bytes + bytes(7) + b"\x01" + bytes(3) + bytes([len(topic)]) + topic + b"s1"
    ).digest()
    second = hashlib.sha256(
        first + _ONE.bytes + bytes(7) + b"\x02" + bytes(3) + b"\x08" + b"Happened" + b"s2"
    ).digest()
    assert rows == [(first,), (second,)]


def test_a_vacuum_of_the_table_does_not_hold_up_appends(log: Log, database: str) -> None:
    """A plain VACUUM holds SHARE UPDATE EXCLUSIVE, which LOCK TABLE … EXCLUSIVE would wait for."""
    log.append([stored()])
    with psycopg.connect(database) as vacuum:
        vacuum.execute("LOCK TABLE eventlog.events IN SHARE UPDATE EXCLUSIVE MODE")
        assert log.append([stored()]) == [2]
    with psycopg.connect(database, autocommit=True) as vacuum:
        vacuum.execute("VACUUM eventlog.events")
        assert log.append([stored()]) == [3]
