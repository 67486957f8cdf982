"""An invoice's statuses and the moves between them."""

from __future__ import annotations

from typing import Final

REQUESTED: Final = "requested"
DRAFT: Final = "draft"
OPEN: Final = "open"
REQUIRES_ACTION: Final = "requires_action"
PROCESSING: Final = "processing"
FAILED: Final = "failed"
PAID: Final = "paid"
UNCOLLECTIBLE: Final = "uncollectible"
VOID: Final = "void"
CANCELED: Final = "canceled"
EXPIRED: Final = "expired"
REJECTED: Final = "rejected"

ALL: Final = (
    REQUESTED, DRAFT, OPEN, REQUIRES_ACTION, PROCESSING, FAILED, PAID, UNCOLLECTIBLE, VOID,
    CANCELED, EXPIRED, REJECTED,
)  # fmt: skip

# Something may remain to be paid.
PAYABLE: Final = frozenset({OPEN, REQUIRES_ACTION, PROCESSING, FAILED, UNCOLLECTIBLE})

MAY_REPEAT: Final = frozenset({FAILED, REQUIRES_ACTION, PROCESSING})  # one per attempt

_MOVES: Final[dict[str, frozenset[str]]] = {
    REQUESTED: frozenset(ALL) - {REQUESTED},
    DRAFT: frozenset({OPEN, PAID, CANCELED}),
    OPEN: frozenset(
        {PROCESSING, REQUIRES_ACTION, PAID, FAILED, VOID, UNCOLLECTIBLE, EXPIRED, CANCELED}
    ),
    REQUIRES_ACTION: frozenset({PROCESSING, PAID, FAILED, VOID, UNCOLLECTIBLE, EXPIRED}),
    PROCESSING: frozenset({PAID, FAILED, REQUIRES_ACTION, CANCELED, EXPIRED, VOID, UNCOLLECTIBLE}),
    FAILED: frozenset({PROCESSING, REQUIRES_ACTION, PAID, VOID, UNCOLLECTIBLE, EXPIRED}),
    UNCOLLECTIBLE: frozenset({PAID, VOID}),
    PAID: frozenset(),
    VOID: frozenset(),
    CANCELED: frozenset(),
    EXPIRED: frozenset(),
    REJECTED: frozenset(),
}


def may_become(current: str, then: str) -> bool:
    """Return whether an invoice may go from one status to another."""
    return then in _MOVES[current]
