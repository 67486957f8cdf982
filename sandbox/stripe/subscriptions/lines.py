"""Invoice lines of subscriptions: one per item and period, and prorations.

A proration is a pending invoice item for the subscription's next invoice. The credit is a share of
the period's billed amount, by seconds; credit and charge are rounded separately.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sandbox.common.store import Json
from sandbox.stripe.catalogue import discounts
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.money import plain, shown, whole
from sandbox.stripe.core.price_amounts import cost_of
from sandbox.stripe.invoices.line_parents import of_period
from sandbox.stripe.subscription_state.changes import items_of

TIMES = "\N{MULTIPLICATION SIGN}"


def units_of(item: Json) -> int:
    """Returns an item's quantity, or the unbilled usage of a metered one."""
    return int(item["_usage"] if item["quantity"] is None else item["quantity"])


def price_of_period(call: Call, item: Json) -> int:
    """Returns the cost of an item for a full period, before discounts and exclusive tax."""
    price = call.load("price", item["price"]["id"])
    return whole(cost_of(price, Decimal(units_of(item)), currency=item["_currency"]))


def period_line(call: Call, invoice: Json, item: Json, *, trial: bool) -> Json:
    """Adds a line for an item's current period; its discounts for one invoice end with it."""
    amount = 0 if trial else price_of_period(call, item)
    name = call.load("product", item["price"]["product"])["name"]
    line = {
        "id": ids.fresh("il_"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": f"Trial period for {name}" if trial else _described(item, name),
        "discount_amounts": [],
        "discountable": True,
        "discounts": discounts.active(call, item["discounts"]),
        "invoice": invoice["id"],
        "livemode": call.account.livemode,
        "metadata": item["metadata"],
        "parent": of_period(item),
        "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
        "pretax_credit_amounts": [],
        "pricing": _pricing(item),
        "quantity": units_of(item),
        "quantity_decimal": plain(Decimal(units_of(item))),
        "subscription": item["subscription"],
        "subtotal": amount,
        "taxes": [],
        "_item": None,
        "_tax_rates": item["tax_rates"],
    }
    item["discounts"] = discounts.outlasting_invoice(call, line["discounts"])
    item["_usage"] = 0
    item["_billed_by"] = {"invoice": invoice["id"], "invoice_line_items": [line["id"]]}
    call.put(item)
    return call.put(line)


def record_billed(call: Call, item: Json, line: Json) -> None:
    """Records the amount that a line with its discounts billed for an item's period."""
    metered = item["quantity"] is None
    off = discounts.total_off(line["discount_amounts"])
    item["_billed"] = 0 if metered else line["amount"] - off
    call.put(item)


def net_prices(call: Call, subscription: Json) -> dict[str, int]:
    """Returns the cost of each item for a full period, after discounts, by the item's id."""
    items = items_of(call, subscription)
    lines = [
        discounts.DiscountedLine(
            price_of_period(call, item), discounts.active(call, item["discounts"])
        )
        for item in items
    ]
    shared = discounts.active(call, subscription["discounts"])
    amounts_off = discounts.amounts_off(call, lines, shared)
    return {
        item["id"]: line.amount - discounts.total_off(off)
        for item, line, off in zip(items, lines, amounts_off, strict=True)
    }


def _described(item: Json, name: str) -> str:
    price = item["price"]
    recurring = price["recurring"]
    count, interval = recurring["interval_count"], recurring["interval"]
    each = f"/ {interval}" if count == 1 else f"every {count} {interval}s"
    if price["unit_amount_decimal"] is None:
        return f"{units_of(item)} {TIMES} {name} (in tiers {each})"
    unit = shown(whole(Decimal(price["unit_amount_decimal"])), price["currency"])
    return f"{units_of(item)} {TIMES} {name} (at {unit} {each})"


def _pricing(item: Json) -> Json:
    price = item["price"]
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def credit_unused(call: Call, customer: str, item: Json, *, at: int) -> None:
    """Credits the billed amount for the rest of an item's period."""
    amount = -_share(item["_billed"], item, at)
    if amount:
        _proration(call, customer, item, amount=amount, at=at, label="Unused time on")


def charge_rest(call: Call, customer: str, item: Json, *, at: int, net_price: int) -> None:
    """Charges the rest of an item's period at its net price, and records that as billed."""
    full = 0 if item["quantity"] is None else net_price
    item["_billed"], item["_billed_by"] = full, None
    call.put(item)
    amount = _share(full, item, at)
    if amount:
        _proration(call, customer, item, amount=amount, at=at, label="Remaining time on")


def _share(amount: int, item: Json, at: int) -> int:
    start, end = item["current_period_start"], item["current_period_end"]
    left = min(max(end - at, 0), end - start)
    return whole(Decimal(amount) * left / (end - start))


def _proration(call: Call, customer: str, item: Json, *, amount: int, at: int, label: str) -> None:
    name = call.load("product", item["price"]["product"])["name"]
    many = f"{units_of(item)} {TIMES} " if units_of(item) != 1 else ""
    day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
    credited = item["_billed_by"] if amount < 0 else None
    invoice_item = {
        "id": ids.fresh("ii_"),
        "object": "invoiceitem",
        "amount": amount,
        "currency": item["_currency"],
        "customer": customer,
        "customer_account": None,
        "date": call.now,
        "description": f"{label} {many}{name} after {day}",
        "discountable": False,
        "discounts": [],
        "invoice": None,
        "livemode": call.account.livemode,
        "metadata": item["metadata"],
        "net_amount": amount,
        "parent": {
            "subscription_details": {
                "subscription": item["subscription"],
                "subscription_item": item["id"],
            },
            "type": "subscription_details",
        },
        "period": {"start": at, "end": item["current_period_end"]},
        "pricing": _pricing(item),
        "proration": True,
        "proration_details": {"credited_items": _credited(credited), "discount_amounts": []},
        "quantity": units_of(item),
        "quantity_decimal": plain(Decimal(units_of(item))),
        "tax_rates": item["tax_rates"],
        "test_clock": None,
        "_credited": credited,
    }
    call.create(invoice_item, "invoiceitem.created")


def _credited(billed_by: Json | None) -> Json | None:
    if billed_by is None:
        return None
    return {
        "invoice_item": None,
        "invoice_line_item_details": billed_by,
        "type": "invoice_line_items",
    }
