"""Rejections of an invoice before anything chargeable exists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.core.money import line_total
from domain.core.steps import StepRecord
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import LineDraft, ProviderInvoice, ProviderLine, ProviderPayment
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import PAYMENT_DECLINED
from domain.invoices.step_plans import DiscardPlan


class RequestRejected(Exception):
    """The request can't be billed. `path` names the caller's field, `code` is ours or theirs."""

    def __init__(
        self, *, code: str, message: str, path: str | None = None, provider_code: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.provider_code = provider_code

    @classmethod
    def from_gateway(cls, error: GatewayRejected, *, path: str | None = None) -> RequestRejected:
        """Convert a provider's rejection; `path` names the caller's field if it is known."""
        return cls(
            code="provider_rejected",
            message=error.message,
            path=path or _field_of(error.param),
            provider_code=error.code,
        )

    @classmethod
    def of_payment(cls, error: GatewayRejected) -> RequestRejected:
        """Convert a payment declined by the payer's side that the invoice itself does not show."""
        return cls(code=PAYMENT_DECLINED, message=error.message, provider_code=error.code)

    @classmethod
    def of_discarded(cls, step: StepRecord) -> RequestRejected:
        """Read a rejection that was recorded before its draft was deleted."""
        return cls(**vars(DiscardPlan.of(step)))

    def to_plan(self) -> DiscardPlan:
        """Return the rejection as the plan of the step that deletes the draft."""
        return DiscardPlan(
            code=self.code, message=self.message, path=self.path, provider_code=self.provider_code
        )

    def record(self, invoice: Invoice, *, occurred_at: datetime) -> None:
        """Record the rejection on the invoice."""
        invoice.reject(
            code=self.code,
            message=self.message,
            path=self.path,
            provider_code=self.provider_code,
            occurred_at=occurred_at,
        )


def failed_payment(answer: ProviderInvoice, error: GatewayRejected) -> ProviderPayment:
    """Build the failed payment that a rejection stands for."""
    return ProviderPayment(
        id=answer.payment.id if answer.payment else "",
        state="failed",
        amount_minor=answer.total_minor,
        code=error.code,
        decline_code=error.decline_code,
        message=error.message,
    )


def unpaid(payment: ProviderPayment | None) -> RequestRejected:
    """Return the rejection of an attempt that left the invoice's status unchanged."""
    if payment is not None and payment.state == "failed":
        return RequestRejected(
            code=PAYMENT_DECLINED,
            message=payment.message or "The payment was refused.",
            provider_code=payment.code,
        )
    message = "A payment is under way; the invoice stays written off until it has arrived."
    if payment is not None and payment.state == "requires_action":
        message = "The customer has to confirm the payment; the invoice stays written off."
    return RequestRejected(code="payment_unfinished", message=message)


def missing_payment_method() -> RequestRejected:
    """Return the rejection for a customer without a payment method."""
    return RequestRejected(
        code="payment_method_missing",
        message="The customer has no payment method that could be charged.",
        path="paymentMethod",
    )


_FIELDS = {
    "default_tax_rates": "taxRateId",
    "default_payment_method": "paymentMethod",
    "payment_method": "paymentMethod",
    "payment_settings": "paymentMethod",
    "customer": "tenantUuid",
    "currency": "lineItems",
    "lines": "lineItems",
    "items": "lineItems",
    "footer": "footer",
    "description": "description",
    "metadata": "metadata",
    # Mollie's.
    "amount": "lineItems",
    "customerId": "tenantUuid",
    "mandateId": "paymentMethod",
    "method": "paymentMethod",
    "redirectUrl": "redirectUrl",
}
_OF_TAX = frozenset({"vatRate", "vatAmount"})


def _field_of(param: str | None) -> str | None:
    """Return our field's path for the provider's parameter.

    `lines[0][pricing][price]` and `lines.0.unitPrice` are lineItems.0.
    """
    if param is None:
        return None
    parts = param.replace("]", "").replace(".", "[").split("[")
    if parts[-1] in _OF_TAX:
        return "taxRateId"
    field = _FIELDS.get(parts[0])
    if field == "lineItems" and len(parts) > 1 and parts[1].isdigit():
        return f"lineItems.{parts[1]}"
    return field


def lines_mismatch(wanted: Sequence[LineDraft], found: Sequence[ProviderLine]) -> str | None:
    """Describe how the provider's lines differ from the requested ones; None if they agree."""
    by_reference = {line.reference: line for line in found}
    if len(found) != len(wanted) or len(by_reference) != len(found):
        return f"The provider has {len(found)} lines; {len(wanted)} were requested."
    for line in wanted:
        there = by_reference.get(line.reference)
        if there is None:
            return f"Line {line.reference} is missing at the provider."
        if there.quantity != line.quantity:
            return f"Line {line.reference} has quantity {there.quantity}, not {line.quantity}."
        if line.price is not None and there.price != line.price:
            return f"Line {line.reference} has price {there.price}, not {line.price}."
        total = None if line.amount_minor is None else line_total(line.amount_minor, line.quantity)
        if total is not None and there.total_minor != total:
            return f"Line {line.reference} amounts to {there.total_minor}, not {total}."
    return None
