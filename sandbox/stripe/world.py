"""What the ways in (API, admin API, hosted pages) share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.record import Recorder
from sandbox.store import Store
from sandbox.stripe.accounts import Account, Accounts
from sandbox.stripe.agenda import Agenda
from sandbox.stripe.call import Call
from sandbox.stripe.dispatcher import Dispatcher
from sandbox.timekeeping import Timekeeper


@dataclass(frozen=True)
class World:
    """One sandbox's Stripe. ``public_url`` is asked late: the port may be chosen late."""

    store: Store
    accounts: Accounts
    dispatcher: Dispatcher
    agenda: Agenda
    timekeeper: Timekeeper
    recorder: Recorder
    public_url: Callable[[], str]

    def call(self, account: Account) -> Call:
        """Returns a call that comes from no request, such as a click on a hosted page."""
        return Call(self.store, account, account.now(), self.public_url())

    def wake(self) -> None:
        """Says to the background tasks that there may be something new for them."""
        self.dispatcher.wake()
        self.timekeeper.wake()
