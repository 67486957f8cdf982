"""Services shared by the API, the admin API and the hosted pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.common.recorder import Recorder
from sandbox.common.store import Store
from sandbox.common.timekeeper import Timekeeper
from sandbox.stripe.core.accounts import Account, Accounts
from sandbox.stripe.core.agenda_runner import Agenda
from sandbox.stripe.core.call import Call
from sandbox.stripe.webhooks.dispatcher import Dispatcher


@dataclass(frozen=True)
class Services:
    """Services of the simulated Stripe. ``public_url`` is callable: the port may be bound late."""

    store: Store
    accounts: Accounts
    dispatcher: Dispatcher
    agenda: Agenda
    timekeeper: Timekeeper
    recorder: Recorder
    public_url: Callable[[], str]

    def call(self, account: Account) -> Call:
        """Returns a Call without a request, such as for a hosted page."""
        return Call(self.store, account, account.now(), self.public_url())

    def wake(self) -> None:
        """Wakes the background tasks because new rows may be due."""
        self.dispatcher.wake()
        self.timekeeper.wake()
