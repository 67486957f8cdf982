"""Objects made by hand at the providers, and sums of the API beside the sandbox's ledger."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast
from uuid import uuid4

import httpx

from tests.support.mollie_account import MollieAccount
from tests.support.stripe_account import Account
from tests.support.system import Caller, Json, eventually

MONTHLY: Json = {"interval": "month"}


def send(caller: Caller, method: str, path: str, body: Json) -> httpx.Response:
    """Send a request, and again under its key while the service is unavailable."""
    key = {"prefer": "wait=30", "idempotency-key": uuid4().hex}
    headers = caller.headers("write") | key

    def answered() -> httpx.Response | None:
        answer = caller.http.request(method, caller.app_path + path, json=body, headers=headers)
        return None if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else answer

    found = eventually(answered)
    assert found is not None
    return found


def done(answer: httpx.Response) -> Json:
    """Return the item of a 200."""
    assert answer.status_code == 200, answer.text
    return cast("Json", answer.json()["items"][0])


def refusal(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    """Return status, path and provider code of a refused request."""
    error = answer.json()["errors"][0]
    return answer.status_code, error.get("path"), error.get("providerCode")


def sums(caller: Caller, currency: str) -> tuple[int, int, int, int]:
    """Return what was collected, refunded, is outstanding and comes in monthly in a currency."""
    found = caller.get("/reports/summary", currency=currency, mode="test")["items"]
    names = ("collectedMinor", "refundedMinor", "outstandingMinor", "mrrMinor")
    return cast(
        "tuple[int, int, int, int]", tuple(sum(row[name] for row in found) for name in names)
    )


def money(owner: Account | MollieAccount, currency: str) -> tuple[int, int]:
    """Return what the sandbox's ledger says came in and went back in a currency."""
    entries = owner.admin.ledger()["entries"]
    kinds = {"charge": 0, "payment": 0, "refund": 0}
    for entry in entries:
        if entry["currency"].lower() == currency and entry["kind"] in kinds:
            kinds[entry["kind"]] += entry["amount"]
    return kinds["charge"] + kinds["payment"], kinds["refund"]


def require_sums(
    caller: Caller,
    owner: Account | MollieAccount,
    currency: str,
    *,
    outstanding: int = 0,
    monthly: int = 0,
) -> None:
    """Wait until the reports of a currency equal the ledger and the expected open amounts."""
    seen: list[tuple[int, ...]] = []

    def equal() -> bool:
        seen[:] = [sums(caller, currency), (*money(owner, currency), outstanding, monthly)]
        return seen[0] == seen[1]

    with suppress(AssertionError):
        eventually(equal)
    assert seen[0] == seen[1], f"{currency}: reports {seen[0]}, ledger {seen[1]}"


class Shop:
    """A tenant with a Stripe customer, and what is made for it in a currency."""

    def __init__(self, caller: Caller, account: Account, currency: str) -> None:
        self.caller, self.account, self.currency = caller, account, currency
        self.customer = account.add_customer()
        self.tenant = caller.add_tenant(self.customer)

    def price(self, **params: Any) -> str:
        given: Json = {"product": self.account.product, "currency": self.currency}
        return self.account.v1.prices.create(cast("Any", given | params)).id

    def bill(self, *amounts: int, pay: bool = True) -> str:
        """Make an invoice by hand; return Stripe's id."""
        v1 = self.account.v1
        made = v1.invoices.create({"customer": self.customer, "currency": self.currency})
        for index, amount in enumerate(amounts):
            line = {"customer": self.customer, "invoice": made.id, "currency": self.currency}
            more: Any = line | {"amount": amount, "description": f"Line {index}"}
            v1.invoice_items.create(more)
        v1.invoices.finalize_invoice(made.id)
        if pay:
            v1.invoices.pay(made.id)
        return made.id

    def subscribe(self, *items: Json) -> str:
        """Make a subscription by hand; return Stripe's id."""
        params: Any = {"customer": self.customer, "items": list(items)}
        return self.account.v1.subscriptions.create(params).id

    def invoice(self, at_provider: str, **wanted: Any) -> Json:
        """Wait until an invoice is shown with these fields; return it."""

        def found() -> Json | None:
            listed = self.caller.get(f"/tenants/{self.tenant}/invoices")["items"]
            mine = [item for item in listed if item["providerObjectId"] == at_provider]
            return mine[0] if mine and mine[0].items() >= wanted.items() else None

        return self.caller.invoice(cast("Json", eventually(found))["id"])

    def subscription(self, at_provider: str, **wanted: Any) -> Json:
        """Wait until a subscription is shown with these fields; return it."""

        def found() -> Json | None:
            listed = self.caller.get("/subscriptions", customer=self.customer)["items"]
            mine = [item for item in listed if item["providerSubscriptionId"] == at_provider]
            return mine[0] if mine and mine[0].items() >= wanted.items() else None

        return cast("Json", eventually(found))


def mollie_invoice(
    caller: Caller, mollie: MollieAccount, line: Json, *, method: str, outcome: str
) -> Json:
    """Request an invoice at Mollie and decide its payment; wait until that is known."""
    tenant = caller.demo["tenant_id"]
    lines = [line | {"name": "Boots"}]
    body = {"tenantUuid": tenant, "lineItems": lines, "type": "payment", "paymentMethod": method}
    path = f"/tenants/{tenant}/payment-providers/mollie/invoices"
    made = done(send(caller, "POST", path, body))
    mollie.admin.outcome(made["providerObjectId"], outcome)
    return eventually(lambda: changed(caller, made["id"]))


def changed(caller: Caller, invoice_id: str) -> Json:
    shown = caller.invoice(invoice_id)
    return shown if shown["status"] != "open" else {}
