"""Minimum time that a provider remembers an idempotency key."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# Stripe forgets keys after 24 h at the earliest; an hour is left for clocks and slow calls.
KEY_LIFETIME: Final = timedelta(hours=23)

# Mollie forgets keys after an hour.
MOLLIE_KEY_LIFETIME: Final = timedelta(minutes=50)

# Lookups start this much earlier than by our clock.
CLOCK_SKEW: Final = timedelta(hours=1)
