"""Calls on Mollie's captures of authorized payments."""

from __future__ import annotations

from typing import Any, Final

from mollie.api.objects.payment import Payment

from domain.core import metadata as metadata_keys
from domain.core.money import to_mollie
from domain.gateway.objects import CaptureDraft, CaptureState, ProviderCapture
from workers.providers.bounded_fields import read_as
from workers.providers.mollie.client import PAGE, MollieClients, named, pages
from workers.providers.mollie.schemas import MollieCapture

_STATES: Final[dict[str, CaptureState]] = {
    "pending": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
}


class CaptureCalls:
    """Methods of a gateway that capture authorized payments."""

    _clients: MollieClients

    def capture(self, draft: CaptureDraft, *, key: str) -> ProviderCapture:
        """Capture a part of a payment, or all of it. Mollie docs: create capture."""
        value = to_mollie(draft.amount_minor, draft.currency)
        params: dict[str, Any] = {
            "amount": {"currency": draft.currency.upper(), "value": value},
            "metadata": {metadata_keys.CAPTURE: draft.reference},
        }
        made = self._captures_of(draft.payment_id).create(params, idempotency_key=key)
        return _capture(_read(made))

    def find_capture(self, payment_id: str, *, reference: str) -> ProviderCapture | None:
        """Find our capture of a payment. Mollie docs: list captures."""
        listed = pages(self._captures_of(payment_id).list(limit=PAGE))
        for found in map(_read, listed):
            if found.metadata.get(metadata_keys.CAPTURE) == reference:
                return _capture(found)
        return None

    def _captures_of(self, payment_id: str) -> Any:  # noqa: ANN401 - the SDK's resource
        return Payment({"id": named(payment_id)}, self._clients.for_thread()).captures


def _read(data: Any) -> MollieCapture:  # noqa: ANN401 - the SDK's object
    return read_as(MollieCapture, dict(data), kind="capture")


def _capture(read: MollieCapture) -> ProviderCapture:
    return ProviderCapture(id=read.id, state=_STATES[read.status], amount_minor=read.amount.minor)
