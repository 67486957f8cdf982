import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    NotSupportedError,
    StoredEvent,
)
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

import eventlog
from eventlog.bodies import Body
from eventlog.codec import Codec
from eventlog.errors import Conflict
from eventlog.log import Log
from eventlog.persistence import Factory, Recorder, register
from tests.support.postgres import Server


class CountingFromOne(Recorder):
    """eventsourcing's load tests start streams at 0; its aggregates and our log start at 1."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: object
    ) -> Sequence[int]:
        first = min((event.originator_version for event in stored_events), default=1)
        if first == 0:
            stored_events = [
                replace(event, originator_version=event.originator_version + 1)
                for event in stored_events
            ]
        return super().insert_events(stored_events, **kwargs)


class _OverOurLog:
    """Runs eventsourcing's own test cases on our recorder, each on a database of its own."""

    addCleanup: Callable[..., Any]  # noqa: N815 - unittest's
    server: Server

    @pytest.fixture(autouse=True)
    def _server(self, postgres_server: Server) -> None:
        self.server = postgres_server

    def create_recorder(self) -> ApplicationRecorder:
        dbname = self.server.migrated_database(eventlog.MIGRATIONS)
        log = Log.open(self.server.dsn(dbname))
        self.addCleanup(self.server.release, dbname)
        self.addCleanup(log.close)
        return CountingFromOne(log)


class TestOfEventsourcing(_OverOurLog, ApplicationRecorderTestCase[ApplicationRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestOfEventsourcingOnOrder(_OverOurLog, NonInterleavingNotificationIDsBaseCase):
    pass


class Dog(Aggregate):
    class Event(Aggregate.Event):
        pass

    class Registered(Event, Aggregate.Created):
        name: str
        born_at: datetime
        litter: UUID

    class TrickAdded(Event):
        trick: str

        def apply(self, aggregate: Aggregate) -> None:
            aggregate.tricks.append(self.trick)  # type: ignore[attr-defined]

    def __init__(self, name: str, born_at: datetime, litter: UUID) -> None:
        self.name = name
        self.born_at = born_at
        self.litter = litter
        self.tricks: list[str] = []


def a_dog() -> Dog:
    return Dog._create(  # noqa: SLF001 - eventsourcing's way to name the created event
        Dog.Registered,
        name="Fido",
        born_at=datetime(2024, 2, 29, tzinfo=UTC),
        litter=uuid4(),
    )


@pytest.fixture
def application(log: Log) -> Iterator[Application[UUID]]:
    register("test", log)
    app = Application[UUID](
        env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": "test"}
    )
    yield app
    app.close()
    register("test", None)


def test_an_application_saves_and_finds_its_aggregates(application: Application[UUID]) -> None:
    dog = a_dog()
    dog.trigger_event(Dog.TrickAdded, trick="roll over")
    recordings = application.save(dog)
    assert [recording.notification.id for recording in recordings] == [1, 2]
    found: Dog = application.repository.get(dog.id)
    assert (found.name, found.litter, found.tricks) == ("Fido", dog.litter, ["roll over"])
    assert found.born_at == dog.born_at


def test_save_records_bodies_with_the_events(application: Application[UUID], log: Log) -> None:
    body = Body.of(b"provider object", None)
    application.save(a_dog(), bodies=[body])
    assert log.body(body.sha256) == b"provider object"
    with pytest.raises(TypeError, match="Body"):
        application.save(a_dog(), bodies=[b"not a body"])


def test_a_stale_aggregate_is_a_conflict(application: Application[UUID]) -> None:
    dog = a_dog()
    application.save(dog)
    one: Dog = application.repository.get(dog.id)
    other: Dog = application.repository.get(dog.id)
    for stale, trick in ((one, "sit"), (other, "beg")):
        stale.trigger_event(Dog.TrickAdded, trick=trick)
    application.save(one)
    with pytest.raises(IntegrityError) as caught:
        application.save(other)
    assert isinstance(caught.value, Conflict)
    assert caught.value.stream == dog.id


def test_the_codec_reads_what_the_application_wrote(
    application: Application[UUID], log: Log
) -> None:
    dog = a_dog()
    application.save(dog)
    (recorded,) = log.stream(dog.id)
    event = Codec().decode(recorded)
    assert isinstance(event, Dog.Registered)
    assert event.litter == dog.litter
    assert Codec().encode(event) == recorded.stored()


def test_the_factory_opens_the_log_that_the_environment_names(database: str) -> None:
    factory = InfrastructureFactory.construct(
        {"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_DSN": database}
    )
    recorder = factory.application_recorder()
    assert recorder.max_notification_id() is None
    factory.close()


def test_the_factory_names_missing_settings() -> None:
    with pytest.raises(InfrastructureFactoryError, match="EVENTLOG_DSN"):
        Factory({}).application_recorder()
    with pytest.raises(InfrastructureFactoryError, match="'nobody'"):
        Factory({"EVENTLOG_NAME": "nobody"}).application_recorder()


def test_there_is_nothing_beside_the_log() -> None:
    factory = Factory({})
    for make in (factory.aggregate_recorder, factory.tracking_recorder, factory.process_recorder):
        with pytest.raises(NotSupportedError):
            make()
    assert "EVENTLOG_DSN" not in os.environ
