"""Base of the clients of the sandbox's admin APIs: connection, clock, faults, webhooks, log."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from tests.support import plain_http

Json = dict[str, Any]

# Generating ten thousand invoices of history is one call.
TIMEOUT_S = 60.0


class AdminClient:
    """Client of one simulated provider's admin API, for the account of ``key``."""

    PROVIDER: ClassVar[str]
    API_PATHS: ClassVar[str]

    def __init__(self, url: str, key: str) -> None:
        self._http = plain_http.client(
            base_url=f"{url}/_admin",
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_S,
        )

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        return self._send(method, f"/{self.PROVIDER}{path}", body)

    def _send(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = self._http.request(method, path, json=body)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        result: Json = answer.json()
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

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

    def drop_faults(self) -> None:
        """Delete all injected faults."""
        self._call("DELETE", "/faults")

    def webhooks(self) -> Json:
        """Returns the settings of deliveries."""
        return self._call("GET", "/webhooks")

    def set_webhooks(self, **settings: object) -> Json:
        """Changes the settings of deliveries that are named."""
        return self._call("POST", "/webhooks", settings)

    def release(self) -> int:
        """Sends what is held; returns how many deliveries that is."""
        return int(self._call("POST", "/webhooks/release")["released"])

    def refuse_keys(self, *keys: str) -> None:
        """Sets the keys that are refused."""
        self._call("POST", "/refused_keys", {"keys": list(keys)})

    def add_fault(
        self, kind: str, *, path: str | None = None, method: str | None = None, **more: object
    ) -> str:
        """Adds a fault and returns its id.

        ``more``: ms, when, status, stored, times, skip; Stripe's also code, reason, retry_after_s.
        """
        match = {"path": path or self.API_PATHS} | ({"method": method} if method else {})
        fault = self._call("POST", "/faults", {"kind": kind, "match": match, **more})
        return str(fault["id"])
