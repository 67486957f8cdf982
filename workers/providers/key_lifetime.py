"""How long a provider surely remembers the key of a call."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# Stripe forgets keys after 24 h at the earliest; an hour is left for clocks and slow calls.
KEY_LIFE: Final = timedelta(hours=23)

# Mollie forgets keys after an hour.
MOLLIE_KEY_LIFE: Final = timedelta(minutes=50)

# How much earlier than by our clock a lookup begins.
CLOCKS_DIFFER: Final = timedelta(hours=1)
