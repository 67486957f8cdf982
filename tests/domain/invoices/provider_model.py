"""A provider in miniature: one invoice that customers and operators act on, and its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from domain.gateway.objects import InvoiceState, PaymentState, ProviderInvoice
from domain.invoices import status
from tests.domain.event_examples import TOTAL
from tests.domain.invoices.provider_updates import payment, snapshot

Move = Literal["decline", "ask_customer", "pay", "write_off", "void", "touch"]

MOVES: Final[tuple[Move, ...]] = ("decline", "ask_customer", "pay", "write_off", "void", "touch")
_ENDINGS: Final[dict[Move, InvoiceState]] = {
    "pay": "paid",
    "write_off": "uncollectible",
    "void": "void",
}
_ATTEMPTS: Final[dict[Move, PaymentState]] = {
    "decline": "failed",
    "ask_customer": "requires_action",
}
_STATUSES: Final = {
    "failed": status.FAILED,
    "requires_action": status.REQUIRES_ACTION,
    "paid": status.PAID,
    "uncollectible": status.UNCOLLECTIBLE,
    "void": status.VOID,
}


@dataclass
class Provider:
    """An invoice that was charged once, without success; times have one second."""

    payment: PaymentState
    now: int = 100
    tries: int = 1
    state: InvoiceState = "open"
    events: list[ProviderInvoice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events += [snapshot("draft", as_of=99), snapshot("open", as_of=99)]
        self._emit(self.payment)

    def act(self, move: Move, *, seconds: int, counted: bool) -> None:
        """Run an action, if the invoice allows it. `counted`: it was an automatic attempt."""
        self.now += seconds
        if move in _ATTEMPTS and self.state == "open":
            self.payment = _ATTEMPTS[move]
            self.tries += counted
            self._emit(self.payment)
        elif move in _ENDINGS and self._may_end(_ENDINGS[move]):
            self.state = _ENDINGS[move]
            self._emit(None)
        elif move == "touch":
            self._emit(None)

    def answer(self) -> ProviderInvoice:
        """Answer a fetch: how things stand, with the payment."""
        state: PaymentState = "succeeded" if self.state == "paid" else self.payment
        return snapshot(
            self.state,
            as_of=self.now,
            attempt_count=self.tries,
            payment=payment(state),
            amount_paid_minor=self._paid_minor,
        )

    @property
    def status(self) -> str:
        """Return what our invoice should show once everything has arrived."""
        return _STATUSES[self.payment if self.state == "open" else self.state]

    @property
    def _paid_minor(self) -> int:
        return TOTAL if self.state == "paid" else 0

    def _may_end(self, then: InvoiceState) -> bool:
        return self.state == "open" or (self.state == "uncollectible" and then != self.state)

    def _emit(self, event_payment_state: PaymentState | None) -> None:
        self.events.append(
            snapshot(
                self.state,
                as_of=self.now,
                attempt_count=self.tries,
                amount_paid_minor=self._paid_minor,
                event_payment_state=event_payment_state,
            )
        )
