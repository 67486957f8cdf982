"""Set up mandates at Mollie with zero-amount first payments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mollie.api.objects.customer import Customer

from domain.core.metadata import SETUP
from domain.gateway.errors import ProviderObjectUnreadable
from domain.gateway.setups import ProviderMethod, SessionState, SetupDraft, SetupSession
from workers.providers.bounded_fields import read_as
from workers.providers.mollie import objects
from workers.providers.mollie.client import PAGE, Json, MollieClients, items_of, named, pages
from workers.providers.mollie.schemas import MollieMandate, MolliePayment

# Mollie docs, first payments: methods that allow a zero-amount payment.
_WITHOUT_MONEY: Final = ["creditcard", "paypal"]
_NOTHING: Final = {"currency": "EUR", "value": "0.00"}
_DESCRIPTION: Final = "To be charged from now on"
_STATES: Final[dict[str, SessionState]] = {"open": "open", "pending": "open", "paid": "complete"}


class SetupCalls:
    """Methods of payment-method setups, over a connection's clients."""

    _clients: MollieClients

    def open_setup(self, draft: SetupDraft, *, key: str) -> SetupSession:
        """Create a zero-amount first payment. Mollie docs: create payment, sequenceType first."""
        params: dict[str, Any] = {
            "amount": _NOTHING,
            "description": _DESCRIPTION,
            "sequenceType": "first",
            "method": _WITHOUT_MONEY,
            "customerId": draft.customer,
            "redirectUrl": draft.return_url,
            "metadata": draft.metadata,
        }
        if draft.webhook_url is not None:
            params["webhookUrl"] = draft.webhook_url
        return to_session(
            dict(self._clients.for_thread().payments.create(params, idempotency_key=key))
        )

    def find_setups(self, *, customer: str, reference: str) -> list[SetupSession]:
        """Find setups among a customer's newest payments. Mollie docs: list customer payments."""
        line = self._clients.for_thread()
        owner = Customer({"id": named(customer)}, line)
        listed = items_of(owner.payments.list(limit=PAGE))
        for_thread = [one for one in listed if objects.metadata_of(one).get(SETUP) == reference]
        return [to_session(one) for one in for_thread]

    def fetch_setup(self, session_id: str) -> SetupSession:
        """Fetch a first payment, with its mandate once that is valid."""
        line = self._clients.for_thread()
        found = dict(line.payments.get(named(session_id)))
        owner = Customer({"id": named(str(found["customerId"]))}, line)
        mandates = pages(owner.mandates.list(limit=PAGE))
        own = found.get("mandateId")
        left = next((item for item in mandates if item["id"] == own), None)
        state = None if left is None else left["status"]
        return replace(
            to_session(found, mandate=left if state == "valid" else None),
            is_method_gone=own is not None and state in (None, "invalid"),
        )

    def set_default_method(self, customer_id: str, method: str, *, key: str) -> None:
        """Do nothing: Mollie has no default; requests name the mandate."""


def to_session(data: Json, *, mandate: Json | None = None) -> SetupSession:
    """Read a zero-amount first payment as a setup's page."""
    read = read_as(MolliePayment, dict(data), kind="payment")
    if read.customer_id is None:
        raise ProviderObjectUnreadable("payment.customerId")
    checkout = None if read.links is None else read.links.checkout
    return SetupSession(
        id=read.id,
        state=_STATES.get(read.status, "expired"),
        customer=read.customer_id,
        expires_at=read.expires_at or read.created_at,
        livemode=read.mode == "live",
        url=(None if checkout is None else checkout.href) or "",
        method=None if mandate is None else _method_of(mandate),
        metadata=read.metadata,
    )


def _method_of(mandate: Json) -> ProviderMethod:
    read = read_as(MollieMandate, dict(mandate), kind="mandate")
    if read.method is None:
        raise ProviderObjectUnreadable("mandate.method")
    number = None if read.details is None else read.details.card_number
    return ProviderMethod(
        id=read.id,
        type="card" if read.method == "creditcard" else read.method,
        brand=None if read.details is None else read.details.card_label,
        last4=None if number is None else number[-4:],
    )
