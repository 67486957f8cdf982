"""Lists of a provider's history, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page of a list, newest first. `last`: whom the next page comes after; None: none does."""

    items: list[T]
    last: str | None


@dataclass(frozen=True, kw_only=True)
class Span:
    """From `start` on, up to before `end`: Unix seconds by the provider's clock."""

    start: int
    end: int
