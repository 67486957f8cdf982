"""Poll Mollie's payments where webhooks can't arrive: on a developer's machine.

Mollie has no list of events. A payment that is new or differs from the last poll is recorded as
a payment hint, as a webhook would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, cast

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.providers import Mode, Provider
from domain.inbox.commands import ReceivePaymentHint
from domain.inbox.payment_hint import PaymentHint
from projections.work.checkpoints import Checkpoints

PAYMENTS_EVERY_S: Final = 5.0
_BY: Final = "reconciliation"


class PaymentSource(Protocol):
    """List of the provider's newest payments. Raises the gateway's errors."""

    def marks(self) -> dict[str, str]:
        """Return the newest payments' changeable fields, by payment id."""


@dataclass(kw_only=True)
class PaymentPoller:
    """Poll one connection's newest payments and record hints at changed ones."""

    connection: Connection
    payments: PaymentSource
    billing: Billing
    places: Checkpoints
    now: Callable[[], datetime]

    @property
    def name(self) -> str:
        """Return the name of the checkpoint and of the leader lock."""
        return f"payments:{self.connection.connection_id}"

    def poll(self) -> int:
        """Record hints and return their number. The first poll only sets the checkpoint."""
        marks = self.payments.marks()
        place = self.places.find(self.name)
        known: dict[str, Any] = marks if place is None else place["marks"]
        news = [payment for payment, mark in marks.items() if known.get(payment) != mark]
        for payment in news:
            self._hint(payment)
        if place is None or news:
            self.places.save(self.name, {"marks": marks})
        return len(news)

    def _hint(self, payment_id: str) -> None:
        connection, occurred_at = self.connection, self.now()
        mode = cast("Mode", connection.mode)
        command = ReceivePaymentHint(
            app_id=connection.app_id,
            connection_id=connection.connection_id,
            connection=connection.name,
            provider=cast("Provider", connection.provider),
            mode=mode,
            payment_id=payment_id,
            actor=_BY,
            found_by="event_catch_up",
        )
        self.billing.create_or_change(
            PaymentHint,
            ids.for_payment_hint(connection.connection_id, mode, payment_id),
            lambda: PaymentHint.receive(command, occurred_at=occurred_at),
            lambda known: known.repeat(
                actor=_BY, occurred_at=occurred_at, found_by="event_catch_up"
            ),
        )
