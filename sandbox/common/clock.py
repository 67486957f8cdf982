"""An account's time, which tests move; and the base of all settings that the admin APIs take."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A model of the admin API: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Clock(Strict):
    """An account's time: the machine's plus an offset, or standing still."""

    offset_s: float = 0
    frozen_at: float | None = None

    def now(self) -> float:
        """Returns the account's time."""
        return time.time() + self.offset_s if self.frozen_at is None else self.frozen_at

    def move(self, *, now: float | None, advance_s: float, frozen: bool | None) -> None:
        """Sets the time, advances it, and stops it or lets it run; None leaves as it is."""
        ran = self.frozen_at is None
        target = (self.now() if now is None else now) + advance_s
        if now is None and ran:
            # Added to the offset itself, so that no time lost in between is lost for good.
            self.offset_s += advance_s
        else:
            self.offset_s = target - time.time()
        stands = not ran if frozen is None else frozen
        self.frozen_at = target if stands else None


class ClockChange(Strict):
    """How a clock is moved."""

    advance_s: float | None = None
    now: float | None = None
    frozen: bool | None = None
