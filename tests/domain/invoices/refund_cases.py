"""A paid invoice, and refunds and disputes of it as the provider reports them."""

from uuid import UUID

from domain.core.effects import Effect
from domain.gateway.objects import (
    DisputeState,
    ProviderDispute,
    ProviderRefund,
    RefundsAndDisputes,
    RefundState,
)
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices.commands import RequestRefund
from domain.invoices.invoice import Invoice
from tests.domain.event_examples import TOTAL
from tests.domain.given import Decided, Given, happened
from tests.domain.invoices.provider_updates import NOW
from tests.domain.subscription_examples import INVOICE_ID

OURS = UUID("eeeeeeee-0000-4000-8000-000000000001")
OTHER = UUID("eeeeeeee-0000-4000-8000-000000000002")


def paid() -> Given[Invoice]:
    return Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.InvoiceIssued),
        happened(pe.PaymentSucceeded, amount_minor=TOTAL),
    )


def request_refund(
    given: Given[Invoice], amount: int | None, refund_id: UUID = OURS
) -> Decided[Invoice, None]:
    command = RequestRefund(
        invoice_id=INVOICE_ID,
        request_id=refund_id,
        request_hash="4a5h",
        actor="key:1",
        amount_minor=amount,
    )
    return given.when(lambda invoice: invoice.request_action(command, occurred_at=NOW))


def refund(state: RefundState, *, amount: int = 500, ours: bool = True) -> ProviderRefund:
    return ProviderRefund(
        id="re_1" if ours else "re_2",
        state=state,
        amount_minor=amount,
        refunded_at=130,
        reference=str(OURS) if ours else None,
    )


def dispute(state: DisputeState, *, number: int = 1, amount: int = TOTAL) -> ProviderDispute:
    return ProviderDispute(id=f"dp_{number}", state=state, amount_minor=amount, disputed_at=140)


def apply_updates(
    given: Given[Invoice], *updates: ProviderRefund | ProviderDispute
) -> Decided[Invoice, Effect]:
    back = RefundsAndDisputes(
        refunds=tuple(update for update in updates if isinstance(update, ProviderRefund)),
        disputes=tuple(update for update in updates if isinstance(update, ProviderDispute)),
    )
    return given.when(
        lambda invoice: invoice.record_refunds_and_disputes(
            back, source="webhook", actor="webhook:1", occurred_at=NOW
        )
    )


# What is reserved.
