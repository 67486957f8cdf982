"""Audit a connection: list what the provider has, and enter what is missing or different.

A run covers the objects created in a period, list after list, a page at a time. The checkpoint
moves after each page, so that a run that was killed continues; memory does not grow with the
account.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from domain.gateway.errors import GatewayRejected
from projections.work.checkpoints import Checkpoints
from workers.providers.retry import Page, Span
from workers.reconciliation.inbox import ReconciliationInbox

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class AuditCheckpoint:
    """Position of an audit of the objects created from `start` up to `end` (Unix seconds).

    Times are by the provider's clock. `after`: the last object read of the list `phase`.
    `checked`, `found`: numbers of objects by list. `unreadable`: objects that no reader accepts.
    """

    start: int
    end: int
    phase: str
    after: str | None = None
    checked: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    finished: bool = False

    @property
    def period(self) -> Span:
        """Return the time in which the objects were created."""
        return Span(start=self.start, end=self.end)

    def after_page(self, page: Page[Any], *, found: int) -> AuditCheckpoint:
        """Count a page and move to the next one."""
        objects = len(page.items)
        return replace(
            self,
            after=page.last,
            checked=self.checked | {self.phase: self.checked.get(self.phase, 0) + objects},
            found=self.found | {self.phase: self.found.get(self.phase, 0) + found},
            unreadable=self.unreadable + page.unreadable,
        )


class Stopped(Exception):
    """The run was stopped between two pages; the next one continues."""


Report = Callable[[AuditCheckpoint, float], None]


def unreported(_: AuditCheckpoint, __: float) -> None:
    """Report nothing."""


@dataclass(kw_only=True)
class AuditRun(ABC):
    """Audit of one connection. `report` gets the checkpoint and the read share after each page.

    `name`: the checkpoint's. Every method may raise the gateway's errors, LogUnavailable and
    WorkUnavailable; the next run continues then.
    """

    phases: ClassVar[tuple[str, ...]]
    name: str
    inbox: ReconciliationInbox
    checkpoints: Checkpoints
    report: Report = unreported
    should_stop: Callable[[], bool] = lambda: False
    # Of this run, so that it goes on after an error; a dry run stores no checkpoint.
    _reached: AuditCheckpoint | None = None

    @abstractmethod
    def now_s(self) -> int:
        """Return the time by the provider's clock in Unix seconds."""

    @abstractmethod
    def check_page(self, checkpoint: AuditCheckpoint) -> tuple[Page[Any], int, float]:
        """Compare a page; return it, the number of entered objects, and the list's read share."""

    def run(self, period: Span, *, only: Sequence[str] | None = None) -> AuditCheckpoint:
        """Audit a period, or continue the run of it that did not finish. `only`: these lists.

        Raises Stopped.
        """
        phases = [phase for phase in self.phases if only is None or phase in only]
        checkpoint = self._resume(period, phases)
        for index in range(phases.index(checkpoint.phase), len(phases)):
            if checkpoint.phase != phases[index]:
                checkpoint = self._save(replace(checkpoint, phase=phases[index], after=None))
            checkpoint = self._list(checkpoint, done=index, phases=len(phases))
        return self._save(replace(checkpoint, finished=True))

    def _list(self, checkpoint: AuditCheckpoint, *, done: int, phases: int) -> AuditCheckpoint:
        """Compare a list from the checkpoint to its end."""
        while True:
            if self.should_stop():
                raise Stopped
            try:
                page, found, share = self.check_page(checkpoint)
            except GatewayRejected as error:
                if not error.missing or checkpoint.after is None:
                    raise
                # The object that the page starts after was deleted: the list starts anew.
                checkpoint = replace(checkpoint, after=None)
                continue
            checkpoint = checkpoint.after_page(page, found=found)
            self.report(checkpoint, (done + share) / phases)
            if page.last is None:
                return checkpoint
            self._save(checkpoint)

    def _resume(self, period: Span, phases: Sequence[str]) -> AuditCheckpoint:
        checkpoint = self._reached or self.stored()
        if checkpoint is not None:
            is_same = checkpoint.period == period and checkpoint.phase in phases
            if is_same and not checkpoint.finished:
                return checkpoint
        return AuditCheckpoint(start=period.start, end=period.end, phase=phases[0])

    def stored(self) -> AuditCheckpoint | None:
        """Return the stored checkpoint; a dry run has none."""
        found = None if self.inbox.dry_run else self.checkpoints.find(self.name)
        return None if found is None else AuditCheckpoint(**found)

    def _save(self, checkpoint: AuditCheckpoint) -> AuditCheckpoint:
        self._reached = checkpoint
        if not self.inbox.dry_run:
            self.checkpoints.save(self.name, asdict(checkpoint))
        return checkpoint


def checkpoint_name(connection_id: UUID) -> str:
    """Return the name of the checkpoint of a connection's audits."""
    return f"audit:{connection_id}"


def share_read(oldest_s: int | None, period: Span, *, last: str | None) -> float:
    """Return the read share of a list that is read from the period's end down."""
    if last is None or oldest_s is None:
        return 1.0
    whole = max(period.end - period.start, 1)
    return min(max((period.end - oldest_s) / whole, 0.0), 1.0)
