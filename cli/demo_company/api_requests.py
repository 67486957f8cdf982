"""Request invoices of the demo company from the running API, as one of its systems would."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any, Final, Self
from uuid import UUID

import httpx

from cli.demo_company.actions import Request
from workers.errors import OperatorError

# The API learns of a new app and its key from the log, after all that was imported.
_ACCESS_TIMEOUT_S: Final = 60
_POLL_S: Final = 0.2
_TIMEOUT_S: Final = 60


class DemoCaller:
    """A caller of the API with the app's read and write key."""

    def __init__(self, base_url: str, *, app_id: UUID, read_key: str, write_key: str) -> None:
        self._read = {"x-api-key": read_key, "x-api-key-type": "read"}
        self._http = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/api/v1/apps/{app_id}",
            headers={
                "x-api-key": write_key,
                "x-api-key-type": "write",
                "x-client-id": str(app_id),
            },
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def await_access(self) -> None:
        """Wait until the API accepts the new keys. Raises OperatorError at the deadline."""
        deadline = time.monotonic() + _ACCESS_TIMEOUT_S
        while not self._has_access():
            if time.monotonic() > deadline:
                raise OperatorError(
                    f"the API at {self._http.base_url} does not accept the new keys"
                )
            time.sleep(_POLL_S)

    def request(self, request: Request, *, price: str, tax_rate: str | None) -> None:
        """Request an invoice with its payment, and then its refund. Raises OperatorError."""
        tenant_id, provider = str(request.customer.tenant_id), request.customer.provider
        body: dict[str, Any] = {
            "tenantUuid": tenant_id,
            "lineItems": [{"price": price, "quantity": request.quantity}],
            "type": "payment",
        }
        if tax_rate is not None:
            body["taxRateId"] = tax_rate
        made = self._post(f"/tenants/{tenant_id}/payment-providers/{provider}/invoices", body)
        if request.refund_minor is not None:
            refund = {"amountMinor": request.refund_minor, "reason": "requested_by_customer"}
            self._post(f"/invoices/{made['items'][0]['id']}/refunds", refund)

    def _has_access(self) -> bool:
        try:
            answer = self._http.get("/invoices", params={"limit": 1}, headers=self._read)
        except httpx.HTTPError:
            return False
        return answer.status_code == HTTPStatus.OK

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._http.post(path, json=body)
        except httpx.HTTPError as error:
            raise OperatorError(f"the API does not answer: {error}") from error
        if answer.is_error:
            raise OperatorError(f"the API refused {path}: {answer.status_code} {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found
