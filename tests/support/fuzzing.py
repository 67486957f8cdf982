"""Choose the seeds and sizes of tests that generate their inputs.

They are the same in each run, so that a run fails for a change alone. `make fuzz` sets another seed
and larger sizes: it looks for faults that no run has found yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_VARIABLE: Final = "BILLHOOK_FUZZ_SEED"
_USUAL_SEED: Final = 2


def is_fuzzing() -> bool:
    """Check whether this run looks for new faults."""
    return _VARIABLE in os.environ


def size(usual: int, *, large: int) -> int:
    """Return how many inputs this run generates."""
    return large if is_fuzzing() else usual


@contextmanager
def fuzz_seed() -> Iterator[int]:
    """Return this run's seed; a failure names it."""
    seed = int(os.environ.get(_VARIABLE, _USUAL_SEED))
    try:
        yield seed
    except BaseException as error:
        error.add_note(f"again by: make fuzz SEED={seed}")
        raise
