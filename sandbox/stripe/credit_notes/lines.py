"""Lines of a credit note and their taxes.

Lines carry the taxes of the credited amounts. A credit note given by amount has one line with the
invoice's taxes in proportion; rounding never makes several notes exceed the invoice's tax.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandbox.common.store import Json
from sandbox.stripe.catalogue import tax
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.money import plain, whole
from sandbox.stripe.core.params import Dec, Int, Metadata, NestedParams, Text, Texts, none_if_empty
from sandbox.stripe.core.updates import merged_metadata


class CreditLine(NestedParams):
    """A credit note line: a part of an invoice line by amount or quantity, or a custom line."""

    amount: Int | None = None
    description: Text | None = None
    invoice_line_item: Text | None = None
    metadata: Metadata | None = None
    quantity: Int | None = None
    tax_rates: Annotated[Texts | None, BeforeValidator(none_if_empty)] = None
    type: Literal["custom_line_item", "invoice_line_item"]
    unit_amount: Int | None = None
    unit_amount_decimal: Dec | None = None


def of_request(call: Call, invoice: Json, requested: Sequence[CreditLine]) -> list[Json]:
    """Returns the lines of a request, not yet stored."""
    return [
        _of_invoice_line(call, invoice, line, where=f"lines[{index}]")
        if line.type == "invoice_line_item"
        else _custom(call, invoice, line, where=f"lines[{index}]")
        for index, line in enumerate(requested)
    ]


def of_amount(call: Call, invoice: Json, amount: int, *, earlier: Sequence[Json]) -> list[Json]:
    """Returns the only line of a credit note given by amount; ``earlier`` notes are considered."""
    taxes = [_share(invoice, item, amount, earlier) for item in invoice["total_taxes"]]
    rates = [call.load("tax_rate", _rate(item)) for item in taxes]
    net = amount - tax.exclusive_part(taxes)
    line = new_line(call, net, kind="custom_line_item", rates=rates)
    line |= {"description": "Credit", "quantity": 1, "taxes": taxes}
    return [line | {"unit_amount": net, "unit_amount_decimal": str(net)}]


def _share(invoice: Json, item: Json, amount: int, earlier: Sequence[Json]) -> Json:
    credited = amount + sum(note["amount"] for note in earlier)
    known = [
        old
        for note in earlier
        for old in note["total_taxes"]
        if (_rate(old), old["taxability_reason"]) == (_rate(item), item["taxability_reason"])
    ]

    def part(name: str) -> int:
        due = whole(Decimal(item[name] * credited) / invoice["total"])
        return due - sum(int(old[name]) for old in known)

    return item | {"amount": part("amount"), "taxable_amount": part("taxable_amount")}


def _rate(item: Json) -> str:
    return str(item["tax_rate_details"]["tax_rate"])


def new_line(call: Call, amount: int, *, kind: str, rates: Sequence[Json]) -> Json:
    """Returns a line of an amount, without its taxes."""
    return {
        "id": ids.fresh("cnli_"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": call.account.livemode,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": None,
        "tax_rates": list(rates),
        "taxes": [],
        "type": kind,
        "unit_amount": None,
        "unit_amount_decimal": None,
    }


def _of_invoice_line(call: Call, invoice: Json, requested: CreditLine, *, where: str) -> Json:
    line = call.find("line_item", requested.invoice_line_item)
    if line is None or line["invoice"] != invoice["id"]:
        raise InvalidRequest(
            f"No such invoice line item: '{requested.invoice_line_item}' on invoice"
            f" {invoice['id']}.",
            code="resource_missing",
            param=f"{where}[invoice_line_item]",
        )
    amount = _part_of(line, requested, where=where)
    credited = _credited(call, invoice, line)
    if not 0 < amount <= line["amount"] - credited:
        raise InvalidRequest(
            f"The line {line['id']} has {line['amount'] - credited} left to credit, not {amount}.",
            param=f"{where}[{'amount' if requested.amount is not None else 'quantity'}]",
        )
    rates = line["_tax_rates"] or invoice["default_tax_rates"]
    made = new_line(call, amount, kind="invoice_line_item", rates=rates)
    made |= {"description": requested.description or line["description"]}
    made |= {"invoice_line_item": line["id"], "quantity": requested.quantity}
    return _taxed(made, invoice, requested, rates)


def _part_of(line: Json, requested: CreditLine, *, where: str) -> int:
    if (requested.amount is None) == (requested.quantity is None):
        raise BadParameters(
            "You must specify exactly one of `amount` and `quantity` for a credit note line of"
            " type `invoice_line_item`.",
            param=where,
        )
    if requested.amount is not None:
        return requested.amount
    return whole(Decimal(line["amount"]) / (line["quantity"] or 1) * (requested.quantity or 0))


def _credited(call: Call, invoice: Json, line: Json) -> int:
    notes = call.all("credit_note", owner=invoice["id"])
    return sum(
        int(item["amount"])
        for note in notes
        if note["status"] == "issued"
        for item in call.all("credit_note_line_item", owner=note["id"])
        if item.get("invoice_line_item") == line["id"]
    )


def _custom(call: Call, invoice: Json, requested: CreditLine, *, where: str) -> Json:
    unit = requested.unit_amount_decimal
    if unit is None and requested.unit_amount is not None:
        unit = Decimal(requested.unit_amount)
    if unit is None or requested.description is None or requested.amount is not None:
        raise BadParameters(
            "A credit note line of type `custom_line_item` has a `description` and a `unit_amount`"
            " or `unit_amount_decimal`, and no `amount`.",
            param=where,
        )
    quantity = 1 if requested.quantity is None else requested.quantity
    rates = chosen(call, requested.tax_rates or [], param=f"{where}[tax_rates]")
    made = new_line(call, whole(unit * quantity), kind="custom_line_item", rates=rates)
    made |= {"description": requested.description, "quantity": quantity}
    made |= {"unit_amount": requested.unit_amount, "unit_amount_decimal": plain(unit)}
    return _taxed(made, invoice, requested, rates)


def _taxed(line: Json, invoice: Json, requested: CreditLine, rates: Sequence[Json]) -> Json:
    exempt = invoice["customer_tax_exempt"]
    line["taxes"] = tax.of_line(line["amount"], rates, exempt=exempt)
    line["metadata"] = merged_metadata({}, requested.metadata)
    return line
