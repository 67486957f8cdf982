"""Models of Stripe's Checkout sessions in setup mode and of the payment methods left there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from domain.gateway.setups import SessionState
from workers.providers.bounded_fields import (
    EXPANDED,
    Metadata,
    ProviderObject,
    Time,
    Token,
    TokenOrObject,
    Url,
)


class StripeMethodDetails(ProviderObject):
    """The details of a payment method, below the name of its type."""

    brand: Token | None = None
    last4: Token | None = None


class StripeMethod(ProviderObject):
    """A payment method."""

    id: Token
    type: Token


class StripeSetupIntent(ProviderObject):
    """A SetupIntent with its payment method, unread."""

    payment_method: Annotated[dict[str, Any] | None, EXPANDED] = None


class StripeSession(ProviderObject):
    """A Checkout session in setup mode."""

    id: Token
    status: SessionState
    mode: Literal["setup"]
    customer: TokenOrObject
    expires_at: Time
    livemode: bool
    url: Url | None = None
    setup_intent: Annotated[StripeSetupIntent | None, EXPANDED] = None
    metadata: Metadata = Field(default_factory=dict)
