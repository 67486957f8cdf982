"""Carry out what is asked of an invoice for which a payment stands: retry, void.

A retry is another payment for the same invoice. It is made before the one before it is canceled, so
that a refusal leaves the customer something to pay; whichever is paid first counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from domain.gateway.objects import GatewayRejected, GatewayUnavailable, ProviderInvoice
from domain.invoices.invoice import Invoice
from workers.invoices.job import object_id, record, refuse, start
from workers.invoices.rejections import Refused
from workers.payments.checkout import (
    CREATE,
    CheckoutDesk,
    make_or_find,
    remember_payment,
    settle_payment,
)
from workers.payments.plan import Plan, how_to_pay

_OF_METHOD = ("method", "mandate")


def settle_or_carry_out(invoice_id: UUID, desk: CheckoutDesk) -> None:
    """Make the invoice's payment, or do what is asked of it; raises GatewayUnavailable."""
    invoice = desk.billing.get(Invoice, invoice_id)
    if invoice.view.asked is None:
        settle_payment(invoice_id, desk)
    elif invoice.view.settling:
        _carry_out(invoice, desk)


def _carry_out(invoice: Invoice, desk: CheckoutDesk) -> None:
    asked = invoice.view.asked
    assert asked is not None, "called for what is asked"  # noqa: S101 - STYLE: assert what must hold
    after = (_retry if asked["action"] == "retry" else _void)(invoice, desk)
    if after.view.asked is not None and after.view.settling:
        raise GatewayUnavailable(f"{asked['action']} has no outcome yet")


def _retry(invoice: Invoice, desk: CheckoutDesk) -> Invoice:
    """Make another payment; what became of the last one is looked up first."""
    asked, at_provider = invoice.view.asked or {}, object_id(invoice.view)
    begun = invoice.view.steps.get(asked["step"])
    again = begun is not None and begun.attempt >= asked["attempt"]
    last = desk.gateway.fetch_invoice(at_provider)
    if last.state == "paid" or _under_way(last):
        return record(invoice, last, desk, source="answer", attempted=True)
    try:
        if not again:
            plan = _plan(invoice, asked["payment_method"])
            invoice = start(invoice, asked["step"], desk, attempt=asked["attempt"], plan=plan)
        invoice, made = make_or_find(invoice, asked["step"], desk, again=again)
    except Refused as refusal:
        return refuse(invoice, last, desk, refusal)
    cancel_if_possible([known for known in invoice.view.objects if known != made.id], desk)
    return remember_payment(invoice, made, asked["step"], desk)


def _plan(invoice: Invoice, method: str | None) -> Plan:
    """Ask for the same money again, by another method if one is named. Raises Refused."""
    first = invoice.view.steps.get(CREATE)
    if first is None:
        raise Refused(
            code="not_asked_for_here",
            message="Its payment was not asked for here, so that nothing is known to ask again.",
        )
    kept = {name: value for name, value in first.plan.items() if name not in _OF_METHOD}
    return first.plan if method is None else kept | how_to_pay(method)


def _under_way(payment: ProviderInvoice) -> bool:
    return payment.payment is not None and payment.payment.state == "processing"


def _void(invoice: Invoice, desk: CheckoutDesk) -> Invoice:
    """Cancel the payment; a refused one has nothing left to cancel, and is void."""
    asked, at_provider = invoice.view.asked or {}, object_id(invoice.view)
    invoice = start(invoice, asked["step"], desk, attempt=asked["attempt"])
    desk.alive()
    seen = desk.gateway.fetch_invoice(at_provider)
    if seen.payment is not None and seen.payment.state == "failed":
        seen = replace(seen, state="void")
    elif seen.state == "open":
        try:
            seen = desk.gateway.cancel_payment(at_provider)
        except GatewayRejected:
            seen = desk.gateway.fetch_invoice(at_provider)
            if seen.state == "open":
                return refuse(invoice, seen, desk, _not_cancelable())
    cancel_if_possible([known for known in invoice.view.objects if known != at_provider], desk)
    return record(invoice, seen, desk, source="answer")


def _not_cancelable() -> Refused:
    """Say it in our own word: Mollie's code for it is the one for anything that it refuses."""
    return Refused(
        code="not_cancelable",
        message="Mollie cancels no open payment by this method; it expires if nobody pays it.",
    )


def cancel_if_possible(payments: Iterable[str], desk: CheckoutDesk) -> None:
    """Cancel what nobody has paid; what can't be canceled is left, and expires."""
    for payment in payments:
        with suppress(GatewayRejected):
            desk.gateway.cancel_payment(payment)


def cancel_left_over(invoice_id: UUID, desk: CheckoutDesk) -> None:
    """Cancel the other payments for an invoice that one of them has settled."""
    view = desk.billing.get(Invoice, invoice_id).view
    cancel_if_possible([known for known in view.objects if known != view.settled_by], desk)
