"""Calls of seeds 000 and 001, which differ in their paths and in where the payment stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.contract.field_table import printed_in
from tests.contract.response_matching import Json
from tests.support.stripe_account import Account
from tests.support.system import Caller


@dataclass
class Charging:
    """A tenant of its own, and the request that its dialect's document prints."""

    caller: Caller
    account: Account
    dialect: str
    path: str
    tenant_id: str
    customer: str

    @classmethod
    def made(
        cls,
        caller: Caller,
        account: Account,
        *,
        dialect: str,
        prefix: str,
        card: str | None,
    ) -> Charging:
        customer = account.add_customer(card)
        tenant_id = caller.add_tenant(customer)
        path = f"{prefix}/tenants/{tenant_id}/stripe-invoices"
        return cls(caller, account, dialect, path, tenant_id, customer)

    def body(self, **more: Any) -> Json:
        """Every field that the document prints, filled; None leaves one out."""
        known = {
            "price": self.account.price,
            "taxRate": self.account.tax_rate,
            "mode": "payment",
            "quantity": 2,
            "tenantId": self.tenant_id,
            "userId": "user-7",
            "test": True,
            "footer": "Thank you",
        }
        assert set(known) == set(printed_in(f"{self.dialect}_payload.json"))
        return {name: value for name, value in (known | more).items() if value is not None}

    def headers(self, **more: str) -> dict[str, str]:
        """The headers as the document writes them."""
        known = {
            "X-API-KEY": self.caller.demo["write_key"],
            "X-API-KEY-TYPE": "write",
            "X-CLIENT-ID": self.caller.demo["app_id"],
        }
        return known | more

    def post(self, *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """Send the request."""
        return self.caller.http.post(
            self.path, json=self.body(**more), headers=headers or self.headers()
        )

    def token(self, user_id: str | None = "user-7") -> str:
        """Have an access token made for a user of the tenant."""
        answer = self.caller.http.post(
            f"{self.caller.app_path}/tenants/{self.tenant_id}/access-tokens",
            json={"userId": user_id},
            headers=self.caller.headers("write"),
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["items"][0]["token"])

    def invoices(self) -> list[Any]:
        """Return the customer's invoices at Stripe."""
        return self.account.v1.invoices.list({"customer": self.customer}).data

    def charged(self) -> int:
        """Return the amount charged to the customer, by the sandbox's ledger."""
        return sum(
            entry["amount"]
            for entry in self.account.admin.ledger()["entries"]
            if entry["kind"] == "charge" and entry["customer"] == self.customer
        )
