"""Credit notes, which reduce a finalised invoice and refund or credit the customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sandbox.common.store import Json, equal
from sandbox.stripe.catalogue import tax
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Clearable,
    CreatedPage,
    Int,
    Metadata,
    NoParams,
    Page,
    Params,
    Text,
)
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.credit_notes import effects, lines
from sandbox.stripe.credit_notes.effects import LinkedRefund
from sandbox.stripe.credit_notes.lines import CreditLine
from sandbox.stripe.invoices.lifecycle import refuse_while_processing


class CreateCreditNote(Params):
    """POST /v1/credit_notes."""

    unsupported = frozenset(
        {"lines[][tax_amounts]", "refunds[][payment_record_refund]", "shipping_cost"}
    )
    amount: Int | None = None
    credit_amount: Int | None = None
    effective_at: Int | None = None
    email_type: Literal["credit_note", "none"] | None = None
    invoice: Text
    lines: list[CreditLine] | None = None
    memo: Clearable | None = None
    metadata: Metadata | None = None
    out_of_band_amount: Int | None = None
    reason: Literal["duplicate", "fraudulent", "order_change", "product_unsatisfactory"] | None = (
        None
    )
    refund_amount: Int | None = None
    refunds: list[LinkedRefund] | None = None


class UpdateCreditNote(Params):
    """POST /v1/credit_notes/{id}."""

    memo: Clearable | None = None
    metadata: Metadata | None = None


class ListCreditNotes(CreatedPage):
    """GET /v1/credit_notes."""

    unsupported = frozenset({"customer_account"})
    customer: Text | None = None
    invoice: Text | None = None


def create(call: Call, params: CreateCreditNote) -> Json:
    """Issues a credit note: reduces the open amount first, then refunds or credits."""
    invoice = call.load("invoice", params.invoice, param="invoice")
    if invoice["status"] not in {"open", "paid", "uncollectible"}:
        raise InvalidRequest(
            f"You can only create credit notes for open, paid or uncollectible invoices; this one"
            f" is {invoice['status']}.",
            param="invoice",
        )
    refuse_while_processing(call, invoice)
    notes = call.all("credit_note", owner=invoice["id"])
    lines = _lines(call, invoice, params, [note for note in notes if note["status"] == "issued"])
    note = _new_note(call, invoice, params, lines) | {
        "number": f"{invoice['number']}-CN-{len(notes) + 1:02d}"
    }
    _check_size(invoice, note)
    _apply_to_invoice(call, invoice, note, params)
    for line in lines:
        call.put(line | {"_credit_note": note["id"]})
    call.create(note, "credit_note.created")
    effects.reduce_invoice(call, invoice, note)
    return view(call, note)


def _lines(
    call: Call, invoice: Json, params: CreateCreditNote, earlier: Sequence[Json]
) -> list[Json]:
    if params.lines:
        return lines.of_request(call, invoice, params.lines)
    if params.amount is None:
        raise BadParameters(
            "You must pass one of `amount`, `lines` or `shipping_cost`.", code="parameter_missing"
        )
    if params.amount < 1:
        raise BadParameters(
            "Invalid positive integer", code="parameter_invalid_integer", param="amount"
        )
    if params.amount > _left(invoice):
        raise _too_much(params.amount, invoice)
    return lines.of_amount(call, invoice, params.amount, earlier=earlier)


def _left(invoice: Json) -> int:
    credited = ("pre_payment_credit_notes_amount", "post_payment_credit_notes_amount")
    return int(invoice["total"] - sum(invoice[name] for name in credited))


def _too_much(amount: int, invoice: Json) -> InvalidRequest:
    return InvalidRequest(
        f"The credit note's amount ({amount}) is greater than what is left to credit on the"
        f" invoice ({_left(invoice)}).",
        param="amount",
    )


def _new_note(call: Call, invoice: Json, params: CreateCreditNote, lines: Sequence[Json]) -> Json:
    taxes = tax.total(lines)
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal + tax.exclusive_part(taxes)
    owed = invoice["amount_remaining"] if invoice["status"] != "paid" else 0
    before = min(total, owed)
    return {
        "id": ids.fresh("cn_"),
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": call.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": params.effective_at or call.now,
        "invoice": invoice["id"],
        "livemode": call.account.livemode,
        "memo": params.memo or None,
        "metadata": merged_metadata({}, params.metadata),
        "out_of_band_amount": params.out_of_band_amount,
        "post_payment_amount": total - before,
        "pre_payment_amount": before,
        "pretax_credit_amounts": [],
        "reason": params.reason,
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - tax.inclusive_part(taxes),
        "total": total,
        "total_excluding_tax": total - sum(item["amount"] for item in taxes),
        "total_taxes": taxes,
        "type": _type(before, total - before),
        "voided_at": None,
        "_token": invoice["_token"],
    }


def _type(before: int, after: int) -> str:
    if before and after:
        return "mixed"
    return "pre_payment" if before else "post_payment"


def _check_size(invoice: Json, note: Json) -> None:
    if not 0 < note["amount"] <= _left(invoice):
        raise _too_much(note["amount"], invoice)


def _apply_to_invoice(call: Call, invoice: Json, note: Json, params: CreateCreditNote) -> None:
    """Distributes the paid part to refunds and credit as requested; the sum must match exactly."""
    if params.amount is not None and params.amount != note["amount"]:
        raise InvalidRequest(
            f"The amount ({params.amount}) is not the sum of the lines ({note['amount']}).",
            param="amount",
        )
    links = effects.linked_refunds(call, invoice, params.refunds or [])
    parts = [params.refund_amount, params.credit_amount, params.out_of_band_amount]
    if any(part is not None and part < 0 for part in parts):
        raise BadParameters("Invalid non-negative integer", code="parameter_invalid_integer")
    given = sum(part or 0 for part in parts) + sum(item["amount_refunded"] for item in links)
    if given != note["post_payment_amount"]:
        raise InvalidRequest(
            "The sum of refunds, credit_amount and out_of_band_amount"
            f" ({given}) must equal the part of the credit note that was already paid"
            f" ({note['post_payment_amount']})."
        )
    if params.refund_amount:
        links.append(effects.refund_part(call, invoice, params.refund_amount))
    note["refunds"] = links
    if params.credit_amount:
        entry = effects.credit_customer(call, note, params.credit_amount)
        note["customer_balance_transaction"] = entry["id"]


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a credit note."""
    return view(call, call.load("credit_note", call.path["id"]))


def update(call: Call, params: UpdateCreditNote) -> Json:
    """Updates a credit note's memo and metadata."""
    note = call.load("credit_note", call.path["id"])
    given = given_fields(params, note, clear=("memo",))
    return view(call, call.change(note, given, "credit_note.updated"))


def void(call: Call, _: NoParams) -> Json:
    """Voids a credit note of an open invoice and restores the invoice's open amount."""
    note = call.load("credit_note", call.path["id"])
    invoice = call.load("invoice", note["invoice"])
    if note["status"] != "issued" or invoice["status"] != "open":
        raise InvalidRequest(
            f"You can only void an issued credit note of an open invoice. This one is"
            f" {note['status']}, and its invoice is {invoice['status']}."
        )
    refuse_while_processing(call, invoice)
    call.change(note, {"status": "void", "voided_at": call.now})
    call.emit("credit_note.voided", note)
    effects.restore_invoice(call, invoice, note)
    return view(call, note)


def listing(call: Call, params: ListCreditNotes) -> Json:
    """Returns a page of credit notes, of one invoice or customer if it is named."""
    filters = equal(customer=params.customer)
    url = "/v1/credit_notes"
    return page(call, "credit_note", params, url=url, owner=params.invoice, filters=filters)


def list_lines(call: Call, params: Page) -> Json:
    """Returns a page of a note's lines, in their order."""
    note = call.load("credit_note", call.path["credit_note"])
    url = f"/v1/credit_notes/{note['id']}/lines"
    kind = "credit_note_line_item"
    return page(call, kind, params, url=url, owner=note["id"], newest_first=False)


_ALL = "/v1/credit_notes"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, "credit_note", CreateCreditNote, create),
    operation("GET", _ALL, "list:credit_note", ListCreditNotes, listing),
    operation("GET", f"{_ALL}/{{id}}", "credit_note", NoParams, retrieve),
    operation("POST", f"{_ALL}/{{id}}", "credit_note", UpdateCreditNote, update),
    operation("POST", f"{_ALL}/{{id}}/void", "credit_note", NoParams, void),
    operation(
        "GET", f"{_ALL}/{{credit_note}}/lines", "list:credit_note_line_item", Page, list_lines
    ),
]
