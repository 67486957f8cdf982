"""Keep monthly recurring revenue as subscriptions change, so that reports need not read them.

Per app, mode, currency, provider and connection: the monthly price of each subscription that is
active or past due, net of tax and discounts, and how many these are, of these how many have an
unknown amount (`unpriced`) or items that are billed by usage. Trials are none of them.
"""

from typing import Final, NamedTuple
from uuid import UUID

from domain.subscriptions.view import EARNING, SubscriptionView
from projections.engine.tables import Row, Table

_SUMMED_BY: Final = ("app_id", "mode", "currency", "provider", "connection")
SUMMED: Final = ("recurring_minor", "active", "unpriced", "usage_based")
RECURRING: Final = Table(
    "subscription_sums", key=_SUMMED_BY, columns=(*_SUMMED_BY, *SUMMED, "position")
)


class SumKey(NamedTuple):
    """Key of a sum of recurring revenue."""

    app_id: UUID
    mode: str
    currency: str
    provider: str
    connection: str


class Amount(NamedTuple):
    """Minor units a month, and of how many subscriptions."""

    recurring_minor: int
    active: int
    unpriced: int
    usage_based: int


Shares = dict[SumKey, Amount]
_NOTHING: Final = Amount(0, 0, 0, 0)


def sum_key_of(view: SubscriptionView) -> SumKey | None:
    """Return the key of the sums that a subscription counts in; None while it has no currency."""
    if view.currency is None:
        return None
    return SumKey(view.app_id, view.mode, view.currency, view.provider, view.connection)


def share_of(view: SubscriptionView | None) -> Shares:
    """Return what a subscription contributes to the sums."""
    books = None if view is None else sum_key_of(view)
    if view is None or books is None or view.status not in EARNING:
        return {}
    usage_based = any(item.usage_based for item in view.items)
    unpriced = view.monthly_minor is None
    return {books: Amount(view.recurring_minor, 1, int(unpriced), int(usage_based))}


class SumDeltas:
    """Changes of several subscriptions in the sums, added up."""

    def __init__(self) -> None:
        self._sums: dict[SumKey, tuple[Amount, int]] = {}

    def take(self, before: Shares, after: Shares, *, position: int) -> None:
        """Add the change of the event at a position."""
        if before == after:
            return
        for books in before | after:
            old, new = before.get(books, _NOTHING), after.get(books, _NOTHING)
            if old != new:
                known, last = self._sums.get(books, (_NOTHING, 0))
                amount = Amount(*(k + n - o for k, n, o in zip(known, new, old, strict=True)))
                self._sums[books] = amount, max(last, position)

    def add_row(self, books: SumKey, *, position: int) -> None:
        """Add a row for these sums, also where they are 0: reports begin with it."""
        known, last = self._sums.get(books, (_NOTHING, 0))
        self._sums[books] = known, max(last, position)

    def rows(self) -> list[Row]:
        """Return what to add to RECURRING. Amounts are text: JSON's integers are bounded."""
        return [
            {
                **books._asdict(),
                **amount._asdict(),
                "recurring_minor": str(amount.recurring_minor),
                "position": position,
            }
            for books, (amount, position) in self._sums.items()
        ]
