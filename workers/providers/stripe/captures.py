"""Calls on Stripe's PaymentIntents that hold an amount until it is captured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import stripe

from domain.core import metadata as metadata_keys
from domain.gateway.objects import CaptureDraft, CaptureState, ProviderCapture, ProviderInvoice
from workers.providers.bounded_fields import read_as
from workers.providers.stripe.client import call_stripe, json_of
from workers.providers.stripe.schemas import StripeCapturedIntent, StripeHeldIntent


class CaptureCalls:
    """Methods of a gateway that capture held amounts."""

    _client: stripe.StripeClient

    def capture(self, draft: CaptureDraft, *, key: str) -> ProviderCapture:
        """Capture a held amount, or a part of it. Stripe docs: capture a PaymentIntent."""
        params: Any = {
            "amount_to_capture": draft.amount_minor,
            "metadata": {metadata_keys.CAPTURE: draft.reference},
        }
        answer = call_stripe(
            lambda: self._client.v1.payment_intents.capture(
                draft.payment_id, params, {"idempotency_key": key}
            )
        )
        return _capture(json_of(answer))

    def find_capture(self, payment_id: str, *, reference: str) -> ProviderCapture | None:
        """Fetch a PaymentIntent and return our capture of it; a PaymentIntent has one at most."""
        answer = call_stripe(lambda: self._client.v1.payment_intents.retrieve(payment_id))
        intent = json_of(answer)
        read = read_as(StripeCapturedIntent, intent, kind="payment_intent")
        is_ours = read.metadata.get(metadata_keys.CAPTURE) == reference
        return _capture(intent) if is_ours and read.status == "succeeded" else None

    def with_deadline(self, invoice: ProviderInvoice) -> ProviderInvoice:
        """Return the invoice with the deadline of a capture, which its payment's charge has."""
        held = invoice.capturable_payment
        if held is None:
            return invoice
        params: Any = {"expand": ["latest_charge"]}
        answer = call_stripe(lambda: self._client.v1.payment_intents.retrieve(held, params))
        read = read_as(StripeHeldIntent, json_of(answer), kind="payment_intent")
        return replace(invoice, capture_before=read.capture_before)


def _capture(intent: dict[str, Any]) -> ProviderCapture:
    read = read_as(StripeCapturedIntent, intent, kind="payment_intent")
    state: CaptureState = "succeeded" if read.status == "succeeded" else "pending"
    return ProviderCapture(id=read.id, state=state, amount_minor=read.amount_received or 0)
