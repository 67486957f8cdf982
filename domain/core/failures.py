"""Failures that a provider, or a check before it, gave as the reason of a refusal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The reason of a refusal; `path` names the caller's field that caused it."""

    code: str
    message: str
    decline_code: str | None = None
    path: str | None = None
    provider_code: str | None = None
