"""Define the log's errors.

eventsourcing.persistence
├── IntegrityError
│   └── Conflict             another caller was there first, or a version is missing
└── OperationalError
    └── LogUnavailable       the database did not answer in time
EventLogError
├── LogClosed                used after close()
├── BodyDamaged              a body's bytes are not those of its hash
├── EventsDetached           events to be read are in a partition that is detached
│   └── HistoryDetached      a stream's older events are
├── PartitionError           a partition cannot be detached or attached
├── MigrationError
│   ├── MigrationChanged     an applied migration's text is not what was applied
│   └── ObsoleteDatabase     made by a version whose migrations were squashed
└── VaultError               a sealed text cannot be opened, or a key is none
TypeError
└── EventNotStorable         an event has fields that followers could not decode
"""

from uuid import UUID

from eventsourcing.persistence import IntegrityError, OperationalError


class Conflict(IntegrityError):
    """The stream does not stand where the caller believed: nothing of the append was recorded."""

    def __init__(self, stream: UUID, *, offered: int, recorded: int) -> None:
        super().__init__(f"stream {stream} stands at version {recorded}, {offered} was offered")
        self.stream = stream
        self.offered = offered
        self.recorded = recorded


class LogUnavailable(OperationalError):
    """The log did not answer within the deadline.

    `maybe_recorded` tells an append whose answer was lost from one that was never sent.
    """

    def __init__(self, reason: str, *, maybe_recorded: bool = False) -> None:
        super().__init__(f"the event log is unavailable: {reason}")
        self.maybe_recorded = maybe_recorded


class EventLogError(Exception):
    """Base of what is not a matter of eventsourcing's persistence."""


class LogClosed(EventLogError):
    """The log was closed."""


class BodyDamaged(EventLogError):
    """The stored bytes of a body are not those that its hash was taken of."""


class EventsDetached(EventLogError):
    """Events that are to be read are in a partition that an operator detached."""

    def __init__(self, first: int, last: int, *, of: str = "") -> None:
        super().__init__(
            f"{of}the events at positions {first} to {last} are detached;"
            f" to attach them: billhook log attach {first}"
        )
        self.first = first
        self.last = last


class HistoryDetached(EventsDetached):
    """Older events of a stream are in a partition that an operator detached."""

    def __init__(self, stream: UUID, first: int, last: int) -> None:
        super().__init__(first, last, of=f"stream {stream} has events that are not here: ")
        self.stream = stream


class PartitionError(EventLogError):
    """A partition of the log cannot be detached or attached; nothing was changed."""


class MigrationError(EventLogError):
    """A migration could not be applied."""


class MigrationChanged(MigrationError):
    """The text of an applied migration differs from what was applied."""


class ObsoleteDatabase(MigrationError):
    """The database was made by a development version that no migration leads on from."""

    def __init__(self, baseline: str) -> None:
        super().__init__(
            f"the database was made by an older development version ({baseline} differs) and cannot"
            " be migrated: create an empty database, or delete the data directory of billhook up"
        )


class VaultError(EventLogError):
    """A text cannot be sealed or opened; says neither the text nor a key."""


class EventNotStorable(TypeError):
    """An event has a field of another type than its class, or would be decoded differently."""
