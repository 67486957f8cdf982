"""Providers' times."""

from __future__ import annotations

from datetime import UTC, datetime


def from_unix(seconds: int | None) -> datetime | None:
    """Read a provider's time; one that no calendar has is none, since a fold never raises."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
