"""A client of the admin API of the sandbox's Mollie."""

from __future__ import annotations

from typing import Any, Self

import httpx

Json = dict[str, Any]


class MollieAdmin:
    """What a test commands of one account: the one of ``key``."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/_admin/mollie",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = self._http.request(method, path, json=body)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        result: Json = answer.json()
        return result

    def reset(self) -> None:
        """Empties the account."""
        self._call("POST", "/reset")

    def ledger(self) -> Json:
        """Returns entries, totals, by_customer, by_payment and by_subscription."""
        return self._call("GET", "/ledger")

    def requests(self, *, method: str | None = None, path: str | None = None) -> list[Json]:
        """Returns the logged requests, narrowed by method and by the path's end."""
        found: list[Json] = self._call("GET", "/requests")["requests"]
        return [
            item
            for item in found
            if method in (None, item["method"]) and (path is None or item["path"].endswith(path))
        ]

    def forget_requests(self) -> None:
        """Empties the log of requests."""
        self._call("DELETE", "/requests")

    def clock(self) -> Json:
        """Returns the account's time: now, offset_s, frozen."""
        return self._call("GET", "/clock")

    def set_clock(self, **change: float | bool) -> Json:
        """Moves the clock: advance_s, now or frozen. What falls due happens."""
        return self._call("POST", "/clock", dict(change))

    def set_latency(self, ms: int) -> None:
        """Makes every call take longer."""
        self._call("POST", "/latency", {"ms": ms})

    def faults(self) -> list[Json]:
        """Returns the faults that are not used up."""
        found: list[Json] = self._call("GET", "/faults")["faults"]
        return found

    def add_fault(
        self, kind: str, *, path: str = "/v2/*", method: str | None = None, **more: object
    ) -> str:
        """Adds a fault (ms, when, status, stored, times, skip) and returns its id."""
        match = {"path": path} | ({"method": method} if method else {})
        fault = self._call("POST", "/faults", {"kind": kind, "match": match, **more})
        return str(fault["id"])

    def drop_faults(self) -> None:
        """Forgets all faults."""
        self._call("DELETE", "/faults")

    def settings(self) -> Json:
        """Returns how the world behaves towards the account."""
        return self._call("GET", "/settings")

    def set_settings(self, **settings: object) -> Json:
        """Changes that: outcomes of renewals, delays of mandates, fates of refunds and so on."""
        return self._call("POST", "/settings", settings)

    def webhooks(self) -> Json:
        """Returns the settings of deliveries."""
        return self._call("GET", "/webhooks")

    def set_webhooks(self, **settings: object) -> Json:
        """Changes the settings of deliveries that are named."""
        return self._call("POST", "/webhooks", settings)

    def release(self) -> int:
        """Sends what is held; returns how many deliveries that is."""
        return int(self._call("POST", "/webhooks/release")["released"])

    def resend(self, entity: str, *, copies: int = 1) -> int:
        """Tells of a payment (``tr_…``) or sends an event again; returns how many deliveries."""
        body: Json = {"id": entity, "copies": copies}
        return int(self._call("POST", "/webhooks/resend", body)["deliveries"])

    def deliveries(self, *, kind: str | None = None) -> list[Json]:
        """Returns all deliveries, or the classic or signed ones, with their attempts."""
        found: list[Json] = self._call("GET", "/webhooks/deliveries")["deliveries"]
        return [item for item in found if kind in (None, item["kind"])]

    def rotate(self, webhook: str) -> str:
        """Gives a webhook a new signing secret and returns it."""
        return str(self._call("POST", f"/webhooks/{webhook}/rotate")["webhookSecret"])

    def outcome(self, payment: str, status: str, **more: object) -> Json:
        """Decides what becomes of a payment (method, reason), as at its checkout page."""
        return self._call("POST", f"/payments/{payment}/outcome", {"status": status, **more})

    def refund(self, payment: str, **fields: object) -> Json:
        """Refunds from the dashboard (amount, description); without amount: what is left."""
        return self._call("POST", f"/payments/{payment}/refund", fields)

    def chargeback(self, payment: str, **fields: object) -> Json:
        """Has the bank take money back (amount, code, description)."""
        return self._call("POST", f"/payments/{payment}/chargeback", fields)

    def reverse_chargeback(self, chargeback: str) -> Json:
        """Has the bank give that money back."""
        return self._call("POST", f"/chargebacks/{chargeback}/reverse")

    def refuse_keys(self, *keys: str) -> None:
        """Sets the keys that are refused."""
        self._call("POST", "/refused_keys", {"keys": list(keys)})
