"""Create a draft invoice at the provider, add its lines and check them.

Nothing here moves money, and a rejection leaves no object at the provider.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.core.money import step_fault
from domain.gateway.errors import GatewayMisconfigured, GatewayRejected
from domain.gateway.objects import (
    InvoiceDraft,
    LineDraft,
    ProviderCustomer,
    ProviderInvoice,
    ProviderLine,
)
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import AddLinesPlan, DraftPlan
from domain.invoices.view import InvoiceView
from workers.invoices.customers import credentials_rejected
from workers.invoices.job import InvoicingDeps, billhook_metadata, object_id, start_step
from workers.invoices.rejections import RequestRejected, lines_mismatch, missing_payment_method


def draft_invoice(invoice: Invoice, deps: InvoicingDeps, *, then: str) -> Invoice:
    """Complete the draft, so that step `then` may start. Raises RequestRejected."""
    try:
        if "create" not in invoice.view.steps:
            plan = _plan(invoice.view, deps)
            invoice = start_step(invoice, "create", deps, plan=plan)
        if invoice.view.provider_object_id is None:
            invoice = create(invoice, deps, then="lines")
        _check_lines(invoice, deps, added=_add_lines(invoice, deps))
    except GatewayRejected as error:
        raise RequestRejected.from_gateway(error) from error
    return start_step(invoice, then, deps)


def find_customer(view: InvoiceView, deps: InvoicingDeps) -> ProviderCustomer:
    """Fetch the customer; refused credentials end the request. Raises RequestRejected."""
    try:
        return deps.customers.customer_of(view)
    except GatewayMisconfigured as error:
        raise credentials_rejected(view.connection) from error


def _plan(view: InvoiceView, deps: InvoicingDeps) -> DraftPlan:
    """Fetch the data that the request omits, once: customer, currency and payment method.

    The provider determines the currency of a draft's amounts.
    """
    customer = find_customer(view, deps)
    method = view.request.payment_method or customer.default_method or None
    if view.request.charge_immediately and not method:
        raise missing_payment_method()
    currency = None if view.request.flow == "draft" else _currency(view, deps)
    return DraftPlan(customer=customer.id, currency=currency, method=method)


def _currency(view: InvoiceView, deps: InvoicingDeps) -> str:
    """Return the one currency of all lines; each price is fetched once."""
    found: dict[str, str] = {}
    for index, line in enumerate(view.request.lines):
        path = f"lineItems.{index}"
        if line.price is None:
            found.setdefault(line.currency or "", f"{path}.currency")
            fault = step_fault(line.amount_minor or 0, "stripe", line.currency or "")
            if fault is not None:
                raise RequestRejected(
                    code="amount_invalid",
                    message=f"Amounts {fault} at Stripe.",
                    path=f"{path}.amountMinor",
                )
    prices = {line.price: index for index, line in enumerate(view.request.lines)}
    for price_id, index in prices.items():
        if price_id is not None:
            found.setdefault(_price_currency(price_id, index, deps), f"lineItems.{index}.price")
    if len(found) > 1:
        listed = ", ".join(sorted(found))
        raise RequestRejected(
            code="currencies_mixed",
            message=f"All lines must have one currency; these have {listed}.",
            path=list(found.values())[1],
        )
    return next(iter(found))


def _price_currency(price_id: str, index: int, deps: InvoicingDeps) -> str:
    path = f"lineItems.{index}.price"
    try:
        price = deps.gateway.find_price(price_id)
    except GatewayRejected as error:
        raise RequestRejected.from_gateway(error, path=path) from error
    if price.recurring:
        raise RequestRejected(
            code="price_recurring",
            message=f"{price_id} is a recurring price; type payment takes one-time prices.",
            path=path,
        )
    if not price.active:
        raise RequestRejected(
            code="price_inactive", message=f"{price_id} is not active.", path=path
        )
    return price.currency


def create(invoice: Invoice, deps: InvoicingDeps, *, then: str) -> Invoice:
    """Create the draft and record it, together with the start of the next step."""
    view, step = invoice.view, invoice.view.steps["create"]
    deps.heartbeat()
    plan = DraftPlan.of(step)
    made = _made_before(invoice, deps) or deps.gateway.create_invoice(
        InvoiceDraft(
            customer=plan.customer,
            currency=plan.currency,
            include_pending_items=view.request.flow == "include_pending_items",
            tax_rate_id=view.request.tax_rate_id,
            payment_method=view.request.payment_method,
            footer=view.footer,
            description=view.description,
            metadata=view.metadata | billhook_metadata(view),
        ),
        key=step.key,
    )
    occurred_at = deps.now()

    def decide(known: Invoice) -> None:
        known.record_created(made, occurred_at=occurred_at)
        known.start_step(then, occurred_at=occurred_at, plan=AddLinesPlan(currency=made.currency))

    return deps.billing.change(Invoice, invoice.id, decide)


def _made_before(invoice: Invoice, deps: InvoicingDeps) -> ProviderInvoice | None:
    step = invoice.view.steps["create"]
    if not deps.must_look_up(invoice, "create"):
        return None
    found = deps.gateway.find_invoices(
        customer=DraftPlan.of(step).customer,
        reference=str(invoice.id),
        created_after=deps.keys.search_from(step.started_at),
    )
    # A revision or a duplicate has the metadata of its original, and is younger.
    return min(found, key=lambda one: one.created_at or 0, default=None)


def _add_lines(invoice: Invoice, deps: InvoicingDeps) -> Sequence[ProviderLine] | None:
    """Add the missing lines; return all lines of the draft, None if they must be listed."""
    view, step = invoice.view, invoice.view.steps["lines"]
    wanted, plan = _line_drafts(view), AddLinesPlan.of(step)
    if deps.must_look_up(invoice, "lines"):
        # Under an expired key the same lines would be added and charged a second time.
        present = {line.reference for line in deps.gateway.list_lines(object_id(view))}
        wanted = [line for line in wanted if line.reference not in present]
        if wanted and deps.key_expired(invoice, "lines"):
            invoice = start_step(invoice, "lines", deps, attempt=step.attempt + 1, plan=plan)
    if not wanted:
        return None
    deps.heartbeat()
    return deps.gateway.add_lines(
        object_id(view),
        wanted,
        currency=plan.currency,
        key=invoice.view.steps["lines"].key,
    )


def _line_drafts(view: InvoiceView) -> list[LineDraft]:
    return [
        LineDraft(
            reference=str(index),
            name=line.name,
            quantity=line.quantity,
            price=line.price,
            amount_minor=line.amount_minor,
        )
        for index, line in enumerate(view.request.lines)
    ]


def _check_lines(
    invoice: Invoice, deps: InvoicingDeps, *, added: Sequence[ProviderLine] | None
) -> None:
    """Compare the draft's lines with the requested ones before anything is charged.

    `added`: its lines as the call that added them answered; None: they are listed.
    """
    deps.heartbeat()
    view = invoice.view
    lines = deps.gateway.list_lines(object_id(view)) if added is None else added
    fault = lines_mismatch(_line_drafts(view), lines)
    if fault is not None:
        raise RequestRejected(code="lines_differ", message=fault, path="lineItems")
    expected = view.request.expected_total_minor
    if expected is not None:
        total = deps.gateway.fetch_invoice(object_id(view)).total_minor
        if total != expected:
            raise RequestRejected(
                code="total_differs",
                message=f"The total is {total}, not the expected {expected}.",
                path="expectedTotalMinor",
            )
