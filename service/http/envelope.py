"""Rendered responses, and the format of times."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A response: its status, and its document as a response model or as a provider's JSON."""

    status: int
    document: Json | BaseModel


def moment(occurred_at: datetime | None) -> str | None:
    """Format a time in UTC with milliseconds."""
    if occurred_at is None:
        return None
    return occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
