"""Poll Mollie's payments where webhooks can't arrive: on a developer's machine.

Mollie has no list of events. A payment that is new or differs from the last poll is recorded as
a payment hint, as a webhook would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from projections.work.checkpoints import Checkpoints
from workers.reconciliation.inbox import ReconciliationInbox

PAYMENTS_EVERY_S: Final = 5.0


class PaymentSource(Protocol):
    """List of the provider's newest payments. Raises the gateway's errors."""

    def marks(self) -> dict[str, str]:
        """Return the newest payments' changeable fields, by payment id."""


@dataclass(kw_only=True)
class PaymentPoller:
    """Poll one connection's newest payments and record hints at changed ones."""

    inbox: ReconciliationInbox
    payments: PaymentSource
    checkpoints: Checkpoints

    @property
    def name(self) -> str:
        """Return the name of the checkpoint and of the leader lock."""
        return f"payments:{self.inbox.connection.connection_id}"

    def poll(self) -> int:
        """Record hints and return their number. The first poll only sets the checkpoint."""
        marks = self.payments.marks()
        checkpoint = self.checkpoints.find(self.name)
        known: dict[str, Any] = marks if checkpoint is None else checkpoint["marks"]
        news = [payment for payment, mark in marks.items() if known.get(payment) != mark]
        for payment in news:
            self.inbox.receive_payment(payment, difference="changed")
        if checkpoint is None or news:
            self.checkpoints.save(self.name, {"marks": marks})
        return len(news)
