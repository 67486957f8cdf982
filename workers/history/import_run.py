"""Import an account's history page by page, resumable from a stored checkpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

import structlog

from domain.billing import Billing
from domain.core.errors import StaleWrite
from domain.gateway.errors import GatewayRejected, ProviderObjectUnreadable
from domain.gateway.objects import RefundsAndDisputes
from domain.invoices.invoice import Invoice
from domain.subscriptions.subscription import Subscription
from eventlog.errors import EventNotStorable
from projections.work.checkpoints import Checkpoints
from workers.provider_objects.import_object import FetchedRefunds, ImportDeps, ProviderAccount
from workers.providers.retry import Page, Span

PHASES: Final = ("tax_rates", "prices", "customers", "subscriptions", "invoices")
# A payment is created when its invoice is finalised, hours or days after the invoice was created.
PAYMENTS_LAG_S: Final = 4 * 86400
WINDOW_S: Final = 30 * 86400


@dataclass(frozen=True, kw_only=True)
class ImportCheckpoint:
    """Position of an import: the phase, the last imported id (`after`) and the window of time.

    `since` and `until` are Unix seconds by the provider's clock. `counts`: by phase, then outcome.
    """

    since: int
    until: int
    phase: str = PHASES[0]
    after: str | None = None
    window: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    finished: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the checkpoint as JSON."""
        return asdict(self)

    def counted(self, outcomes: list[str], *, after: str | None) -> ImportCheckpoint:
        """Count a page's outcomes and move to the next page."""
        mine = dict(self.counts.get(self.phase, {}))
        for outcome in outcomes:
            mine[outcome] = mine.get(outcome, 0) + 1
        return replace(self, counts={**self.counts, self.phase: mine}, after=after)

    def at_phase(self, phase: str) -> ImportCheckpoint:
        """Return the checkpoint at the start of a phase."""
        return replace(self, phase=phase, after=None, window=0)

    def windows(self) -> Iterator[tuple[int, Span]]:
        """Yield the remaining windows with their numbers, starting with the current one."""
        number = self.window
        while (start := self.since + number * WINDOW_S) < self.until:
            yield number, Span(start=start, end=min(start + WINDOW_S, self.until))
            number += 1

    def after_window(self, number: int) -> ImportCheckpoint:
        """Return the checkpoint at the start of the next window."""
        return replace(self, window=number + 1, after=None)


# Objects that are read twice, after a kill or by a second run, change nothing: ids are derived
# from the provider's ids, and a known state records no event. Nothing is written at the provider.

T = TypeVar("T")
_STALE_TRIES: Final = 3

_log = structlog.get_logger("billhook.import")

NEW, CHANGED, KNOWN = "new", "changed", "known"
OURS, ELSEWHERE, SKIPPED, UNASSIGNED = "ours", "elsewhere", "skipped", "unassigned"
UNREADABLE: Final = "unreadable"


@dataclass(kw_only=True)
class ImportRun(ABC):
    """Import of one connection. `report` is called after each page; `dry_run` records nothing.

    Every method may raise the gateway's errors, LogUnavailable and WorkUnavailable; repeat it then.
    """

    phases: ClassVar[tuple[str, ...]]
    account: ProviderAccount
    billing: Billing
    checkpoints: Checkpoints
    pool: ThreadPoolExecutor
    now: Callable[[], datetime]
    report: Callable[[ImportCheckpoint, float], None]
    dry_run: bool = False
    started: datetime = field(init=False)
    since_s: int = field(init=False)

    @abstractmethod
    def now_s(self) -> int:
        """Return the time by the provider's clock in Unix seconds."""

    @abstractmethod
    def phase(self, checkpoint: ImportCheckpoint) -> ImportCheckpoint:
        """Import the objects of a phase, starting at the checkpoint."""

    @property
    def name(self) -> str:
        """Return the name under which the checkpoint is stored."""
        return f"import:{self.account.connection_id}"

    def run(self, since: int) -> ImportCheckpoint:
        """Import from `since` (Unix seconds), or continue at the stored checkpoint."""
        self.started, self.since_s = self.now(), since
        checkpoint = self._resume(since)
        for phase in self.phases[self.phases.index(checkpoint.phase) :]:
            checkpoint = (
                checkpoint if phase == checkpoint.phase else self.keep(checkpoint.at_phase(phase))
            )
            checkpoint = self.phase(checkpoint)
        return self.keep(replace(checkpoint, finished=True))

    def _resume(self, since: int) -> ImportCheckpoint:
        kept = None if self.dry_run else self.checkpoints.find(self.name)
        if kept is not None:
            checkpoint = ImportCheckpoint(**kept)
            if not checkpoint.finished and checkpoint.since == since:
                return checkpoint
        return ImportCheckpoint(since=since, until=self.now_s() + 1, phase=self.phases[0])

    def keep(self, checkpoint: ImportCheckpoint) -> ImportCheckpoint:
        """Store the checkpoint, except in a dry run."""
        if not self.dry_run:
            self.checkpoints.save(self.name, checkpoint.to_json())
        return checkpoint

    def import_pages(
        self,
        checkpoint: ImportCheckpoint,
        fetch: Callable[[str | None], Page[T]],
        take: Callable[[T], str],
        *,
        share: Callable[[Page[T]], float] = lambda _: 0.0,
    ) -> ImportCheckpoint:
        """Import pages with several threads; the checkpoint moves once a page is complete.

        After the last page the caller moves the checkpoint to the next window or phase. Where the
        object that a page starts after was deleted, as drafts are, the list starts anew.
        """
        deleted: set[str] = set()
        while True:
            after = checkpoint.after
            try:
                page = fetch(after)
            except GatewayRejected as error:
                if not error.missing or after is None or after in deleted:
                    raise
                deleted.add(after)
                checkpoint = replace(checkpoint, after=None)
                continue
            outcomes = list(self.pool.map(partial(_import_readable, take), page.items))
            outcomes += [UNREADABLE] * page.unreadable
            checkpoint = checkpoint.counted(outcomes, after=page.last)
            self.report(checkpoint, share(page))
            if page.last is None:
                return checkpoint
            self.keep(checkpoint)

    def deps(self, back: RefundsAndDisputes) -> ImportDeps:
        """Build the dependencies of the import of one invoice."""
        return ImportDeps(billing=self.billing, gateway=FetchedRefunds(back), now=self.now)

    def outcome(self, take: Callable[[], Invoice | Subscription]) -> str:
        """Import one object, again after a concurrent webhook; return new, changed or known."""
        for tries in range(1, _STALE_TRIES + 1):
            try:
                taken = take()
            except StaleWrite:
                if tries == _STALE_TRIES:
                    raise
            else:
                break
        if taken.created_on >= self.started:
            return NEW
        return CHANGED if taken.modified_on >= self.started else KNOWN


def _import_readable(take: Callable[[T], str], item: T) -> str:
    """Import one object; one that cannot be read or stored, or is deleted, stops no import."""
    try:
        return take(item)
    except GatewayRejected as error:
        if not error.missing:
            raise
        return SKIPPED
    except (ProviderObjectUnreadable, EventNotStorable) as error:
        _log.warning("import.unreadable", reason=str(error))
        return UNREADABLE
