"""What the ways in (API, admin API, hosted pages) share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.common.recorder import Recorder
from sandbox.common.store import Store
from sandbox.common.timekeeper import Timekeeper
from sandbox.stripe.core.accounts import Account, Accounts
from sandbox.stripe.core.agenda import Agenda
from sandbox.stripe.core.call import Call
from sandbox.stripe.webhooks.dispatcher import Dispatcher


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
