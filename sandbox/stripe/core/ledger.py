"""Ledger of money moved in an account, used by tests to verify the product's figures."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from sandbox.common.store import Json, Store
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call

Movement = Literal["charge", "refund", "refund_reversal", "dispute", "dispute_reversal"]

# Movements into the account; the others are out of it.
CREDIT_KINDS = frozenset({"charge", "refund_reversal", "dispute_reversal"})


# A card of the European Economic Area: 1.5 % and 25 cents; only charges have a fee here.
FEE_PER_CHARGE = 25
FEE_PER_MILLE = 15

# Type and reporting category of the balance transaction of each movement.
_TYPES: dict[Movement, tuple[str, str]] = {
    "charge": ("charge", "charge"),
    "refund": ("refund", "refund"),
    "refund_reversal": ("refund_failure", "refund_failure"),
    "dispute": ("adjustment", "dispute"),
    "dispute_reversal": ("adjustment", "dispute_reversal"),
}


def write(
    call: Call,
    movement: Movement,
    charge: Json,
    *,
    amount: int,
    invoice: str | None,
    source: str | None = None,
) -> Json:
    """Records one movement and its balance transaction; returns the latter.

    ``amount`` is positive in both directions. ``source``: the object that caused the movement,
    the charge by default.
    """
    call.store.execute(
        "INSERT INTO ledger (account, kind, at, customer, invoice, payment_intent, charge, amount,"
        " currency, card) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        call.account.id,
        movement,
        call.now,
        charge["customer"],
        invoice,
        charge["payment_intent"],
        charge["id"],
        amount,
        charge["currency"],
        _instrument(charge["payment_method_details"]),
    )
    return _put_balance_transaction(call, movement, charge, amount=amount, source=source)


def _put_balance_transaction(
    call: Call, movement: Movement, charge: Json, *, amount: int, source: str | None
) -> Json:
    signed = amount if movement in CREDIT_KINDS else -amount
    fee = fee_of(amount) if movement == "charge" else 0
    kind, category = _TYPES[movement]
    fees: list[Json] = [
        {
            "amount": fee,
            "application": None,
            "currency": charge["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return call.put(
        {
            "id": ids.fresh("txn_"),
            "object": "balance_transaction",
            "amount": signed,
            "available_on": call.now,
            "balance_type": "payments",
            "created": call.now,
            "currency": charge["currency"],
            "description": f"Chargeback for {charge['id']}" if category != kind else None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": fees if fee else [],
            "net": signed - fee,
            "reporting_category": category,
            "source": source or charge["id"],
            "status": "available",
            "type": kind,
        }
    )


def fee_of(amount: int) -> int:
    """Returns the fee of a charge, half a cent rounded up."""
    return FEE_PER_CHARGE + (amount * FEE_PER_MILLE + 500) // 1000


def _instrument(details: Json) -> str:
    kind = details["type"]
    used = details[kind]
    return f"{used['brand'] if kind == 'card' else kind} {used['last4']}"


def read(store: Store, account: str) -> Json:
    """Returns the entries in order, and their net sums by currency, customer and invoice."""
    entries: list[Json] = [
        {key: row[key] for key in row.keys() if key not in {"position", "account"}}  # noqa: SIM118 - a Row iterates over its values
        for row in store.rows("SELECT * FROM ledger WHERE account=? ORDER BY position", account)
    ]
    totals: dict[str, int] = defaultdict(int)
    by_customer: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_invoice: dict[str, int] = defaultdict(int)
    for entry in entries:
        signed = entry["amount"] if entry["kind"] in CREDIT_KINDS else -entry["amount"]
        totals[entry["currency"]] += signed
        if entry["customer"]:
            by_customer[entry["customer"]][entry["currency"]] += signed
        if entry["invoice"]:
            by_invoice[entry["invoice"]] += signed
    return {
        "entries": entries,
        "totals": totals,
        "by_customer": by_customer,
        "by_invoice": by_invoice,
    }
