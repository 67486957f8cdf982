"""Effects of a provider's update on an aggregate, and the actor of our own steps."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

WORKER: Final = "worker"


class Effect(StrEnum):
    """The effect of a provider's update on an aggregate."""

    CHANGED = "changed"
    CONFIRMED = "confirmed"
    STALE = "stale"
    DEFERRED = "deferred"  # the running step will record it
    FETCH = "fetch"  # only a fetch from the provider can decide
    UNEXPECTED = "unexpected"  # another object was paid for this invoice
