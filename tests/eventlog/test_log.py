from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from eventlog.errors import Conflict
from eventlog.log import Log
from tests.eventlog.factory import stored


@pytest.fixture
def log(database):
    log = Log.open(database)
    yield log
    log.close()


def test_events_come_back_as_they_were_recorded(log):
    first, second = uuid4(), uuid4()
    events = [stored(first, 1), stored(first, 2, state=b"\x00\xff"), stored(second, 1)]
    assert log.append(events) == [1, 2, 3]
    assert [event.stored() for event in log.stream(first)] == events[:2]
    assert [event.position for event in log.read(0, 10)] == [1, 2, 3]


def test_a_version_that_is_taken_is_a_conflict_that_names_the_stream(log):
    stream = uuid4()
    log.append([stored(stream, 1)])
    with pytest.raises(Conflict) as caught:
        log.append([stored(), stored(stream, 1)])
    assert (caught.value.stream, caught.value.offered, caught.value.recorded) == (stream, 1, 1)
    assert isinstance(caught.value, IntegrityError)
    assert log.head() == 1
