"""Names of an invoice's steps."""

from __future__ import annotations

from typing import Final

# The step that carries out a requested action.
STEP_OF: Final = {
    "retry": "pay",
    "void": "void",
    "finalize": "finalize",
    "uncollectible": "write_off",
    "capture": "capture",
}

REFUND_STEP: Final = "refund:"
# A subscription that could not start is canceled, so that nobody can pay for it any more.
UNSUBSCRIBE_STEP: Final = "unsubscribe"


def is_refund(step: str) -> bool:
    """Return whether a step belongs to a refund; refunds run independently of other steps."""
    return step.startswith(REFUND_STEP)
