"""Automatic advancement of invoices: finalisation, first charge and retries."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.collection.pay import attempt, select_method
from sandbox.stripe.collection.results import count_failed_attempt
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest, StripeError
from sandbox.stripe.core.invoice_agenda import ADVANCE
from sandbox.stripe.invoices.lifecycle import finalize_invoice


def advance(call: Call, due: Due) -> None:
    """Advances an invoice: a draft is finalised and charged, an open invoice charged.

    An empty draft is paid on finalisation. A ``send_invoice`` draft is finalised and sent.
    """
    invoice = call.find("invoice", due.object_id)
    if invoice is None:
        return
    if invoice["status"] == "draft" and not _finalised(call, invoice):
        return
    if invoice["status"] == "open":
        if invoice["collection_method"] == "send_invoice":
            call.emit("invoice.sent", invoice)
        else:
            collect(call, invoice)


def collect(call: Call, invoice: Json) -> None:
    """Charges an open invoice off session. Raises Declined if the bank refuses.

    Without a payment method the attempt counts as failed.
    """
    method = select_method(call, invoice, None)
    if method is None:
        count_failed_attempt(call, invoice)
        call.emit("invoice.payment_failed", invoice)
        return
    attempt(call, invoice, method, off_session=True)


def _finalised(call: Call, invoice: Json) -> bool:
    try:
        finalize_invoice(call, invoice)
    except InvalidRequest as fault:
        invoice = call.load("invoice", invoice["id"])
        changes: Json = {"automatically_finalizes_at": None, "next_payment_attempt": None}
        call.change(invoice, changes | {"last_finalization_error": _error_body(fault)})
        call.emit("invoice.finalization_failed", invoice)
        return False
    return True


def _error_body(fault: StripeError) -> Json:
    error: Json = fault.body(request_id="", livemode=False)["error"]
    del error["request_log_url"]
    return error


ACTIONS: Actions = {ADVANCE: advance}
