"""Models of Stripe's refunds, credit notes, disputes, and of the payments they are taken from."""

from __future__ import annotations

from pydantic import Field

from workers.providers.bounded_fields import (
    Amount,
    Metadata,
    ProviderObject,
    Time,
    Token,
    TokenOrObject,
)
from workers.providers.stripe.schemas import PaymentTransitions


class StripeRefund(ProviderObject):
    """A refund."""

    id: Token
    status: Token | None = None
    amount: Amount
    created: Time
    failure_reason: Token | None = None
    metadata: Metadata = Field(default_factory=dict)


class _PaidWith(ProviderObject):
    payment_intent: TokenOrObject | None = None


class StripePaidPart(ProviderObject):
    """A payment of an invoice in the list of its payments."""

    amount_paid: Amount | None = None
    status_transitions: PaymentTransitions | None = None
    payment: _PaidWith


class _CreditNoteRefund(ProviderObject):
    refund: TokenOrObject | None = None
    amount_refunded: Amount = 0


class StripeCreditNote(ProviderObject):
    """A credit note with the refunds that it made."""

    id: Token
    status: Token
    number: Token | None = None
    invoice: TokenOrObject
    amount: Amount
    post_payment_amount: Amount
    refunds: list[_CreditNoteRefund] | None = None
    metadata: Metadata = Field(default_factory=dict)


class StripeDispute(ProviderObject):
    """A dispute."""

    id: Token
    status: Token
    amount: Amount
    created: Time
