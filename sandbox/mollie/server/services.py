"""Services shared by the API, the admin API and the hosted pages."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.common.recorder import Recorder
from sandbox.common.store import Store
from sandbox.common.timekeeper import Timekeeper
from sandbox.mollie.core.accounts import Account, Accounts
from sandbox.mollie.core.agenda import Agenda
from sandbox.mollie.core.call import Call
from sandbox.mollie.server.registry import ACTIONS
from sandbox.mollie.webhooks.dispatcher import Dispatcher


class Services:
    """Services of the simulated Mollie. ``public_url`` is callable: the port may be bound late."""

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
        """Runs the account's due entries and returns a Call at the account's time."""
        self.agenda.catch_up(account)
        return self._call_at(account, account.now())

    def wake(self) -> None:
        """Wakes the background tasks because new rows may be due."""
        self.dispatcher.wake()
        self.timekeeper.wake()
