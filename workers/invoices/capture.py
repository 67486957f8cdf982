"""Capture an authorized payment exactly once, also after a crash.

The step records the payment, the amount and the key before its first call. A repeat first looks up
the capture that an earlier run may have made, by our reference in its metadata.
"""

from __future__ import annotations

from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import CaptureDraft, ProviderCapture, ProviderInvoice
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import CapturePlan
from eventlog.bodies import Body
from workers.invoices.job import InvoiceDeps, object_id, record_rejection, start_step
from workers.invoices.rejections import RequestRejected


def capture_payment(invoice: Invoice, deps: InvoiceDeps) -> Invoice:
    """Capture the requested amount; raises GatewayUnavailable for a retry."""
    pending, at_provider = invoice.pending_request, object_id(invoice.view)
    step = invoice.view.steps.get(pending.step)
    is_repeat = step is not None and step.attempt == pending.attempt
    if not is_repeat:
        seen = deps.gateway.fetch_invoice(at_provider)
        try:
            plan = _plan(seen, pending.amount_minor)
        except RequestRejected as rejection:
            return record_rejection(invoice, seen, deps, rejection)
        invoice = start_step(invoice, pending.step, deps, attempt=pending.attempt, plan=plan)
    may_be_made = is_repeat or deps.keys.may_miss_calls
    made = _made_before(invoice, deps) if may_be_made else None
    deps.heartbeat()
    try:
        made = made or _capture(invoice, deps)
    except GatewayRejected as error:
        refused = RequestRejected.from_gateway(error, path=_field_of(error.param))
        return record_rejection(invoice, deps.gateway.fetch_invoice(at_provider), deps, refused)
    answer = deps.gateway.fetch_invoice(at_provider)
    if made.state == "failed":
        return record_rejection(invoice, answer, deps, _failed())
    return _record(invoice, answer, made, deps)


def _made_before(invoice: Invoice, deps: InvoiceDeps) -> ProviderCapture | None:
    plan = CapturePlan.of(invoice.view.steps[invoice.pending_request.step])
    return deps.gateway.find_capture(plan.payment, reference=_reference(invoice))


def _plan(seen: ProviderInvoice, wanted_minor: int | None) -> CapturePlan:
    """Plan the capture of what the payment holds now. Raises RequestRejected."""
    held_minor = seen.amount_capturable_minor or 0
    amount_minor = held_minor if wanted_minor is None else wanted_minor
    if seen.capturable_payment is None or not held_minor:
        raise RequestRejected(
            code="nothing_authorized", message="No authorized payment holds an amount any more."
        )
    if amount_minor > held_minor:
        raise RequestRejected(
            code="amount_too_large",
            message=f"Only {held_minor} can still be captured.",
            path="amountMinor",
        )
    return CapturePlan(
        payment=seen.capturable_payment, amount_minor=amount_minor, currency=seen.currency
    )


def _reference(invoice: Invoice) -> str:
    """Return our reference of a capture: the key of its step, which no other capture has."""
    return invoice.view.steps[invoice.pending_request.step].key


def _capture(invoice: Invoice, deps: InvoiceDeps) -> ProviderCapture:
    step = invoice.view.steps[invoice.pending_request.step]
    plan = CapturePlan.of(step)
    draft = CaptureDraft(
        payment_id=plan.payment,
        amount_minor=plan.amount_minor,
        currency=plan.currency,
        reference=_reference(invoice),
    )
    return deps.gateway.capture(draft, key=step.key)


def _field_of(param: str | None) -> str | None:
    """Return our field's path for the provider's parameter of the amount."""
    return "amountMinor" if param in ("amount", "amount_to_capture") else None


def _failed() -> RequestRejected:
    return RequestRejected(code="capture_failed", message="The provider could not capture it.")


def _record(
    invoice: Invoice, answer: ProviderInvoice, made: ProviderCapture, deps: InvoiceDeps
) -> Invoice:
    """Record the capture with the payment's state after it in one append."""
    occurred_at, body = deps.now(), Body.of(answer.raw, invoice.view.body_owner)

    def decide(known: Invoice) -> None:
        pending = known.view.pending_request
        known.record_provider_state(
            answer, source="answer", actor=WORKER, occurred_at=occurred_at, body=body.sha256.hex()
        )
        if pending is not None and pending.action == "capture":
            known.record_capture(made, request_id=pending.request_id, occurred_at=occurred_at)

    return deps.billing.change(Invoice, invoice.id, decide, bodies=[body])
