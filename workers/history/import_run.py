"""Import an account's history page by page, resumable from a stored checkpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Final, TypeVar

from domain.billing import Billing
from domain.core.errors import StaleWrite
from domain.gateway.objects import RefundsAndDisputes
from domain.invoices.invoice import Invoice
from domain.subscriptions.subscription import Subscription
from projections.work.checkpoints import Checkpoints
from workers.provider_objects.take_over import FetchedRefunds, ImportDeps, ProviderAccount
from workers.providers.retry import Page, Span

PHASES: Final = ("tax_rates", "prices", "customers", "subscriptions", "invoices")
# A payment is begun when its invoice is finalised, hours or days after that was made.
PAYMENTS_LAG_S: Final = 4 * 86400
WINDOW_S: Final = 30 * 86400


@dataclass(frozen=True, kw_only=True)
class ImportCheckpoint:
    """What is being read: `after` the last thing taken in; invoices by windows, oldest first.

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
        """Write it down."""
        return asdict(self)

    def counted(self, outcomes: list[str], *, after: str | None) -> ImportCheckpoint:
        """Go on to the next page, with what came of this one."""
        mine = dict(self.counts.get(self.phase, {}))
        for outcome in outcomes:
            mine[outcome] = mine.get(outcome, 0) + 1
        return replace(self, counts={**self.counts, self.phase: mine}, after=after)

    def at_phase(self, phase: str) -> ImportCheckpoint:
        """Begin a phase."""
        return replace(self, phase=phase, after=None, window=0)

    def windows(self) -> Iterator[tuple[int, Span]]:
        """Give the windows that are left, numbered, this one first."""
        number = self.window
        while (start := self.since + number * WINDOW_S) < self.until:
            yield number, Span(start=start, end=min(start + WINDOW_S, self.until))
            number += 1

    def after_window(self, number: int) -> ImportCheckpoint:
        """Begin the next window."""
        return replace(self, window=number + 1, after=None)


# Import what an account has had, page by page, so that a run that was killed goes on.
#
# Whatever is read twice, by a kill or a second run, changes nothing: ids follow from the
# provider's,
# and a word that says what is known leaves no event. Nothing is written at the provider.

T = TypeVar("T")
_STALE_TRIES: Final = 3

NEW, CHANGED, KNOWN = "new", "changed", "known"
OURS, ELSEWHERE, SKIPPED, UNASSIGNED = "ours", "elsewhere", "skipped", "unassigned"


@dataclass(kw_only=True)
class ImportRun(ABC):
    """One connection's import. `report` is told of each page; `dry_run` records nothing.

    Every method may raise the gateway's errors, LogUnavailable and WorkUnavailable: run it again.
    """

    phases: ClassVar[tuple[str, ...]]
    account: ProviderAccount
    billing: Billing
    places: Checkpoints
    pool: ThreadPoolExecutor
    now: Callable[[], datetime]
    report: Callable[[ImportCheckpoint, float], None]
    dry_run: bool = False
    started: datetime = field(init=False)
    since_s: int = field(init=False)

    @abstractmethod
    def now_s(self) -> int:
        """Tell the time by the provider's clock: Unix seconds."""

    @abstractmethod
    def phase(self, checkpoint: ImportCheckpoint) -> ImportCheckpoint:
        """Take in what a phase is about, from a place on."""

    @property
    def name(self) -> str:
        """Name the place that is kept."""
        return f"import:{self.account.connection_id}"

    def run(self, since: int) -> ImportCheckpoint:
        """Import from a second on, or go on where that was left."""
        self.started, self.since_s = self.now(), since
        checkpoint = self._resume(since)
        for phase in self.phases[self.phases.index(checkpoint.phase) :]:
            checkpoint = (
                checkpoint if phase == checkpoint.phase else self.keep(checkpoint.at_phase(phase))
            )
            checkpoint = self.phase(checkpoint)
        return self.keep(replace(checkpoint, finished=True))

    def _resume(self, since: int) -> ImportCheckpoint:
        kept = None if self.dry_run else self.places.find(self.name)
        if kept is not None:
            checkpoint = ImportCheckpoint(**kept)
            if not checkpoint.finished and checkpoint.since == since:
                return checkpoint
        return ImportCheckpoint(since=since, until=self.now_s() + 1, phase=self.phases[0])

    def keep(self, checkpoint: ImportCheckpoint) -> ImportCheckpoint:
        """Remember how far it is."""
        if not self.dry_run:
            self.places.save(self.name, checkpoint.to_json())
        return checkpoint

    def import_pages(
        self,
        checkpoint: ImportCheckpoint,
        fetch: Callable[[str | None], Page[T]],
        take: Callable[[T], str],
        *,
        share: Callable[[Page[T]], float] = lambda _: 0.0,
    ) -> ImportCheckpoint:
        """Take pages in, each by several threads; the place moves on once all of one stands.

        After the last one the caller moves it on, in one go.
        """
        while True:
            page = fetch(checkpoint.after)
            outcomes = list(self.pool.map(take, page.items))
            checkpoint = checkpoint.counted(outcomes, after=page.last)
            self.report(checkpoint, share(page))
            if page.last is None:
                return checkpoint
            self.keep(checkpoint)

    def deps(self, back: RefundsAndDisputes) -> ImportDeps:
        """Lay out what taking in one invoice works with."""
        return ImportDeps(billing=self.billing, gateway=FetchedRefunds(back), now=self.now)

    def outcome(self, take: Callable[[], Invoice | Subscription]) -> str:
        """Take one in, again where a webhook was faster; tell whether that was news."""
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
