"""The events of an invoice's payments, and of amounts that were paid in excess."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from domain.invoices.events import InvoiceEvent


class PaymentEvent(InvoiceEvent):
    """Shared fields of payment events. `payment_id`: the provider's payment object."""

    payment_id: str | None
    source: str
    as_of: int
    progress: list[int]
    body: str | None


class PaymentActionRequired(PaymentEvent):
    """The customer has to confirm at `url`."""

    TOPIC: ClassVar[str] = "invoice.payment_action_required"
    action: str
    url: str


class PaymentProcessing(PaymentEvent):
    """The payment method takes days; the provider reports the result later."""

    TOPIC: ClassVar[str] = "invoice.payment_processing"


class PaymentSucceeded(PaymentEvent):
    """The invoice is paid. `amount_minor`: the amount paid; `object_id`: the provider's object."""

    TOPIC: ClassVar[str] = "invoice.payment_succeeded"
    amount_minor: int
    method: str | None
    paid_at: int
    object_id: str | None = None
    amount_due_minor: int | None = None


class PaymentFailed(PaymentEvent):
    """An attempt to pay was refused; the invoice stays payable."""

    TOPIC: ClassVar[str] = "invoice.payment_failed"
    amount_minor: int
    code: str
    decline_code: str | None
    message: str


class PaymentExpired(PaymentEvent):
    """The invoice expired unpaid."""

    TOPIC: ClassVar[str] = "invoice.payment_expired"


class PaymentCanceled(PaymentEvent):
    """The payment, or the draft, was canceled before anything was paid."""

    TOPIC: ClassVar[str] = "invoice.payment_canceled"


class AmountDueChanged(InvoiceEvent):
    """The amount due changed: after a partial payment, a credit note or a customer's balance.

    `amount_paid_minor`: the sum paid so far. `paid_at`: the time of its newest part.
    """

    TOPIC: ClassVar[str] = "invoice.amount_due_changed"
    amount_due_minor: int
    amount_paid_minor: int
    paid_at: int | None
    source: str
    as_of: int
    progress: list[int]
    body: str | None


class AuthorizationChanged(InvoiceEvent):
    """An authorized payment holds another amount; `capture_before`: when the provider releases it.

    An amount of 0: nothing is held any more.
    """

    TOPIC: ClassVar[str] = "invoice.authorization_changed"
    amount_capturable_minor: int
    capture_before: int | None
    source: str


class UnexpectedPayment(InvoiceEvent):
    """Another provider object for this invoice was paid as well; an operator must check."""

    TOPIC: ClassVar[str] = "invoice.unexpected_payment"
    provider_object_id: str
    amount_minor: int
    currency: str
    source: str
    object_type: str | None = None
    app_id: UUID | None = None


class InvoiceOverpaid(InvoiceEvent):
    """More than the total was paid; `amount_minor` is the whole excess."""

    TOPIC: ClassVar[str] = "invoice.overpaid"
    amount_minor: int
    currency: str
    source: str


class PaymentsLeftOver(InvoiceEvent):
    """The invoice was paid by a payment; the others, `object_ids`, must be canceled."""

    TOPIC: ClassVar[str] = "invoice.payments_left_over"
    app_id: UUID
    object_ids: list[str]


class OverpaymentReturned(InvoiceEvent):
    """An unexpected payment was returned, at least in part; `amount_minor` is the sum so far."""

    TOPIC: ClassVar[str] = "invoice.overpayment_returned"
    provider_object_id: str
    amount_minor: int
    currency: str
    source: str
