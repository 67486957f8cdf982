"""Client of the admin API of the simulated Mollie."""

from __future__ import annotations

from typing import Any

from tests.support.admin_client import AdminClient

Json = dict[str, Any]


class MollieAdmin(AdminClient):
    """Client of the admin API of the simulated Mollie."""

    PROVIDER = "mollie"
    API_PATHS = "/v2/*"

    def reset(self) -> None:
        """Empties the account."""
        self._call("POST", "/reset")

    def settings(self) -> Json:
        """Returns how the world behaves towards the account."""
        return self._call("GET", "/settings")

    def set_settings(self, **settings: object) -> Json:
        """Changes that: outcomes of renewals, delays of mandates, fates of refunds and so on."""
        return self._call("POST", "/settings", settings)

    def resend(self, entity: str, *, copies: int = 1) -> int:
        """Sends a payment's or an event's webhook again; returns the number of deliveries."""
        body: Json = {"id": entity, "copies": copies}
        return int(self._call("POST", "/webhooks/resend", body)["deliveries"])

    def deliveries(self, *, kind: str | None = None) -> list[Json]:
        """Returns all deliveries, or the classic or signed ones, with their attempts."""
        found: list[Json] = self._call("GET", "/webhooks/deliveries")["deliveries"]
        return [item for item in found if kind in (None, item["kind"])]

    def rotate(self, webhook: str) -> str:
        """Rotate a webhook's signing secret and return the new one."""
        return str(self._call("POST", f"/webhooks/{webhook}/rotate")["webhookSecret"])

    def outcome(self, payment: str, status: str, **more: object) -> Json:
        """Decides what becomes of a payment (method, reason), as at its checkout page."""
        return self._call("POST", f"/payments/{payment}/outcome", {"status": status, **more})

    def capture(self, payment: str, **fields: object) -> Json:
        """Captures from the dashboard (amount, description); without amount: all that is left."""
        return self._call("POST", f"/payments/{payment}/capture", fields)

    def release_authorization(self, payment: str) -> Json:
        """Releases what was not captured of an authorized payment."""
        return self._call("POST", f"/payments/{payment}/release")

    def refund(self, payment: str, **fields: object) -> Json:
        """Refunds from the dashboard (amount, description); without amount: what is left."""
        return self._call("POST", f"/payments/{payment}/refund", fields)

    def chargeback(self, payment: str, **fields: object) -> Json:
        """Has the bank take money back (amount, code, description)."""
        return self._call("POST", f"/payments/{payment}/chargeback", fields)

    def reverse_chargeback(self, chargeback: str) -> Json:
        """Has the bank give that money back."""
        return self._call("POST", f"/chargebacks/{chargeback}/reverse")
