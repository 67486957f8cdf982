"""Client of the sandbox's admin API for one account: its clock, and actions outside the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import httpx

from workers.errors import OperatorError

# Moving a clock over a month runs all its renewals.
_TIMEOUT_S: Final = 60


class SandboxAdmin:
    """Actions on the account of `key` at the sandbox of a provider."""

    def __init__(self, url: str, *, provider: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/_admin/{provider}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Send one action; raises OperatorError if the sandbox refuses it or does not answer."""
        return self._call("POST", path, body)

    def check(self) -> None:
        """Raise OperatorError unless a sandbox answers."""
        self._call("GET", "/clock", None)

    def set_clock(self, unix_s: float, *, frozen: bool) -> None:
        """Set the account's time; renewals and retries that fall due run at their own times."""
        self.post("/clock", {"now": unix_s, "frozen": frozen})

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise OperatorError(f"the sandbox does not answer: {error}") from error
        if answer.is_error:
            raise OperatorError(
                f"the sandbox refused {path}: {answer.status_code} {answer.text[:200]}"
            )
        parsed: dict[str, Any] = answer.json()
        return parsed
