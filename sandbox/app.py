"""Composition root: one ASGI application for both simulated providers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.common.admin_guard import AdminGuard
from sandbox.common.recorder import Recorder
from sandbox.common.store import Store
from sandbox.common.timekeeper import Timekeeper
from sandbox.mollie.admin.api import Admin as MollieAdmin
from sandbox.mollie.pages.checkout_page import PaymentPages
from sandbox.mollie.server.api import Api as MollieApi
from sandbox.mollie.server.services import Services as MollieServices
from sandbox.stripe.admin.api import Admin
from sandbox.stripe.core.accounts import Account, Accounts
from sandbox.stripe.core.agenda_runner import Agenda
from sandbox.stripe.core.call import Call
from sandbox.stripe.pages.checkout_page import CheckoutPage
from sandbox.stripe.pages.invoice_page import InvoicePage
from sandbox.stripe.server.api import Api
from sandbox.stripe.server.registry import ACTIONS
from sandbox.stripe.server.services import Services
from sandbox.stripe.webhooks.dispatcher import Dispatcher


@dataclass
class Options:
    """Options of a sandbox. ``public_url`` may be set once the port is known."""

    state: str | None
    public_url: str
    record: str | None


def _stripe(store: Store, recorder: Recorder, public_url: Callable[[], str]) -> Services:
    accounts = Accounts(store)
    dispatcher = Dispatcher(store, accounts, recorder)

    def calling(account: Account, now: int) -> Call:
        return Call(store, account, now, public_url())

    def catch_up(account_id: str) -> None:
        account = accounts.get(account_id)
        if account is not None:
            agenda.catch_up(account)
        dispatcher.wake()

    agenda = Agenda(store, ACTIONS, calling)
    timekeeper = Timekeeper(store, "agenda", catch_up=catch_up)
    return Services(store, accounts, dispatcher, agenda, timekeeper, recorder, public_url)


class Sandbox:
    """Passes requests to the API of their path's first segment, all others to the pages.

    The APIs handle their errors and find their operations themselves: routes and middleware before
    them would only take time.
    """

    def __init__(self, pages: ASGIApp, apis: Mapping[str, ASGIApp]) -> None:
        self._pages = pages
        self._apis = apis

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on a request, or the start and end of the server."""
        app = self._pages
        if scope["type"] == "http":
            app = self._apis.get(scope["path"][1:].partition("/")[0], app)
        await app(scope, receive, send)


def build(options: Options) -> Sandbox:
    """Builds the application: Stripe under ``/v1``, Mollie under ``/v2``."""
    store, recorder = Store(options.state), Recorder(options.record)

    def public_url() -> str:
        return options.public_url

    stripe = _stripe(store, recorder, public_url)
    mollie = MollieServices(store, recorder, public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        background = [task for one in (stripe, mollie) for task in (one.dispatcher, one.timekeeper)]
        tasks = [asyncio.create_task(task.run()) for task in background]
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        store.close()
        recorder.close()

    pages = Starlette(
        routes=[
            *Admin(stripe).routes(),
            *InvoicePage(stripe).routes(),
            *CheckoutPage(stripe).routes(),
            *MollieAdmin(mollie).routes(),
            *PaymentPages(mollie).routes(),
        ],
        middleware=[Middleware(AdminGuard)],
        lifespan=lifespan,
    )
    return Sandbox(pages, {"v1": Api(stripe), "v2": MollieApi(mollie)})
