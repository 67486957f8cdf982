"""Status changes of invoices: finalise, mark paid, void, mark uncollectible, send."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.invoice_agenda import first_attempt_at
from sandbox.stripe.core.money import check_charge
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Bool, NoParams, Params
from sandbox.stripe.core.views import view
from sandbox.stripe.customers import balance_book
from sandbox.stripe.invoices.amounts import apply_balance, recompute
from sandbox.stripe.invoices.invoice_object import snapshot
from sandbox.stripe.invoices.invoices import DAY_S
from sandbox.stripe.payments.invoice_payments import new_payment, of_invoice
from sandbox.stripe.payments.payment_intents import new_intent
from sandbox.stripe.subscription_state import status as subscription_status


class Finalize(Params):
    """POST /v1/invoices/{invoice}/finalize."""

    auto_advance: Bool | None = None


def finalize(call: Call, params: Finalize) -> Json:
    """Finalises a draft; it is paid at once if its amount due is zero.

    ``auto_advance`` defaults to the invoice's own. An advancing invoice that is charged
    automatically is charged an hour later.
    """
    invoice = call.load("invoice", call.path["invoice"])
    if invoice["status"] != "draft":
        raise InvalidRequest(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        )
    finalize_invoice(call, invoice, auto_advance=params.auto_advance)
    return view(call, invoice)


def finalize_invoice(call: Call, invoice: Json, *, auto_advance: bool | None = None) -> Json:
    """Finalises a draft: sets its number, page and payment intent, and emits events."""
    customer = call.load("customer", invoice["customer"])
    if customer.get("deleted"):
        raise InvalidRequest("The customer of this invoice was deleted.")
    invoice.update(snapshot(customer))
    invoice.update(recompute(call, invoice))
    ending = apply_balance(invoice["total"], invoice["starting_balance"], invoice["currency"])
    sequence = customer["next_invoice_sequence"]
    invoice |= {
        "automatically_finalizes_at": None,
        "effective_at": invoice["effective_at"] or call.now,
        "ending_balance": ending.ending_balance,
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "rendering": invoice["rendering"] | {"pdf": {"page_size": "letter"}},
        "status": "open",
        "status_transitions": invoice["status_transitions"] | {"finalized_at": call.now},
        "_token": _page(call, invoice),
    }
    if auto_advance is not None:
        invoice["auto_advance"] = auto_advance
    invoice["next_payment_attempt"] = first_attempt_at(call, invoice)
    if invoice["_days_until_due"] is not None:
        invoice["due_date"] = call.now + invoice["_days_until_due"] * DAY_S
    if invoice["amount_due"]:
        check_charge(invoice["amount_due"], invoice["currency"])
    intent = _intent(call, invoice) if invoice["amount_due"] else None
    invoice["_payment_intent"] = intent["id"] if intent else None
    call.create(invoice, "invoice.finalized")
    _apply_customer_balance(call, invoice, customer)
    if invoice["from_invoice"] is not None:
        _replace_original(call, invoice)
    if intent is None:
        mark_paid(call, invoice)
    return invoice


def _replace_original(call: Call, revision: Json) -> None:
    """Voids the invoice that a finalised revision replaces."""
    subscription = subscription_status.of_invoice(call, revision)
    original = call.load("invoice", revision["from_invoice"]["invoice"])
    if subscription is not None and subscription["latest_invoice"] == original["id"]:
        call.change(subscription, {"latest_invoice": revision["id"]})
    if original["status"] in {"open", "uncollectible"}:
        void_invoice(call, original)


def _page(call: Call, invoice: Json) -> str:
    token = ids.random_text(32)
    call.store.execute(
        "INSERT INTO hosted_pages (token, account, invoice) VALUES (?, ?, ?)",
        token,
        call.account.id,
        invoice["id"],
    )
    return token


def _intent(call: Call, invoice: Json) -> Json:
    intent = call.create(new_intent(call, invoice), "payment_intent.created")
    call.put(new_payment(call, invoice, intent))
    return intent


def _apply_customer_balance(call: Call, invoice: Json, customer: Json) -> None:
    changes: Json = {"next_invoice_sequence": customer["next_invoice_sequence"] + 1}
    if customer["currency"] in (None, invoice["currency"]):
        changes |= {"balance": invoice["ending_balance"], "currency": invoice["currency"]}
        balance_book.record_finalization(call, invoice, customer)
    call.change(customer, changes, "customer.updated")


def mark_paid(call: Call, invoice: Json, *, out_of_band: bool = False) -> None:
    """Marks an invoice as paid and emits events."""
    changes: Json = {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
        "status_details": None,
        "status_transitions": invoice["status_transitions"] | {"paid_at": call.now},
    }
    call.change(invoice, changes, "invoice.updated")
    call.emit("invoice.paid", invoice)
    if not out_of_band:
        call.emit("invoice.payment_succeeded", invoice)
    subscription_status.invoice_paid(call, invoice)


def void(call: Call, _: NoParams) -> Json:
    """Voids an open or uncollectible invoice, for good."""
    return view(call, void_invoice(call, call.load("invoice", call.path["invoice"])))


def void_invoice(call: Call, invoice: Json) -> Json:
    """Voids an invoice and reverts its change of the customer's balance."""
    if invoice["status"] not in {"open", "uncollectible"}:
        raise InvalidRequest(
            "You can only pass in open invoices. This invoice isn't open:"
            f" its status is {invoice['status']}."
        )
    refuse_while_processing(call, invoice)
    cancel_intent(call, invoice, reason="void_invoice")
    transitions = invoice["status_transitions"] | {"voided_at": call.now}
    changes: Json = {"status": "void", "status_transitions": transitions, "auto_advance": False}
    changes |= {"next_payment_attempt": None, "status_details": None}
    balance_book.revert_finalization(call, invoice)
    call.change(invoice, changes, "invoice.updated")
    call.emit("invoice.voided", invoice)
    subscription_status.invoice_closed(call, invoice)
    return invoice


def refuse_while_processing(call: Call, invoice: Json) -> None:
    """Raises InvalidRequest while the invoice's payment is processing."""
    intent = call.find("payment_intent", invoice["_payment_intent"])
    if intent is not None and intent["status"] == "processing":
        raise InvalidRequest(
            f"This invoice has a payment in progress ({intent['id']}). Wait until it has succeeded"
            " or failed."
        )


def cancel_intent(call: Call, invoice: Json, *, reason: str | None) -> None:
    """Cancels the payment intent of an invoice."""
    intent = call.find("payment_intent", invoice["_payment_intent"])
    if intent is None or intent["status"] in {"succeeded", "canceled"}:
        return
    canceled = {"status": "canceled", "canceled_at": call.now, "cancellation_reason": reason}
    call.change(intent, canceled | {"next_action": None})
    call.emit("payment_intent.canceled", intent)
    payment = of_invoice(call, invoice)
    if payment:
        transitions = payment["status_transitions"] | {"canceled_at": call.now}
        call.change(payment, {"status": "canceled", "status_transitions": transitions})


def resize_intent(call: Call, invoice: Json) -> None:
    """Sets the amount of an invoice's payment intent to what remains to be paid."""
    intent = call.find("payment_intent", invoice["_payment_intent"])
    payment = of_invoice(call, invoice)
    if intent is not None and payment is not None and payment["status"] == "open":
        call.change(intent, {"amount": invoice["amount_remaining"]})
        call.change(payment, {"amount_requested": invoice["amount_remaining"]})


def mark_uncollectible(call: Call, _: NoParams) -> Json:
    """Marks an open invoice as uncollectible; it can still be paid or voided."""
    return view(call, mark_invoice_uncollectible(call, call.load("invoice", call.path["invoice"])))


def mark_invoice_uncollectible(call: Call, invoice: Json) -> Json:
    """Marks an open invoice as uncollectible; it can still be paid or voided."""
    if invoice["status"] != "open":
        raise InvalidRequest(
            f"You can only mark open invoices as uncollectible, not {invoice['status']} ones."
        )
    transitions = invoice["status_transitions"] | {"marked_uncollectible_at": call.now}
    changes: Json = {
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "uncollectible",
        "status_details": {"uncollectible": {"reason": "user_forgiven"}},
        "status_transitions": transitions,
    }
    call.change(invoice, changes, "invoice.updated")
    call.emit("invoice.marked_uncollectible", invoice)
    subscription_status.invoice_closed(call, invoice)
    return invoice


def send(call: Call, _: NoParams) -> Json:
    """Sends an invoice: finalises a draft and emits ``invoice.sent``."""
    invoice = call.load("invoice", call.path["invoice"])
    if invoice["collection_method"] != "send_invoice":
        raise InvalidRequest(
            "You can only manually send an invoice if its collection method is 'send_invoice'."
        )
    if invoice["status"] == "draft":
        finalize_invoice(call, invoice)
    if invoice["status"] not in {"open", "paid"}:
        raise InvalidRequest(f"This invoice can't be sent: it is {invoice['status']}.")
    call.emit("invoice.sent", invoice)
    return view(call, invoice)


_ONE = "/v1/invoices/{invoice}"

OPERATIONS: list[Operation] = [
    operation("POST", f"{_ONE}/finalize", "invoice", Finalize, finalize),
    operation("POST", f"{_ONE}/void", "invoice", NoParams, void),
    operation("POST", f"{_ONE}/mark_uncollectible", "invoice", NoParams, mark_uncollectible),
    operation("POST", f"{_ONE}/send", "invoice", NoParams, send),
]
