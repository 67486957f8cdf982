"""Provider pages on which a customer leaves a payment method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SessionState = Literal["open", "complete", "expired"]


@dataclass(frozen=True, kw_only=True)
class SetupDraft:
    """Input of the call that opens a page; equal on each try, as idempotency keys require.

    `webhook_url`: where news of it go, for a provider that is told with each page.
    """

    customer: str
    return_url: str
    metadata: dict[str, str]
    webhook_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderMethod:
    """A payment method as people know it; `brand` and `last4` where it has such."""

    id: str
    type: str
    brand: str | None = None
    last4: str | None = None


@dataclass(frozen=True, kw_only=True)
class SetupSession:
    """A page at one moment. `url` is there while it is open, `method` once one was left and asked.

    `is_method_gone`: whether a method that was left is no longer there, or was revoked.
    Whoever has `url` can leave a method for this customer: it goes into no log.
    """

    id: str
    state: SessionState
    customer: str
    expires_at: int
    livemode: bool
    url: str = field(default="", repr=False)
    method: ProviderMethod | None = None
    is_method_gone: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
