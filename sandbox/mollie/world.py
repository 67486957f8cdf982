"""What the ways in (API, admin API, checkout pages) share."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.mollie.accounts import Account, Accounts
from sandbox.mollie.agenda import Agenda
from sandbox.mollie.call import Call
from sandbox.mollie.dispatcher import Dispatcher
from sandbox.mollie.registry import ACTIONS
from sandbox.record import Recorder
from sandbox.store import Store
from sandbox.timekeeping import Timekeeper


class World:
    """One sandbox's Mollie. ``public_url`` is asked late: the port may be chosen late."""

    def __init__(self, store: Store, recorder: Recorder, public_url: Callable[[], str]) -> None:
        self.store = store
        self.recorder = recorder
        self.public_url = public_url
        self.accounts = Accounts(store)
        self.dispatcher = Dispatcher(store, self.accounts, recorder)
        self.agenda = Agenda(store, ACTIONS, self._call_at)
        self.timekeeper = Timekeeper(store, "mollie_agenda", catch_up=self._catch_up)

    def _call_at(self, account: Account, now: int) -> Call:
        return Call(self.store, account, now, self.public_url(), self.accounts.next_outcome)

    def _catch_up(self, account_id: str) -> None:
        account = self.accounts.get(account_id)
        if account is not None:
            self.agenda.catch_up(account)
        self.dispatcher.wake()

    def call(self, account: Account) -> Call:
        """Returns a call at the account's time, after everything that was due before it."""
        self.agenda.catch_up(account)
        return self._call_at(account, account.now())

    def wake(self) -> None:
        """Says to the background tasks that there may be something new for them."""
        self.dispatcher.wake()
        self.timekeeper.wake()
