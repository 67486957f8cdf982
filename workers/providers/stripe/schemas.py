"""Models of Stripe's objects: the fields that we use, with their types and bounds.

The shapes are those of the API version that we pin. A field with a default may be absent, as some
are in webhooks; objects that are expanded in an answer are ids in a webhook.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workers.providers.bounded_fields import (
    EXPANDED,
    Amount,
    Count,
    Currency,
    Metadata,
    ProviderObject,
    Text,
    Time,
    Token,
    TokenOrObject,
    Url,
)


class StripePaymentError(ProviderObject):
    """The last error of a PaymentIntent."""

    code: Token | None = None
    decline_code: Token | None = None
    message: Text | None = None
    payment_method: TokenOrObject | None = None


class StripePaymentIntent(ProviderObject):
    """A PaymentIntent."""

    id: Token
    status: Token
    amount: Amount
    amount_capturable: Amount | None = None
    payment_method: TokenOrObject | None = None
    latest_charge: TokenOrObject | None = None
    last_payment_error: StripePaymentError | None = None


class StripeCapturedIntent(ProviderObject):
    """A PaymentIntent of which an amount may have been captured."""

    id: Token
    status: Token
    amount_received: Amount | None = None
    metadata: Metadata = Field(default_factory=dict)


class _HeldCard(ProviderObject):
    capture_before: Time | None = None


class _HeldMethod(ProviderObject):
    card: _HeldCard | None = None
    card_present: _HeldCard | None = None


class _HeldCharge(ProviderObject):
    payment_method_details: _HeldMethod | None = None


class StripeHeldIntent(ProviderObject):
    """A PaymentIntent with its charge expanded, which has the deadline of its capture."""

    latest_charge: Annotated[_HeldCharge | None, EXPANDED] = None

    @property
    def capture_before(self) -> int | None:
        """Return when the held amount is released; None where the method does not tell."""
        charge = self.latest_charge
        method = None if charge is None else charge.payment_method_details
        held = None if method is None else method.card or method.card_present
        return None if held is None else held.capture_before


class _PriceDetails(ProviderObject):
    price: TokenOrObject | None = None


class _Pricing(ProviderObject):
    price_details: _PriceDetails | None = None


class StripeLine(ProviderObject):
    """An invoice's line."""

    id: Token
    description: Text | None = None
    quantity: Count | None = None
    amount: Amount
    currency: Currency
    pricing: _Pricing | None = None
    metadata: Metadata = Field(default_factory=dict)


class _Lines(ProviderObject):
    data: list[StripeLine]
    has_more: bool = False


class _Tax(ProviderObject):
    amount: Amount


class _StatusTransitions(ProviderObject):
    paid_at: Time | None = None
    finalized_at: Time | None = None


class _SubscriptionDetails(ProviderObject):
    subscription: TokenOrObject | None = None
    metadata: Metadata = Field(default_factory=dict)


class _Parent(ProviderObject):
    subscription_details: _SubscriptionDetails | None = None


class StripeClaims(ProviderObject):
    """The metadata of an object, and of the subscription that it came from."""

    parent: _Parent | None = None
    billing_reason: Token | None = None
    metadata: Metadata = Field(default_factory=dict)


class StripeEventObject(ProviderObject):
    """The object of an event; an upcoming invoice has no id."""

    object: Token
    id: Token | None = None


class _EventData(ProviderObject):
    object: StripeEventObject


class StripeEvent(ProviderObject):
    """An event of the list of events."""

    id: Token
    type: Token
    created: Time
    data: _EventData


class StripeListedAt(ProviderObject):
    """The time of any listed object."""

    created: Time


class _PaidBy(ProviderObject):
    payment_intent: Annotated[StripePaymentIntent | None, EXPANDED] = None


class PaymentTransitions(ProviderObject):
    """Times of a payment of an invoice."""

    paid_at: Time | None = None


class StripePartOfInvoice(ProviderObject):
    """A payment of an invoice, and what it paid of it."""

    status: Token | None = None
    amount_paid: Amount | None = None
    status_transitions: PaymentTransitions | None = None

    @property
    def paid_at(self) -> int | None:
        """Return when it was paid; None where it was not."""
        moments = self.status_transitions if self.status == "paid" else None
        return None if moments is None else moments.paid_at


class _InvoicePayment(StripePartOfInvoice):
    is_default: bool
    payment: _PaidBy


class _InvoicePayments(ProviderObject):
    data: list[_InvoicePayment]
    has_more: bool = False


class _FromInvoice(ProviderObject):
    invoice: TokenOrObject


class StripeInvoice(StripeClaims):
    """An invoice; `payments` is present if it was expanded."""

    id: Token
    status: Literal["draft", "open", "paid", "void", "uncollectible"] | None = None
    deleted: bool | None = None
    livemode: bool
    currency: Currency
    customer: TokenOrObject | None = None
    number: Token | None = None
    total: Amount
    total_taxes: list[_Tax] | None = None
    amount_paid: Amount
    amount_remaining: Amount
    pre_payment_credit_notes_amount: Amount = 0
    post_payment_credit_notes_amount: Amount = 0
    amount_overpaid: Amount | None = None
    attempt_count: Count
    hosted_invoice_url: Url | None = None
    due_date: Time | None = None
    period_start: Time | None = None
    period_end: Time | None = None
    created: Time | None = None
    status_transitions: _StatusTransitions
    description: Text | None = None
    footer: Text | None = None
    lines: _Lines | None = None
    payments: _InvoicePayments | None = None
    from_invoice: _FromInvoice | None = None
    latest_revision: TokenOrObject | None = None


class StripePrice(ProviderObject):
    """A catalogue price."""

    id: Token
    currency: Currency
    unit_amount: Amount | None = None
    type: Token
    active: bool


class StripeIdentified(ProviderObject):
    """Any object, for its id alone."""

    id: Token


class StripeDocumentLinks(ProviderObject):
    """The links of an invoice to its PDF and its page."""

    invoice_pdf: Url | None = None
    hosted_invoice_url: Url | None = None


class StripeClientSecret(ProviderObject):
    """The secret of a PaymentIntent."""

    client_secret: Token | None = None


class _InvoiceSettings(ProviderObject):
    default_payment_method: TokenOrObject | None = None


class StripeCustomer(ProviderObject):
    """A customer."""

    id: Token
    deleted: bool | None = None
    currency: Currency | None = None
    invoice_settings: _InvoiceSettings | None = None
    default_source: TokenOrObject | None = None


class StripePaidFor(ProviderObject):
    """The invoice or payment that a refund, charge, credit note or dispute belongs to."""

    invoice: TokenOrObject | None = None
    payment_intent: TokenOrObject | None = None


class StripeInvoicePaymentSource(ProviderObject):
    """The object that an invoice was paid by."""

    payment_intent: TokenOrObject


class StripeInvoicePayment(ProviderObject):
    """A payment of an invoice that was paid."""

    invoice: TokenOrObject
    status: Literal["paid"]
    amount_paid: Amount
    payment: StripeInvoicePaymentSource
