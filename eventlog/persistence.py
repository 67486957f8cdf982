"""The log as eventsourcing's persistence module: PERSISTENCE_MODULE=eventlog.persistence.

The environment names the log: EVENTLOG_DSN to open one, or EVENTLOG_NAME for one that this
process registered, and closes itself.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    ListenNotifySubscription,
    Mapper,
    Notification,
    NotSupportedError,
    ProcessRecorder,
    StoredEvent,
    TrackingRecorder,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType

from eventlog.bodies import Body
from eventlog.codec import EventMapper, EventTranscoder
from eventlog.database.connect import connect
from eventlog.log import Log

_registered: dict[str, Log] = {}

_POLL_S = 0.25


def register(name: str, log: Log | None) -> None:
    """Offer a log under a name to this process's applications; None takes it back."""
    if log is None:
        _registered.pop(name, None)
    else:
        _registered[name] = log


class Recorder(ApplicationRecorder):
    """Records through the process's group commit; blocks the calling thread only."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: object
    ) -> Sequence[int]:
        """Record all or nothing; `bodies` are recorded with them. Raises Conflict."""
        bodies = kwargs.get("bodies", ())
        if not isinstance(bodies, Sequence) or not all(isinstance(b, Body) for b in bodies):
            raise TypeError("bodies: a sequence of Body")
        if kwargs.get("tracking") is not None:
            raise NotSupportedError("followers keep their positions themselves")
        return self._log.append(stored_events, bodies)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Read one stream."""
        events = self._log.stream(
            UUID(str(originator_id)),
            after_version=gt or 0,
            up_to_version=lte,
            newest_first=desc,
            limit=limit,
        )
        return [event.stored() for event in events]

    def select_streams(self, streams: Collection[UUID]) -> Mapping[UUID, Sequence[StoredEvent]]:
        """Read whole streams by one query; one without events has none."""
        return self._log.streams(streams)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Read the log in order."""
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        return self._log.read(after, limit, topics or None, up_to_position=stop)

    def max_notification_id(self) -> int | None:
        """Return the newest position, None while the log is empty."""
        return self._log.head() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "LogSubscription":
        """Iterate over the log and wait for more."""
        return LogSubscription(self, dsn=self._log.dsn, gt=gt, topics=topics)


class LogSubscription(ListenNotifySubscription[Recorder]):
    """An endless iterator over the log in one thread; followers are what the system itself uses."""

    def __init__(
        self, recorder: Recorder, *, dsn: str, gt: int | None, topics: Sequence[str]
    ) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._dsn = dsn
        self._listener = threading.Thread(target=self._listen, name="subscription", daemon=True)
        self._listener.start()

    def __exit__(self, *args: object, **kwargs: object) -> None:
        super().__exit__(*args, **kwargs)
        self._listener.join()

    def _listen(self) -> None:
        try:
            with connect(self._dsn, application_name="billhook subscription") as connection:
                connection.execute("LISTEN eventlog")
                while not self._has_been_stopped:
                    for _ in connection.notifies(timeout=_POLL_S, stop_after=1):
                        pass
                    self._has_been_notified.set()
        except psycopg.Error as error:
            self._thread_error = error
            self.stop()


class Factory(InfrastructureFactory[TrackingRecorder]):
    """Builds recorders over a Log. Tables are made by migrations, never here."""

    EVENTLOG_DSN = "EVENTLOG_DSN"
    EVENTLOG_NAME = "EVENTLOG_NAME"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self._own: Log | None = None

    def transcoder(self) -> Transcoder:
        """Encode as the Codec does."""
        return EventTranscoder()

    def mapper(
        self,
        transcoder: Transcoder | None = None,
        mapper_class: type[Mapper[Any]] | None = None,
    ) -> Mapper[Any]:
        """Check field types, as the Codec does."""
        return super().mapper(transcoder, mapper_class or EventMapper)

    def application_recorder(self) -> ApplicationRecorder:
        """Record in the log that the environment names."""
        return Recorder(self._log())

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Refuse: there is one log, and no snapshots beside it."""
        raise NotSupportedError(f"the event log keeps no separate {purpose}")

    def tracking_recorder(
        self,
        tracking_recorder_class: type[TrackingRecorder] | None = None,  # noqa: ARG002 - inherited
    ) -> TrackingRecorder:
        """Refuse: a follower keeps its position with its rows."""
        raise NotSupportedError("followers keep their positions themselves")

    def process_recorder(self) -> ProcessRecorder:
        """Refuse, as `tracking_recorder` does."""
        raise NotSupportedError("followers keep their positions themselves")

    def close(self) -> None:
        """Close the log, if it was opened here."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def _log(self) -> Log:
        if name := self.env.get(self.EVENTLOG_NAME):
            if name not in _registered:
                raise InfrastructureFactoryError(f"no event log is registered as {name!r}")
            return _registered[name]
        if self._own is None:
            dsn = self.env.get(self.EVENTLOG_DSN)
            if not dsn:
                raise InfrastructureFactoryError("set EVENTLOG_DSN or EVENTLOG_NAME")
            self._own = Log.open(dsn)
        return self._own
