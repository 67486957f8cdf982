"""Actions on an invoice: the API's own commands, with its idempotency and its rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.core import money
from domain.core.errors import InvalidAmount, NotPossible
from domain.core.providers import Provider
from domain.invoices import status
from domain.invoices.action_events import RequestRefused
from domain.invoices.events import InvoiceRejected
from domain.invoices.payment_events import PaymentFailed
from domain.invoices.refund_events import RefundFailed
from domain.invoices.refunds import refundable_minor
from domain.invoices.view import InvoiceView
from service.dashboard import formats
from service.dashboard.context import context_of
from service.dashboard.filters import with_idempotency_key
from service.dashboard.guard import action
from service.dashboard.visitor import Form, Visitor
from service.http.errors import ACTION_PARTICIPLES, BadRequest, FieldError, NotFound
from service.http.requests import path_uuid
from service.http.validation import validate
from service.invoices import actions as api
from service.recording.read_your_writes import find_invoice
from service.recording.record import RecordedInvoice


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceAction:
    """An action: its button, its question, and the API's action that it is."""

    path: str
    label: str
    question: str
    recorded_as: api.Action
    is_final: bool = False
    has_amount: bool = False


ACTIONS: Final = {
    one.path: one
    for one in (
        InvoiceAction(
            path="finalize",
            label="Finalize",
            question="Finalize this draft? The provider then issues it and it can't be edited.",
            recorded_as=api.FINALIZE,
        ),
        InvoiceAction(
            path="retry",
            label="Retry payment",
            question="Charge this invoice again, with the customer's default payment method?",
            recorded_as=api.RETRY,
        ),
        InvoiceAction(
            path="capture",
            label="Capture",
            question="Collect the authorized payment? What a part leaves of it is released at "
            "Stripe, and can be captured later at Mollie.",
            recorded_as=api.CAPTURE,
            has_amount=True,
        ),
        InvoiceAction(
            path="refund",
            label="Refund",
            question="Give money back to the customer? A refund can't be taken back.",
            recorded_as=api.REFUND,
            is_final=True,
            has_amount=True,
        ),
        InvoiceAction(
            path="uncollectible",
            label="Mark uncollectible",
            question="Write this invoice off? It can still be paid or voided later.",
            recorded_as=api.UNCOLLECTIBLE,
        ),
        InvoiceAction(
            path="void",
            label="Void",
            question="Void this invoice? It can't be paid or opened again.",
            recorded_as=api.VOID,
            is_final=True,
        ),
    )
}
_POSSIBLE: Final[dict[str, tuple[str, ...]]] = {
    status.DRAFT: ("finalize", "void"),
    status.OPEN: ("retry", "uncollectible", "void"),
    status.FAILED: ("retry", "uncollectible", "void"),
    status.REQUIRES_ACTION: ("retry", "uncollectible", "void"),
    status.UNCOLLECTIBLE: ("void",),
}
NOTES: Final = {
    "done": ("good", "Done. The invoice below has the result."),
    "pending": ("plain", "Recorded. The provider has not answered yet: its result appears below."),
    "impossible": ("plain", "This can't be done any more: the invoice has changed meanwhile."),
    "refused": ("bad", "The provider refused it. The reason is on the timeline."),
}
_REFUSALS: Final = (RequestRefused, PaymentFailed, InvoiceRejected, RefundFailed)


def possible_actions(view: InvoiceView) -> list[str]:
    """Name the actions that a status allows; the domain decides when one is requested."""
    if view.pending_request is not None:
        return []
    possible = ["capture"] if view.amount_capturable_minor > 0 else []
    if view.status == status.PAID:
        return [*possible, "refund"] if refundable_minor(view) > 0 else possible
    return [*possible, *_POSSIBLE.get(view.status, ())]


async def _act(request: Request, visitor: Visitor, form: Form) -> Response:
    context, invoice_id = context_of(request), path_uuid(request, "invoiceUuid")
    wanted = ACTIONS.get(request.path_params["action"])
    if wanted is None:
        raise NotFound
    found = await find_invoice(context.recording, visitor.caller, invoice_id)
    given = _body(wanted, form, found.view)
    body = validate(wanted.recorded_as.body, given)
    try:
        recorded = await api.request_invoice_action(
            with_idempotency_key(request, form),
            visitor.caller,
            invoice_id,
            wanted.recorded_as,
            body,
            given=given,
            wait_s=context.settings.wait_default_s,
        )
    except NotPossible:
        _check_limit(wanted, given, found.view)
        raise
    url = f"/dashboard/invoices/{invoice_id}?note={_note(recorded)}"
    headers = {"cache-control": "no-store"}
    return RedirectResponse(url, status_code=HTTPStatus.SEE_OTHER, headers=headers)


def _note(recorded: RecordedInvoice) -> str:
    if recorded.pending:
        return "pending"
    return "refused" if isinstance(recorded.result.event, _REFUSALS) else "done"


def _body(wanted: InvoiceAction, form: Form, view: InvoiceView) -> dict[str, Any]:
    """Write the API's body; an amount is given in major units. Raises BadRequest."""
    if not wanted.has_amount:
        return {}
    body: dict[str, Any] = {}
    text = form.get("amount", "").strip()
    if text and view.currency is not None:
        step_minor = money.step_minor(cast("Provider", view.provider), view.currency)
        body["amountMinor"] = _amount_minor(text, view.currency, step_minor=step_minor)
    if form.get("reason"):
        body["reason"] = form["reason"]
    return body


def _amount_minor(text: str, currency: str, *, step_minor: int) -> int:
    """Read an amount: plain, or with commas exactly as the pages write it. Raises BadRequest.

    Elsewhere a comma precedes the decimals: who writes 5,00 means 5.00, and not 500. A point
    groups thousands there: 1.000 has decimals that the euro lacks, and means 1000, not 1.
    """
    decimals = len(text.partition(".")[2])
    if not money.is_known(currency):
        message = f"amount: can't be read in {currency.upper()}; leave it empty for all of it"
        raise BadRequest(FieldError(message=message, path="amount"))
    try:
        minor = money.from_major(text.replace(",", ""), currency)
        is_clear = "," not in text or formats.amount(minor, currency).startswith(f"{text} ")
        is_clear = is_clear and decimals <= money.exponent(currency)
    except InvalidAmount:
        minor, is_clear = 0, False
    example = money.to_major(1250 - 1250 % step_minor, currency)
    message = f"amount: must be an amount in {currency.upper()}, like {example}"
    if is_clear and minor > money.MAX_AMOUNT_MINOR:
        message = f"amount: at most {formats.amount(money.MAX_AMOUNT_MINOR, currency)} at once"
    elif is_clear and minor > 0:
        return minor
    raise BadRequest(FieldError(message=message, path="amount"))


def _check_limit(wanted: InvoiceAction, given: Mapping[str, Any], view: InvoiceView) -> None:
    """Raise BadRequest where more was asked for than is left, in the units of the form."""
    is_capture = wanted.path == "capture"
    limit_minor = view.amount_capturable_minor if is_capture else refundable_minor(view)
    if "amountMinor" in given and given["amountMinor"] > limit_minor:
        done = ACTION_PARTICIPLES[wanted.path]
        message = f"amount: at most {formats.amount(limit_minor, view.currency)} can be {done}"
        raise BadRequest(FieldError(message=message, path="amount"))


act_on_invoice = action(_act)
