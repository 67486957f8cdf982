"""Ledger of money moved in an account, used by tests to verify the product's figures."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from sandbox.common.store import Json, Store
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.money import minor

Movement = Literal["payment", "refund", "chargeback", "chargeback_reversed"]
COMES_IN = frozenset({"payment", "chargeback_reversed"})


def write(call: Call, movement: Movement, payment: Json, *, amount: Json, entity: str) -> None:
    """Records one movement. Amounts are positive: the movement determines the direction."""
    if not minor(amount):
        return
    call.store.execute(
        "INSERT INTO mollie_ledger (account, kind, at, customer, payment, subscription, entity,"
        " amount, currency, method) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        call.account.id,
        movement,
        call.now,
        payment.get("customerId"),
        payment["id"],
        payment.get("subscriptionId"),
        entity,
        minor(amount),
        amount["currency"].lower(),
        payment["method"],
    )


def read(store: Store, account: str) -> Json:
    """Returns the entries in order, and their net sums in minor units."""
    entries: list[Json] = [
        {key: row[key] for key in row.keys() if key not in {"position", "account"}}  # noqa: SIM118 - a Row iterates over its values
        for row in store.rows(
            "SELECT * FROM mollie_ledger WHERE account=? ORDER BY position", account
        )
    ]
    totals: dict[str, int] = defaultdict(int)
    sums: dict[str, dict[str, dict[str, int]]] = {
        name: defaultdict(lambda: defaultdict(int))
        for name in ("customer", "payment", "subscription")
    }
    for entry in entries:
        signed = entry["amount"] if entry["kind"] in COMES_IN else -entry["amount"]
        totals[entry["currency"]] += signed
        for name, found in sums.items():
            if entry[name]:
                found[entry[name]][entry["currency"]] += signed
    return {"entries": entries, "totals": totals} | {f"by_{name}": sums[name] for name in sums}
