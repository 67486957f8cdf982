"""A caller that goes on charging while a fault lasts, and the comparison with the ledger."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.support.stripe_account import Account
from tests.support.system import Caller, System, eventually

_PAUSE_S: Final = 0.25
_TIMEOUT_S: Final = 10.0
LEADERS: Final = ("apply", "relay", "schedule", "invoices", "access", "deliveries")


@dataclass
class ChargingCaller:
    """Posts one invoice after the other; repeats a request under its key until it is accepted."""

    caller: Caller
    account: Account
    seen: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    _key: str | None = None

    def __post_init__(self) -> None:
        self.customer = self.account.add_customer()
        self.tenant_id = self.caller.add_tenant(self.customer)
        self.caller.http.timeout = httpx.Timeout(_TIMEOUT_S)

    def charge(self) -> bool:
        """Request one charge; returns whether it was paid and is readable."""
        self._key = self._key or uuid4().hex
        try:
            answer = self.caller.post_invoice(self.tenant_id, key=self._key, prefer="wait=5")
        except httpx.TransportError as error:
            self._note(
                "no answer" if isinstance(error, httpx.TimeoutException) else "no connection"
            )
            time.sleep(_PAUSE_S)
            return False
        status = answer.json()["items"][0]["status"] if answer.is_success else ""
        self._note(f"{answer.status_code} {status}".strip())
        if not answer.is_success:
            time.sleep(_PAUSE_S)
            return False
        self._key = None
        self.accepted += 1
        return status == "paid" and self._is_readable(answer)

    def _is_readable(self, write: httpx.Response) -> bool:
        position = write.headers["X-Billhook-Position"]
        path = f"{self.caller.app_path}/tenants/{self.tenant_id}/invoices"
        try:
            listed = self.caller.http.get(
                path, params={"minPosition": position}, headers=self.caller.headers("read")
            )
        except httpx.TransportError:
            self._note("GET no answer")
            return False
        if not listed.is_success:
            self._note(f"GET {listed.status_code}")
        return listed.is_success

    def _note(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1

    def finish(self) -> None:
        """Repeat the request that was not accepted yet."""
        eventually(lambda: self._key is None or self.charge())

    def ledger_matches(self) -> bool:
        """Return whether ledger and read model agree: each accepted invoice is charged once."""

        def settled() -> list[dict[str, Any]]:
            items = self._invoices()
            done = len(items) == self.accepted and all(it["status"] == "paid" for it in items)
            return items if done else []

        paid = eventually(settled)
        entries = self.account.admin.ledger()["entries"]
        charged = [
            entry["amount"]
            for entry in entries
            if entry["kind"] == "charge" and entry["customer"] == self.customer
        ]
        return sorted(charged) == sorted(item["totalMinor"] for item in paid)

    def _invoices(self) -> list[dict[str, Any]]:
        path = f"/tenants/{self.tenant_id}/invoices"
        page = self.caller.get(path, limit="100")
        items: list[dict[str, Any]] = page["items"]
        while page.get("nextCursor"):
            page = self.caller.get(path, limit="100", cursor=page["nextCursor"])
            items += page["items"]
        return items


def has_leaders(system: System) -> bool:
    """Return whether each follower and the scheduler has a leader, and no event waits."""
    try:
        text = httpx.get(f"{system.demo['base_url']}/metrics", timeout=5).text
    except httpx.TransportError:
        return False
    held = [f'billhook_leader_present{{name="{name}"}} 1.0' in text for name in LEADERS]
    return all(held) and "billhook_system_state_known 1.0" in text
