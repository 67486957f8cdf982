"""Where an import of a history is: kept after each page, so that a killed one goes on there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from workers.providers.paging import Span

PHASES: Final = ("tax_rates", "prices", "customers", "subscriptions", "invoices")
# A payment is begun when its invoice is finalised, hours or days after that was made.
PAYMENTS_LAG_S: Final = 4 * 86400
WINDOW_S: Final = 30 * 86400


@dataclass(frozen=True, kw_only=True)
class Place:
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

    def counted(self, outcomes: list[str], *, after: str | None) -> Place:
        """Go on to the next page, with what came of this one."""
        mine = dict(self.counts.get(self.phase, {}))
        for outcome in outcomes:
            mine[outcome] = mine.get(outcome, 0) + 1
        return replace(self, counts={**self.counts, self.phase: mine}, after=after)

    def at_phase(self, phase: str) -> Place:
        """Begin a phase."""
        return replace(self, phase=phase, after=None, window=0)

    def windows(self) -> Iterator[tuple[int, Span]]:
        """Give the windows that are left, numbered, this one first."""
        number = self.window
        while (start := self.since + number * WINDOW_S) < self.until:
            yield number, Span(start=start, end=min(start + WINDOW_S, self.until))
            number += 1

    def after_window(self, number: int) -> Place:
        """Begin the next window."""
        return replace(self, window=number + 1, after=None)
