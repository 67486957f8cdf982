"""Plan a payment: price, customer and URLs, computed before anything is created.

A plan is stored with its step, so that every repeat sends the same bytes, even after changes of the
catalogue or the connection.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self
from uuid import UUID

import orjson

from domain.billing import Billing
from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.pricing import Charge, ChargeLine, NotChargeable, charge_for
from domain.core import ids
from domain.core.steps import StepPlan, StepRecord
from domain.gateway.objects import PaymentDraft, ProviderLine
from domain.invoices.view import InvoiceView
from domain.subscriptions.terms import terms_of
from workers.invoices.job import billhook_metadata
from workers.invoices.rejections import RequestRejected

_MANDATE: Final = "mdt_"
_METHODS: Final = {"card": "creditcard"}
# Mollie docs: approximately 1 kB.
_MOST_METADATA_BYTES: Final = 1024
_LONGEST_DESCRIPTION: Final = 255


@dataclass(frozen=True, kw_only=True)
class PaymentPlan(StepPlan):
    """The payment to create. Events hold its charge as JSON."""

    charge: Charge
    customer: str
    description: str
    redirect_url: str
    method: str | None = None
    mandate: str | None = None
    webhook_url: str | None = None

    @classmethod
    def of(cls, record: StepRecord) -> Self:
        """Read the plan of a recorded step."""
        plan = super().of(record)
        return replace(plan, charge=_read_charge(record.plan["charge"]))

    def to_fields(self) -> dict[str, str]:
        """Return the plan as an event holds it."""
        charge = orjson.dumps(asdict(self.charge)).decode()
        return super().to_fields() | {"charge": charge}

    def paid_by(self, named: str | None) -> Self:
        """Return the plan with a payment method, or the mandate to charge; None changes neither."""
        if named is None:
            return self
        if named.startswith(_MANDATE):
            return replace(self, mandate=named, method=None)
        return replace(self, mandate=None, method=_METHODS.get(named, named))


def price_lines(view: InvoiceView, billing: Billing) -> Charge:
    """Price the lines by the app's catalogue; check the expected total. Raises RequestRejected."""
    try:
        charge = charge_for(
            [asdict(line) for line in view.request.lines],
            prices=_prices(view, billing),
            tax=_tax(view, billing),
            recurring=view.type == "subscription",
        )
        if view.type == "subscription":
            terms_of(charge)  # reject now what cannot be charged each period
    except NotChargeable as rejection:
        raise RequestRejected(
            code=rejection.code, message=rejection.message, path=rejection.path
        ) from rejection
    expected = view.request.expected_total_minor
    if expected is not None and charge.total_minor != expected:
        message = f"The total is {charge.total_minor}, not the expected {expected}."
        raise RequestRejected(code="total_differs", message=message, path="expectedTotalMinor")
    if charge.total_minor == 0:
        message = "There is nothing to pay, and Mollie takes no payments of nothing."
        raise RequestRejected(code="amount_invalid", message=message, path="lineItems")
    return charge


def _prices(view: InvoiceView, billing: Billing) -> dict[str, Price]:
    wanted = {line.price for line in view.request.lines if line.price is not None}
    found = {name: billing.find(Price, ids.for_price(view.app_id, name)) for name in wanted}
    return {name: price for name, price in found.items() if price is not None}


def _tax(view: InvoiceView, billing: Billing) -> TaxRate | None:
    named = view.request.tax_rate_id
    if named is None:
        return None
    found = billing.find(TaxRate, ids.for_tax_rate(view.app_id, named))
    if found is None:
        message = f"The app's catalogue has no tax rate {named}."
        raise RequestRejected(code="tax_rate_unknown", message=message, path="taxRateId")
    return found


def check_metadata_size(view: InvoiceView) -> None:
    """Reject metadata that is too large for the provider. Raises RequestRejected."""
    size = len(json.dumps(view.metadata | billhook_metadata(view)).encode())
    if size > _MOST_METADATA_BYTES:
        message = (
            f"Mollie keeps {_MOST_METADATA_BYTES} bytes of metadata; with our own ids it is {size}."
        )
        raise RequestRejected(code="metadata_too_large", message=message, path="metadata")


def payment_plan(
    view: InvoiceView,
    charge: Charge,
    *,
    customer: str,
    redirect_url: str,
    webhook_url: str | None,
) -> PaymentPlan:
    """Return the fields that will be sent."""
    plan = PaymentPlan(
        charge=charge,
        customer=customer,
        description=_description(view, charge),
        redirect_url=redirect_url,
        webhook_url=webhook_url,
    )
    return plan.paid_by(view.request.payment_method)


def _description(view: InvoiceView, charge: Charge) -> str:
    """Return the text that the customer reads on a bank statement."""
    text = view.description or ", ".join(line.name for line in charge.lines)
    return text[:_LONGEST_DESCRIPTION]


def _read_charge(text: str) -> Charge:
    stored: dict[str, Any] = orjson.loads(text)
    lines, interval = stored["lines"], stored["interval"]
    read = {
        "lines": tuple(ChargeLine(**line) for line in lines),
        "interval": None if interval is None else tuple(interval),
    }
    return Charge(**stored | read)


def payment_draft(view: InvoiceView, plan: PaymentPlan) -> PaymentDraft:
    """Build the payment to create from its plan."""
    return PaymentDraft(
        charge=plan.charge,
        customer=plan.customer,
        description=plan.description,
        method=plan.method,
        mandate=plan.mandate,
        redirect_url=plan.redirect_url if plan.mandate is None else None,
        webhook_url=plan.webhook_url,
        metadata=view.metadata | billhook_metadata(view),
        first=view.type == "subscription",
    )


def provider_lines(charge: Charge) -> tuple[ProviderLine, ...]:
    """Convert the charge's lines to the form of provider lines; exclusive tax is not in them."""
    return tuple(
        ProviderLine(
            id=str(index),
            description=line.name,
            quantity=line.quantity,
            price=line.price,
            total_minor=line.amount_minor,
            currency=charge.currency,
            reference=str(index),
        )
        for index, line in enumerate(charge.lines)
    )


def redirect_url_for(view: InvoiceView, connections_own: str | None, ours: str) -> str:
    """Return the requested return URL, else the connection's, else that of our own page."""
    requested: str | None = view.request.redirect_url
    if requested is not None:
        return requested
    return ours if connections_own is None else insert_invoice_id(connections_own, view.id)


def insert_invoice_id(template: str, invoice_id: UUID) -> str:
    """Replace `{invoiceId}` in a URL by the invoice's id."""
    return template.replace("{invoiceId}", str(invoice_id))
