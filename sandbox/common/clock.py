"""The adjustable clock of an account, and the base model of the admin APIs' settings."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Base of the admin APIs' models: unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


class Clock(StrictModel):
    """An account's clock: the machine's time plus an offset, or frozen."""

    offset_s: float = 0
    frozen_at: float | None = None

    def now(self) -> float:
        """Returns the account's time."""
        return time.time() + self.offset_s if self.frozen_at is None else self.frozen_at

    def move(self, *, now: float | None, advance_s: float, frozen: bool | None) -> None:
        """Sets or advances the time, and freezes or unfreezes the clock; None changes nothing."""
        ran = self.frozen_at is None
        target = (self.now() if now is None else now) + advance_s
        if now is None and ran:
            # Added to the offset directly, so that the time between two clock readings is not lost.
            self.offset_s += advance_s
        else:
            self.offset_s = target - time.time()
        stands = not ran if frozen is None else frozen
        self.frozen_at = target if stands else None


class ClockChange(StrictModel):
    """A change of a clock."""

    advance_s: float | None = None
    now: float | None = None
    frozen: bool | None = None
