"""A gateway that answers with the object of an event."""

from __future__ import annotations

from typing import Final

from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from tests.support.mutations import Json
from workers.providers.stripe.objects import to_invoice
from workers.providers.stripe.subscription_objects import to_subscription

_NOW_S: Final = 1_800_000_000


class EchoGateway:
    """Answers with the object of the event that is being applied."""

    def __init__(self, event: Json) -> None:
        self._event = event

    def fetch_invoice(self, _: str) -> ProviderInvoice:
        return to_invoice(self._event["data"]["object"], as_of=_NOW_S)

    def fetch_subscription(self, _: str) -> ProviderSubscription:
        return to_subscription(self._event["data"]["object"], as_of=_NOW_S)

    def fetch_refunds_and_disputes(self, _: str) -> RefundsAndDisputes:
        return RefundsAndDisputes()

    def find_invoice_of(self, payment_id: str) -> str | None:
        return payment_id
