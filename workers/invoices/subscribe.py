"""Start a subscription and take in what its first invoice came to.

The provider charges the first invoice as it starts the subscription. One that is declined is ended
before the refusal is recorded: a new request would otherwise leave two that can both be paid. Why
it was declined is kept first, since we may die in between.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.core import ids
from domain.gateway.objects import (
    GatewayRejected,
    GatewayUnavailable,
    ProviderInvoice,
    ProviderPayment,
    ProviderSubscription,
    SubscriptionDraft,
)
from domain.invoices.invoice import Invoice
from domain.invoices.provider_update import WORKER
from domain.invoices.steps import ENDING_STEP
from domain.invoices.view import InvoiceView
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body
from workers.invoices.draft_invoice import find_customer
from workers.invoices.job import Desk, object_id, our_metadata, record, start, start_asked_for
from workers.invoices.rejections import Refused, no_method


def subscribe(invoice: Invoice, desk: Desk) -> None:
    """Go on until the first invoice's outcome stands; raises Refused, or to come back."""
    if invoice.view.provider_object_id is None:
        invoice = _started(invoice, desk)
    if ENDING_STEP in invoice.view.steps:
        _end(invoice, desk)
        return
    answer = desk.gateway.fetch_invoice(object_id(invoice.view))
    if _declined(answer):
        _end(start(invoice, ENDING_STEP, desk, plan=_why(answer)), desk)
        return
    # First, since nobody comes back for it once the invoice's outcome stands.
    _record_subscription(invoice, desk)
    after = record(invoice, answer, desk, source="answer", attempted=True)
    if after.view.settling:
        raise GatewayUnavailable(f"the first invoice {answer.id} is still {answer.state}")


def _started(invoice: Invoice, desk: Desk) -> Invoice:
    """Have the provider start it, and remember it together with its first invoice."""
    try:
        if "subscribe" not in invoice.view.steps:
            invoice = start(invoice, "subscribe", desk, plan=_plan(invoice.view, desk))
        made = _made_before(invoice, desk) or _create(invoice, desk)
    except GatewayRejected as error:
        raise Refused.from_gateway(error) from error
    if made.latest_invoice is None:
        raise GatewayUnavailable(f"{made.id} has no first invoice yet")
    occurred_at = desk.now()
    return desk.billing.change(
        Invoice,
        invoice.id,
        lambda known: known.record_subscribed(made, occurred_at=occurred_at),
        beside=lambda: _beside(invoice.view, made, desk),
    )


def _plan(view: InvoiceView, desk: Desk) -> dict[str, str]:
    """Look up who pays and with what, and refuse what no subscription can be made of."""
    customer = find_customer(view, desk)
    method = view.request["payment_method"] or customer.default_method or ""
    if view.request["on_the_spot"] and not method:
        raise no_method()
    currencies = {}
    for index, line in enumerate(view.request["lines"]):
        path = f"lineItems.{index}.price"
        if line["price"] is None:
            message = "A subscription's lines name recurring prices."
            raise Refused(code="price_missing", message=message, path=path)
        currencies[_currency(line["price"], path, desk)] = path
    if len(currencies) > 1:
        message = f"All lines must have one currency; these have {', '.join(sorted(currencies))}."
        raise Refused(code="currencies_mixed", message=message, path=list(currencies.values())[1])
    plan = {"customer": customer.id, "method": method}
    _check_total(view, plan, desk)
    return plan


def _currency(price_id: str, path: str, desk: Desk) -> str:
    try:
        price = desk.gateway.find_price(price_id)
    except GatewayRejected as error:
        raise Refused.from_gateway(error, path=path) from error
    if not price.recurring:
        message = f"{price_id} is a one-time price; type subscription takes recurring prices."
        raise Refused(code="price_one_time", message=message, path=path)
    if not price.active:
        raise Refused(code="price_inactive", message=f"{price_id} is not active.", path=path)
    return price.currency


def _check_total(view: InvoiceView, plan: dict[str, str], desk: Desk) -> None:
    expected = view.request["expected_total_minor"]
    if expected is None:
        return
    total = desk.gateway.preview_total(_draft(view, plan))
    if total != expected:
        raise Refused(
            code="total_differs",
            message=f"The first invoice's total is {total}, not the expected {expected}.",
            path="expectedTotalMinor",
        )


def _draft(view: InvoiceView, plan: dict[str, str]) -> SubscriptionDraft:
    return SubscriptionDraft(
        customer=plan["customer"],
        items=tuple((line["price"], line["quantity"]) for line in view.request["lines"]),
        tax_rate_id=view.request["tax_rate_id"],
        payment_method=view.request["payment_method"],
        charge=plan["method"] != "",
        off_session=view.request["off_session"],
        footer=view.footer,
        description=view.description,
        metadata=view.metadata | our_metadata(view),
    )


def _create(invoice: Invoice, desk: Desk) -> ProviderSubscription:
    step = invoice.view.steps["subscribe"]
    desk.alive()
    return desk.gateway.create_subscription(_draft(invoice.view, step.plan), key=step.key)


def _made_before(invoice: Invoice, desk: Desk) -> ProviderSubscription | None:
    if not desk.key_expired(invoice, "subscribe"):
        return None
    customer = invoice.view.steps["subscribe"].plan["customer"]
    found = desk.gateway.find_subscriptions(customer=customer, reference=str(invoice.id))
    return found[0] if found else None


def _beside(view: InvoiceView, made: ProviderSubscription, desk: Desk) -> list[Subscription]:
    """Make the subscription's own stream, unless a webhook was faster."""
    if desk.billing.find(Subscription, _id_of(view, made.id)) is not None:
        return []
    return [Subscription.start(start_asked_for(view), made, occurred_at=desk.now())]


def _id_of(view: InvoiceView, subscription_id: str) -> UUID:
    return ids.for_provider_object(view.app_id, view.connection_id, view.mode, subscription_id)


def _record_subscription(invoice: Invoice, desk: Desk) -> None:
    """Fetch how the subscription stands: the answer that made it may be a day old by now."""
    view = invoice.view
    assert view.subscription_id is not None, "recorded with its first invoice"  # noqa: S101 - STYLE: assert what must hold
    seen = desk.gateway.fetch_subscription(view.subscription_id)
    body = Body.of(seen.raw, view.body_owner)
    desk.billing.import_subscription(
        start_asked_for(view),
        seen,
        source="answer",
        occurred_at=desk.now(),
        bodies=[body],
        body=body.sha256.hex(),
    )


def _declined(answer: ProviderInvoice) -> bool:
    payment = answer.payment
    return answer.state == "open" and payment is not None and payment.state == "failed"


def _why(answer: ProviderInvoice) -> dict[str, str]:
    payment = answer.payment
    assert payment is not None, "a declined invoice has a payment"  # noqa: S101 - STYLE: assert what must hold
    known = {
        "id": payment.id,
        "amount": str(payment.amount_minor),
        "code": payment.code,
        "decline_code": payment.decline_code,
        "message": payment.message,
        "method": payment.method,
    }
    return {name: value for name, value in known.items() if value is not None}


def _end(invoice: Invoice, desk: Desk) -> None:
    """Leave nothing that could be paid, then record why it was declined and how it ended."""
    view, step = invoice.view, invoice.view.steps[ENDING_STEP]
    assert view.subscription_id is not None, "recorded with its first invoice"  # noqa: S101 - STYLE: assert what must hold
    desk.alive()
    desk.gateway.end_subscription(view.subscription_id, key=step.key)
    answer = desk.gateway.fetch_invoice(object_id(view))
    if answer.state == "open":
        try:
            answer = desk.gateway.void_invoice(answer.id, key=f"{step.key}:void")
        except GatewayRejected:
            answer = desk.gateway.fetch_invoice(answer.id)
    _record_subscription(invoice, desk)
    occurred_at = desk.now()
    body = Body.of(answer.raw, view.body_owner)
    refused = replace(answer, state="open", payment=_refusal(step.plan))

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

    after = desk.billing.change(Invoice, invoice.id, decide, bodies=[body])
    if after.view.settling:
        raise GatewayUnavailable(f"the first invoice {answer.id} is still {answer.state}")


def _refusal(plan: dict[str, str]) -> ProviderPayment:
    return ProviderPayment(
        id=plan["id"],
        state="failed",
        amount_minor=int(plan["amount"]),
        method=plan.get("method"),
        code=plan.get("code"),
        decline_code=plan.get("decline_code"),
        message=plan.get("message"),
    )
