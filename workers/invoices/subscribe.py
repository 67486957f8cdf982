"""Create a subscription at the provider and record the outcome of its first invoice.

The provider charges the first invoice as it starts the subscription. If that is declined, the
subscription is ended before the rejection is recorded: else a new request would leave two that can
both be paid. The reason is recorded first, in case of a crash in between.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.core import ids
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.gateway.objects import ProviderInvoice, ProviderPayment
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionDraft
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import DeclinedPlan, SubscribePlan
from domain.invoices.steps import UNSUBSCRIBE_STEP
from domain.invoices.view import InvoiceView
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body
from workers.invoices.draft_invoice import find_customer
from workers.invoices.job import (
    InvoicingDeps,
    billhook_metadata,
    object_id,
    record_answer,
    start_step,
    subscription_command,
)
from workers.invoices.rejections import RequestRejected, missing_payment_method


def subscribe(invoice: Invoice, deps: InvoicingDeps) -> None:
    """Perform the remaining steps up to the first invoice's outcome. Raises RequestRejected."""
    if invoice.view.provider_object_id is None:
        invoice = _start(invoice, deps)
    if UNSUBSCRIBE_STEP in invoice.view.steps:
        _end(invoice, deps)
        return
    answer = deps.gateway.fetch_invoice(object_id(invoice.view))
    if _declined(answer):
        _end(start_step(invoice, UNSUBSCRIBE_STEP, deps, plan=_decline_details(answer)), deps)
        return
    # First, since no job retries it once the invoice's outcome is recorded.
    _record_subscription(invoice, deps)
    after = record_answer(invoice, answer, deps, source="answer", attempted=True)
    if after.view.in_progress:
        raise GatewayUnavailable(f"the first invoice {answer.id} is still {answer.state}")


def _start(invoice: Invoice, deps: InvoicingDeps) -> Invoice:
    """Create the subscription at the provider and record it with its first invoice."""
    try:
        if "subscribe" not in invoice.view.steps:
            invoice = start_step(invoice, "subscribe", deps, plan=_plan(invoice.view, deps))
        made = _made_before(invoice, deps) or _create(invoice, deps)
    except GatewayRejected as error:
        raise RequestRejected.from_gateway(error) from error
    if made.latest_invoice is None:
        raise GatewayUnavailable(f"{made.id} has no first invoice yet")
    occurred_at = deps.now()
    return deps.billing.change(
        Invoice,
        invoice.id,
        lambda known: known.record_subscribed(made, occurred_at=occurred_at),
        also_save=lambda: _new_subscription(invoice.view, made, deps),
    )


def _plan(view: InvoiceView, deps: InvoicingDeps) -> SubscribePlan:
    """Fetch customer and payment method; reject lines that no subscription can have."""
    customer = find_customer(view, deps)
    method = view.request.payment_method or customer.default_method or None
    if view.request.charge_immediately and not method:
        raise missing_payment_method()
    currencies = {}
    for index, line in enumerate(view.request.lines):
        path = f"lineItems.{index}.price"
        if line.price is None:
            message = "A subscription's lines name recurring prices."
            raise RequestRejected(code="price_missing", message=message, path=path)
        currencies[_currency(line.price, path, deps)] = path
    if len(currencies) > 1:
        message = f"All lines must have one currency; these have {', '.join(sorted(currencies))}."
        raise RequestRejected(
            code="currencies_mixed", message=message, path=list(currencies.values())[1]
        )
    plan = SubscribePlan(customer=customer.id, method=method)
    _check_total(view, plan, deps)
    return plan


def _currency(price_id: str, path: str, deps: InvoicingDeps) -> str:
    try:
        price = deps.gateway.find_price(price_id)
    except GatewayRejected as error:
        raise RequestRejected.from_gateway(error, path=path) from error
    if not price.recurring:
        message = f"{price_id} is a one-time price; type subscription takes recurring prices."
        raise RequestRejected(code="price_one_time", message=message, path=path)
    if not price.active:
        raise RequestRejected(
            code="price_inactive", message=f"{price_id} is not active.", path=path
        )
    return price.currency


def _check_total(view: InvoiceView, plan: SubscribePlan, deps: InvoicingDeps) -> None:
    expected = view.request.expected_total_minor
    if expected is None:
        return
    total = deps.gateway.preview_total(_draft(view, plan))
    if total != expected:
        raise RequestRejected(
            code="total_differs",
            message=f"The first invoice's total is {total}, not the expected {expected}.",
            path="expectedTotalMinor",
        )


def _draft(view: InvoiceView, plan: SubscribePlan) -> SubscriptionDraft:
    return SubscriptionDraft(
        customer=plan.customer,
        items=tuple((line.price or "", line.quantity) for line in view.request.lines),
        tax_rate_id=view.request.tax_rate_id,
        payment_method=view.request.payment_method,
        charge=plan.method is not None,
        off_session=view.request.off_session,
        footer=view.footer,
        description=view.description,
        metadata=view.metadata | billhook_metadata(view),
    )


def _create(invoice: Invoice, deps: InvoicingDeps) -> ProviderSubscription:
    step = invoice.view.steps["subscribe"]
    deps.heartbeat()
    draft = _draft(invoice.view, SubscribePlan.of(step))
    return deps.gateway.create_subscription(draft, key=step.key)


def _made_before(invoice: Invoice, deps: InvoicingDeps) -> ProviderSubscription | None:
    if not deps.must_look_up(invoice, "subscribe"):
        return None
    customer = SubscribePlan.of(invoice.view.steps["subscribe"]).customer
    found = deps.gateway.find_subscriptions(customer=customer, reference=str(invoice.id))
    return found[0] if found else None


def _new_subscription(
    view: InvoiceView, made: ProviderSubscription, deps: InvoicingDeps
) -> list[Subscription]:
    """Create the subscription's stream unless a webhook already has."""
    if deps.billing.find(Subscription, _id_of(view, made.id)) is not None:
        return []
    return [Subscription.start(subscription_command(view), made, occurred_at=deps.now())]


def _id_of(view: InvoiceView, subscription_id: str) -> UUID:
    return ids.for_provider_object(view.app_id, view.connection_id, view.mode, subscription_id)


def _record_subscription(invoice: Invoice, deps: InvoicingDeps) -> None:
    """Fetch and record the subscription: the answer that created it may be a day old."""
    view = invoice.view
    assert view.subscription_id is not None, "recorded with its first invoice"  # noqa: S101 - STYLE: assert what must hold
    seen = deps.gateway.fetch_subscription(view.subscription_id)
    body = Body.of(seen.raw, view.body_owner)
    deps.billing.import_subscription(
        subscription_command(view),
        seen,
        source="answer",
        occurred_at=deps.now(),
        bodies=[body],
        body=body.sha256.hex(),
    )


def _declined(answer: ProviderInvoice) -> bool:
    payment = answer.payment
    return answer.state == "open" and payment is not None and payment.state == "failed"


def _decline_details(answer: ProviderInvoice) -> DeclinedPlan:
    payment = answer.payment
    assert payment is not None, "a declined invoice has a payment"  # noqa: S101 - STYLE: assert what must hold
    return DeclinedPlan(
        id=payment.id,
        amount=payment.amount_minor,
        code=payment.code,
        decline_code=payment.decline_code,
        message=payment.message,
        method=payment.method,
    )


def _end(invoice: Invoice, deps: InvoicingDeps) -> None:
    """End the subscription at the provider, then record why it was declined and how it ended."""
    view, step = invoice.view, invoice.view.steps[UNSUBSCRIBE_STEP]
    assert view.subscription_id is not None, "recorded with its first invoice"  # noqa: S101 - STYLE: assert what must hold
    deps.heartbeat()
    deps.gateway.end_subscription(view.subscription_id, key=step.key)
    answer = deps.gateway.fetch_invoice(object_id(view))
    if answer.state == "open":
        try:
            answer = deps.gateway.void_invoice(answer.id, key=f"{step.key}:void")
        except GatewayRejected:
            answer = deps.gateway.fetch_invoice(answer.id)
    _record_subscription(invoice, deps)
    occurred_at = deps.now()
    body = Body.of(answer.raw, view.body_owner)
    refused = replace(answer, state="open", payment=_declined_payment(DeclinedPlan.of(step)))

    def decide(known: Invoice) -> None:
        if answer.state != "paid":
            known.record_provider_state(
                refused,
                source="answer",
                actor=WORKER,
                occurred_at=occurred_at,
                attempted=True,
                body=body.sha256.hex(),
            )
        known.record_provider_state(
            answer, source="answer", actor=WORKER, occurred_at=occurred_at, body=body.sha256.hex()
        )

    after = deps.billing.change(Invoice, invoice.id, decide, bodies=[body])
    if after.view.in_progress:
        raise GatewayUnavailable(f"the first invoice {answer.id} is still {answer.state}")


def _declined_payment(plan: DeclinedPlan) -> ProviderPayment:
    return ProviderPayment(
        id=plan.id,
        state="failed",
        amount_minor=plan.amount,
        method=plan.method,
        code=plan.code,
        decline_code=plan.decline_code,
        message=plan.message,
    )
