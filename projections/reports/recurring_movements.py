"""Keep the movements of monthly recurring revenue: what each change of a subscription added to it.

new: the first revenue of a subscription. expansion, contraction: more or less than before. churn:
nothing any more, because it ended, was paused, stayed unpaid, or is free now. reactivation: revenue
after churn. A change of currency is churn in the old one and new in the other, also in one in which
there was revenue before.

A movement counts when it was by the provider's clock, never before an earlier one of the same
subscription. One that is first seen long after its start counts at its start, or where its trial
ended; one that is first seen when it is over has both its movements. So the movements of an app up
to any moment add up to its recurring revenue at that moment, and all of them to what RECURRING has.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, NamedTuple, get_args
from uuid import UUID

from domain.core.calendar import from_unix
from domain.subscriptions.events import SubscriptionEvent
from domain.subscriptions.view import SubscriptionView
from projections.engine.tables import Row, Table
from projections.reports.recurring_revenue import Shares, SumKey, sum_key_of
from projections.reports.time_units import Unit, quarter_of, units_of

Kind = Literal["new", "expansion", "contraction", "churn", "reactivation"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_SUMMED_BY: Final = ("app_id", "mode", "currency", "provider", "connection")
MOVEMENTS: Final = Table(
    "recurring_movements",
    key=("subscription_id", "position", "kind"),
    columns=(
        "subscription_id",
        "position",
        "kind",
        *_SUMMED_BY,
        "moved_at",
        "amount_minor",
        "before_minor",
    ),
)
SUMMED: Final = ("amount_minor", "items")
# `number` counts the `unit`s of `time_units` since 1970.
SUMS: Final = Table(
    "recurring_sums",
    key=(*_SUMMED_BY, "kind", "unit", "number"),
    columns=(*_SUMMED_BY, "kind", "unit", "number", *SUMMED, "position"),
)


class Movement(NamedTuple):
    """Change of a subscription's monthly revenue in one currency; minor units, signed."""

    books: SumKey
    kind: Kind
    moved_at: datetime
    amount_minor: int
    before_minor: int


class Known(NamedTuple):
    """State of a subscription before an event, as far as its movements depend on it.

    `moved_at`: the last movement. `has_earned`: there was revenue at some time.
    """

    shares: Shares
    is_reported: bool = False
    is_trialing: bool = False
    has_earned: bool = False
    moved_at: datetime | None = None


def movements_of(
    known: Known, view: SubscriptionView, after: Shares, event: SubscriptionEvent
) -> list[Movement]:
    """Return what an event moved; `view` and `after` are as the event left them."""
    if not known.is_reported and view.status == "canceled":
        return _past(view, event)
    found = []
    moment = _moment(known, view, event)
    for books in sorted(known.shares.keys() | after.keys()):
        before_minor = known.shares[books].recurring_minor if books in known.shares else 0
        after_minor = after[books].recurring_minor if books in after else 0
        if before_minor == after_minor:
            continue
        elsewhere = any(
            share.recurring_minor for other, share in known.shares.items() if other != books
        )
        returns = known.has_earned and not elsewhere
        kind = _kind(before_minor, after_minor, returns=returns)
        found.append(Movement(books, kind, moment, after_minor - before_minor, before_minor))
    return found


def _kind(before_minor: int, after_minor: int, *, returns: bool) -> Kind:
    if before_minor == 0:
        return "reactivation" if returns else "new"
    if after_minor == 0:
        return "churn"
    return "expansion" if after_minor > before_minor else "contraction"


def _past(view: SubscriptionView, event: SubscriptionEvent) -> list[Movement]:
    """Return the beginning and the end of a subscription that was over when it was first seen."""
    books = sum_key_of(view)
    minor = view.monthly_minor or 0
    began_at, ended_at = _beginning(view), view.ended_at
    if books is None or minor == 0 or ended_at is None:
        return []
    ended_at = min(ended_at, _reported_at(event))
    if ended_at <= began_at:  # for example within its trial
        return []
    return [
        Movement(books, "new", began_at, minor, 0),
        Movement(books, "churn", ended_at, -minor, minor),
    ]


def _moment(known: Known, view: SubscriptionView, event: SubscriptionEvent) -> datetime:
    """Return when an event happened, by the provider's clock."""
    moment = _reported_at(event)
    if view.ended_at is not None:
        moment = min(moment, view.ended_at)
    elif not known.is_reported:
        moment = min(moment, _beginning(view))
    elif known.is_trialing and view.trial_end is not None:
        moment = min(moment, view.trial_end)
    return moment if known.moved_at is None else max(moment, known.moved_at)


def _reported_at(event: SubscriptionEvent) -> datetime:
    moments = (getattr(event, name, None) for name in ("changed_at", "as_of"))
    return from_unix(next((one for one in moments if one), None)) or event.timestamp


def _beginning(view: SubscriptionView) -> datetime:
    """Return the start, or the end of the trial."""
    return view.created_at if view.trial_end is None else max(view.created_at, view.trial_end)


class MovementDeltas:
    """Movements of several subscriptions, and their sums by each unit of time."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._sums: dict[tuple[SumKey, Kind, Unit, int], tuple[int, int, int]] = {}

    def take(self, subscription_id: UUID, moved: Iterable[Movement], *, position: int) -> None:
        """Add the movements of the event at a position."""
        for one in moved:
            self._rows.append(
                {
                    "subscription_id": subscription_id,
                    "position": position,
                    "kind": one.kind,
                    **one.books._asdict(),
                    "moved_at": one.moved_at,
                    "amount_minor": str(one.amount_minor),
                    "before_minor": str(one.before_minor),
                }
            )
            for unit, number in units_of(quarter_of(one.moved_at)):
                key = (one.books, one.kind, unit, number)
                amount_minor, items, last = self._sums.get(key, (0, 0, 0))
                added_minor = amount_minor + one.amount_minor
                self._sums[key] = added_minor, items + 1, max(last, position)

    def movement_rows(self) -> list[Row]:
        """Return the rows of MOVEMENTS. Amounts are text: JSON's integers are bounded."""
        return self._rows

    def sum_rows(self) -> list[Row]:
        """Return what to add to SUMS."""
        return [
            {
                **books._asdict(),
                "kind": kind,
                "unit": unit,
                "number": number,
                "amount_minor": str(amount_minor),
                "items": items,
                "position": position,
            }
            for (books, kind, unit, number), (amount_minor, items, position) in self._sums.items()
        ]
