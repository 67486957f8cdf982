"""The port to a payment provider, on the types of `domain.gateway.objects`.

ProviderGateway          what every provider can do
├── SetupGateway         customers leave payment methods there (both)
├── InvoicingGateway     it has invoices, with drafts, lines and subscriptions of its own (Stripe)
└── CheckoutGateway      it has payments, each of which stands for an invoice (Mollie)
    └── SubscriptionGateway   it repeats payments of a mandate by itself
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from domain.catalogue.pricing import Charge
from domain.gateway.objects import (
    CaptureDraft,
    InvoiceDraft,
    LineDraft,
    PaidPayment,
    PaymentDraft,
    ProviderCapture,
    ProviderCreditNote,
    ProviderCustomer,
    ProviderInvoice,
    ProviderLine,
    ProviderMandate,
    ProviderPrice,
    ProviderRefund,
    RefundDraft,
    RefundsAndDisputes,
)
from domain.gateway.setups import SetupDraft, SetupSession
from domain.gateway.subscriptions import (
    MandateSubscriptionDraft,
    ProviderSubscription,
    SubscriptionDraft,
)


class ProviderGateway(Protocol):
    """Calls to one provider with one connection. Every call may raise a GatewayError."""

    def check_credentials(self) -> None:
        """Send one cheap read that every use of the connection needs; nothing is changed."""

    def find_customer(self, customer_id: str) -> ProviderCustomer:
        """Fetch a customer with what would be charged by default."""

    def create_customer(
        self, metadata: dict[str, str], *, contact: dict[str, Any], key: str
    ) -> str:
        """Make a customer; returns the provider's id."""

    def update_customer(
        self, customer_id: str, *, name: str | None, email: str | None, key: str
    ) -> None:
        """Set a customer's name and e-mail; None removes the value."""

    def find_customers(self, metadata: dict[str, str], *, created_after: int) -> list[str]:
        """Find objects with this metadata, oldest first, when a key may have expired."""

    def fetch_invoice(self, invoice_id: str) -> ProviderInvoice:
        """Fetch what stands for an invoice, together with its payment and all its lines."""

    def capture(self, draft: CaptureDraft, *, key: str) -> ProviderCapture:
        """Capture a part of an authorized payment, or all of it."""

    def find_capture(self, payment_id: str, *, reference: str) -> ProviderCapture | None:
        """Find our capture `reference` of a payment; None where it was not made."""

    def refund(self, draft: RefundDraft, *, key: str) -> ProviderRefund:
        """Refund a payment: the only call that returns money."""

    def fetch_paid_payments(self, invoice_id: str) -> tuple[PaidPayment, ...]:
        """Fetch the payments of what stands for an invoice, in the order they were paid in."""

    def fetch_refunds_and_disputes(self, invoice_id: str) -> RefundsAndDisputes:
        """Fetch all refunds and disputes of what stands for an invoice."""

    def find_document_url(self, invoice_id: str) -> str | None:
        """Fetch a fresh link to the invoice as a document; None while there is none."""

    def find_client_secret(self, payment_id: str) -> str | None:
        """Fetch what lets a browser confirm a payment; None where the provider has no such thing.

        Not to be stored or logged.
        """


class SetupGateway(ProviderGateway, Protocol):
    """A provider with pages where a customer leaves a payment method."""

    def open_setup(self, draft: SetupDraft, *, key: str) -> SetupSession:
        """Open a page where the customer leaves a payment method."""

    def find_setups(self, *, customer: str, reference: str) -> list[SetupSession]:
        """Find the page of our setup `reference`, when a key may have expired."""

    def fetch_setup(self, session_id: str) -> SetupSession:
        """Fetch a page with the method that was left on it, if one was."""

    def set_default_method(self, customer_id: str, method: str, *, key: str) -> None:
        """Set the customer's default payment method."""


class InvoicingGateway(SetupGateway, Protocol):
    """A provider that has invoices."""

    def find_price(self, price_id: str) -> ProviderPrice:
        """Fetch a catalogue price."""

    def create_credit_note(
        self, draft: RefundDraft, refund_id: str, *, key: str
    ) -> ProviderCreditNote:
        """Create the credit note of a refund that was made without one."""

    def create_invoice(self, draft: InvoiceDraft, *, key: str) -> ProviderInvoice:
        """Open a draft that the provider does not advance by itself."""

    def add_lines(
        self, invoice_id: str, lines: Sequence[LineDraft], *, currency: str, key: str
    ) -> Sequence[ProviderLine] | None:
        """Add all lines (1..250) in one call; return those of the draft, None if they are listed.

        None also where the answer repeats that of an earlier call, since which they may differ.
        """

    def list_lines(self, invoice_id: str) -> list[ProviderLine]:
        """Fetch every line, following pages."""

    def finalize_invoice(self, invoice_id: str, *, key: str, hold: bool = True) -> ProviderInvoice:
        """Number the draft; charges nothing, though credit may settle it.

        `hold`: the provider must not charge it by itself afterwards.
        """

    def pay_invoice(
        self, invoice_id: str, *, off_session: bool, key: str, payment_method: str | None = None
    ) -> ProviderInvoice:
        """Charge it now: the only call that takes money. `payment_method` None: its default."""

    def void_invoice(self, invoice_id: str, *, key: str) -> ProviderInvoice:
        """Void an issued invoice."""

    def write_off_invoice(self, invoice_id: str, *, key: str) -> ProviderInvoice:
        """Mark an invoice as uncollectible."""

    def find_invoice_of(self, payment_id: str) -> str | None:
        """Return the invoice that a payment belongs to; None where there is none."""

    def advance_draft(self, invoice_id: str, *, key: str) -> None:
        """Have the provider finalise and charge the draft; a repetition has no effect."""

    def fetch_draft(self, invoice_id: str) -> ProviderInvoice:
        """Fetch an invoice as `fetch_invoice`, and in `raw` its lines' prices in full."""

    def find_invoices(
        self, *, customer: str, reference: str, created_after: int
    ) -> list[ProviderInvoice]:
        """Find the object created for invoice `reference`, once its key may have expired."""

    def delete_draft(self, invoice_id: str) -> None:
        """Delete a draft; one that is gone is no error."""

    # Subscriptions.

    def create_subscription(self, draft: SubscriptionDraft, *, key: str) -> ProviderSubscription:
        """Start one; its first invoice is charged at once, and may be refused or need the payer."""

    def preview_total(self, draft: SubscriptionDraft) -> int:
        """Return the total of its first invoice without creating anything."""

    def find_subscriptions(self, *, customer: str, reference: str) -> list[ProviderSubscription]:
        """Find the subscription of our invoice `reference`, when a key may have expired."""

    def fetch_subscription(self, subscription_id: str) -> ProviderSubscription:
        """Fetch a subscription."""

    def end_subscription(self, subscription_id: str, *, key: str) -> ProviderSubscription:
        """End it now; one that has ended is no error."""

    def end_with_period(self, subscription_id: str, *, key: str) -> ProviderSubscription:
        """Cancel it at the end of its period."""

    def change_plan(
        self, subscription_id: str, items: Sequence[tuple[str, int]], *, key: str
    ) -> ProviderSubscription:
        """Replace its items by (price, quantity) now, prorated on its next invoice."""

    def schedule_plan(
        self, subscription_id: str, items: Sequence[tuple[str, int]], *, key: str
    ) -> ProviderSubscription:
        """Replace its items by (price, quantity) from the next period on."""


class CheckoutGateway(ProviderGateway, Protocol):
    """A provider with payments, each of which stands for an invoice of ours."""

    def create_payment(self, draft: PaymentDraft, *, key: str) -> ProviderInvoice:
        """Make a payment: open until its customer pays it, or charged by a mandate at once."""

    def find_payments(
        self, *, customer: str, reference: str, created_after: int
    ) -> list[ProviderInvoice]:
        """Find the object created for invoice `reference`, once its key may have expired."""

    def fetch_payment(self, payment_id: str) -> tuple[ProviderInvoice, RefundsAndDisputes]:
        """Fetch a payment with all that went back on it, as they stood at one moment."""

    def cancel_payment(self, payment_id: str) -> ProviderInvoice:
        """Cancel a payment that nobody has paid; one that can't be canceled is refused."""


class SubscriptionGateway(CheckoutGateway, SetupGateway, Protocol):
    """A provider that charges a mandate periodically."""

    def find_mandate(self, payment_id: str, *, customer: str) -> ProviderMandate | None:
        """Fetch the mandate that a first payment left, or another that is valid; None: none."""

    def create_mandate_subscription(
        self, draft: MandateSubscriptionDraft, *, key: str
    ) -> ProviderSubscription:
        """Have a mandate charged each interval; a second one of its description is refused."""

    def find_mandate_subscription(
        self, *, customer: str, description: str
    ) -> ProviderSubscription | None:
        """Find a subscription by its description, when a key may have expired."""

    def fetch_mandate_subscription(
        self, subscription_id: str, *, customer: str
    ) -> ProviderSubscription:
        """Fetch a subscription; its one item is the sum that is charged."""

    def change_mandate_subscription(
        self, subscription_id: str, *, customer: str, charge: Charge
    ) -> ProviderSubscription:
        """Change the amount from the next payment on; a repetition has no effect."""

    def cancel_mandate_subscription(self, subscription_id: str, *, customer: str) -> None:
        """Cancel it; one that has ended is no error."""

    def list_renewals(
        self, subscription_id: str, *, customer: str, created_after: int
    ) -> list[ProviderInvoice]:
        """List the payments of a subscription since then, oldest first."""
