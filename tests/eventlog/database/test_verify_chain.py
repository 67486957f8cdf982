from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL

from eventlog.database.verify_chain import verify
from eventlog.log import Log
from tests.eventlog.stored_events import stored

_STREAM = UUID(int=7)
_VICTIM = "originator_id = '00000000-0000-0000-0000-000000000007' AND originator_version = 2"


def tamper(database: str, change: str) -> None:
    """Do what a person with the database's password can do."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE eventlog.events DISABLE TRIGGER events_are_append_only")
        connection.execute(SQL(change + " WHERE " + _VICTIM))


@pytest.fixture
def _some_history(log: Log) -> None:
    for version in range(1, 5):
        log.append([stored(_STREAM, version, state=b"%d" % version), stored(uuid4())])


@pytest.mark.usefixtures("_some_history")
def test_an_untouched_log_is_sound(database: str) -> None:
    report = verify(database)
    assert (report.events, report.breaks, report.missing_positions) == (8, [], 0)
    assert verify(database, stream=_STREAM).events == 4


@pytest.mark.usefixtures("_some_history")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE eventlog.events SET state = '9'",
        "UPDATE eventlog.events SET topic = 'Else'",
        "UPDATE eventlog.events SET hash = sha256('')",
        "UPDATE eventlog.events SET position = 1000",
        "DELETE FROM eventlog.events",
    ],
)
def test_a_row_that_was_tampered_with_is_found(database: str, change: str) -> None:
    tamper(database, change)
    (found,) = verify(database).breaks
    assert found.stream == _STREAM
    assert found.version in {2, 3}
    assert not verify(database, stream=_STREAM).is_sound


@pytest.mark.usefixtures("_some_history")
def test_a_lost_event_leaves_a_gap_in_the_positions(database: str) -> None:
    tamper(database, "DELETE FROM eventlog.events")
    assert verify(database).missing_positions == 1


@pytest.mark.usefixtures("_some_history")
def test_from_a_position_on_the_events_before_it_are_not_checked(database: str) -> None:
    tamper(database, "UPDATE eventlog.events SET state = '9'")
    assert [found.position for found in verify(database, start=3).breaks] == [3]
    report = verify(database, start=4)
    assert (report.events, report.breaks, report.missing_positions) == (5, [], 0)
    assert verify(database, start=9).events == 0


@pytest.mark.usefixtures("_some_history")
def test_the_progress_ends_with_all_events(database: str) -> None:
    seen: list[tuple[int, int]] = []
    verify(database, on_progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (8, 8)


@pytest.mark.usefixtures("_some_history")
def test_a_range_is_checked_by_itself_and_names_its_first_broken_position(database: str) -> None:
    for start in range(1, 9):
        report = verify(database, start=start, end=start + 2)
        assert report.is_sound, start
        assert report.events == min(3, 9 - start)
    tamper(database, "DELETE FROM eventlog.events")  # the event at position 3
    assert [verify(database, start=1, end=end).first_broken for end in (2, 3, 8)] == [None, 3, 3]
    assert verify(database, start=4, end=8).first_broken == 5  # its stream's next one
    assert verify(database, start=6, end=8).is_sound
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM eventlog.events WHERE position = 8")
    assert verify(database, start=6, end=20).is_sound  # nothing shows that it was there
