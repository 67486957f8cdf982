"""Totals of an invoice: lines, taxes, the customer's balance and Stripe's minimum charge."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.common.store import Json
from sandbox.stripe.catalogue import discounts, tax
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.money import minimum


@dataclass(frozen=True)
class AmountDue:
    """The amount due, and the customer's resulting balance."""

    amount_due: int
    ending_balance: int


def apply_balance(total: int, balance: int, currency: str) -> AmountDue:
    """Applies a customer's balance (negative is credit) to a total.

    An amount below the minimum charge is carried on the balance, and credit beyond the total stays
    on it. Earlier debt is collected with the next invoice that is charged.
    """
    due = total + balance
    if total <= 0 or due < minimum(currency):
        return AmountDue(0, due)
    return AmountDue(due, 0)


def recompute(call: Call, invoice: Json) -> Json:
    """Returns a draft's totals; stores its lines' discounts and taxes.

    Only finalisation changes the customer's balance.
    """
    customer = call.load("customer", invoice["customer"])
    lines = call.all("line_item", owner=invoice["id"])
    priced = [
        discounts.DiscountedLine(line["amount"], line["discounts"], line["discountable"])
        for line in lines
    ]
    amounts_off = discounts.amounts_off(call, priced, invoice["discounts"])
    for line, off in zip(lines, amounts_off, strict=True):
        rates = line["_tax_rates"] or invoice["default_tax_rates"]
        net = line["amount"] - discounts.total_off(off)
        taxes = tax.of_line(net, rates, exempt=invoice["customer_tax_exempt"])
        if (taxes, off) != (line["taxes"], line["discount_amounts"]):
            line |= {"taxes": taxes, "discount_amounts": off}
            call.put(line)
    taxes = tax.total(lines)
    subtotal = sum(line["amount"] for line in lines)
    off = discounts.by_discount(lines)
    total = subtotal - discounts.total_off(off) + tax.exclusive_part(taxes)
    same_currency = customer.get("currency") in (None, invoice["currency"])
    balance = customer["balance"] if same_currency and not customer.get("deleted") else 0
    settlement = apply_balance(total, balance, invoice["currency"])
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - tax.inclusive_part(taxes),
        "total": total,
        "total_discount_amounts": off,
        "total_excluding_tax": total - sum(item["amount"] for item in taxes),
        "total_taxes": taxes,
        "starting_balance": balance,
        "amount_due": settlement.amount_due,
        "amount_remaining": settlement.amount_due,
    }
