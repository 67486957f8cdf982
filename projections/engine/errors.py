"""Define the read model's errors.

ProjectionError
├── BadCursor                a list cannot go on from here
├── ReadModelUnavailable     the database did not answer in time
├── VersionGap               an event's predecessor was never folded
├── UnknownProjection        nothing of that name is projected
└── RebuildError             the old generation goes on answering
    ├── RebuildRunning       another process is at it
    └── GenerationsDiffer    the new generation does not say what the old one says
"""

from collections.abc import Sequence
from uuid import UUID


class ProjectionError(Exception):
    """The root of what this package raises."""


class BadCursor(ProjectionError):
    """The cursor is broken, belongs to another filter or order, or the page is too deep."""


class ReadModelUnavailable(ProjectionError):
    """The read model did not answer within the deadline."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the read model is unavailable: {reason}")


class VersionGap(ProjectionError):
    """The stream went on without us: a rebuild is needed."""

    def __init__(self, stream: UUID, *, version: int, offered: int) -> None:
        super().__init__(f"stream {stream} is at version {version}, version {offered} was offered")
        self.stream = stream
        self.version = version
        self.offered = offered


class UnknownProjection(ProjectionError):
    """There is no projection of that name."""


class RebuildError(ProjectionError):
    """The new generation was not taken into service."""


class RebuildRunning(RebuildError):
    """The projection is being rebuilt already."""

    def __init__(self, projection: str) -> None:
        super().__init__(f"another process is rebuilding {projection}")


class GenerationsDiffer(RebuildError):
    """Rows are missing or say something else; `examples` names some, by table and key."""

    def __init__(self, *, differing: int, examples: Sequence[str]) -> None:
        super().__init__(f"{differing} rows differ, such as {', '.join(examples)}")
        self.differing = differing
        self.examples = tuple(examples)
