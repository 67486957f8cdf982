"""Decide whether a call may be repeated under its idempotency key alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# Stripe forgets keys after 24 h at the earliest; an hour is left for clocks and slow calls.
KEY_LIFETIME: Final = timedelta(hours=23)

# Mollie forgets keys after an hour.
MOLLIE_KEY_LIFETIME: Final = timedelta(minutes=50)

# Lookups start this much earlier than by our clock.
CLOCK_SKEW: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class KeyTrust:
    """How far a provider's memory of keys and our record of first calls can be relied on.

    `lifetime`: minimum time that the provider remembers a key. `backup_at`: the time of the backup
    that the log was restored from; calls made after it may be missing in the log, and their keys
    forgotten. None: no call is missing.
    """

    lifetime: timedelta = KEY_LIFETIME
    backup_at: datetime | None = None

    @property
    def may_miss_calls(self) -> bool:
        """Check whether calls may have been made that the log does not have."""
        return self.backup_at is not None

    def is_expired(self, age: timedelta) -> bool:
        """Check whether the provider may have forgotten the key of a call of this age."""
        return age >= self.lifetime

    def must_look_up(self, age: timedelta) -> bool:
        """Check whether an object may exist that the same key would not return any more."""
        return self.may_miss_calls or self.is_expired(age)

    def search_from(self, started_at: datetime) -> int:
        """Return the Unix time from which an object may stem whose step began then."""
        earliest = started_at if self.backup_at is None else min(started_at, self.backup_at)
        return int((earliest - CLOCK_SKEW).timestamp())


STRIPE_KEYS: Final = KeyTrust()
MOLLIE_KEYS: Final = KeyTrust(lifetime=MOLLIE_KEY_LIFETIME)
