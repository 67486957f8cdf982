"""The composition root: one ASGI application for all stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import Mount

from sandbox.mollie.admin import Admin as MollieAdmin
from sandbox.mollie.api import Api as MollieApi
from sandbox.mollie.checkout import Checkout
from sandbox.mollie.world import World as MollieWorld
from sandbox.record import Recorder
from sandbox.store import Store
from sandbox.stripe.accounts import Account, Accounts
from sandbox.stripe.admin import Admin
from sandbox.stripe.agenda import Agenda
from sandbox.stripe.api import Api
from sandbox.stripe.call import Call
from sandbox.stripe.checkout_page import CheckoutPage
from sandbox.stripe.dispatcher import Dispatcher
from sandbox.stripe.hosted import Hosted
from sandbox.stripe.registry import ACTIONS
from sandbox.stripe.world import World
from sandbox.timekeeping import Timekeeper


@dataclass
class Options:
    """What a sandbox is made with. ``public_url`` may be set once the port is known."""

    state: str | None
    public_url: str
    record: str | None


def _stripe(store: Store, recorder: Recorder, public_url: Callable[[], str]) -> World:
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
    return World(store, accounts, dispatcher, agenda, timekeeper, recorder, public_url)


def build(options: Options) -> Starlette:
    """Puts the stand-ins together: Stripe under ``/v1``, Mollie beside it under ``/v2``."""
    store, recorder = Store(options.state), Recorder(options.record)

    def public_url() -> str:
        return options.public_url

    world = _stripe(store, recorder, public_url)
    mollie = MollieWorld(store, recorder, public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        background = [task for one in (world, mollie) for task in (one.dispatcher, one.timekeeper)]
        tasks = [asyncio.create_task(task.run()) for task in background]
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        store.close()
        recorder.close()

    return Starlette(
        routes=[
            *Admin(world).routes(),
            *Hosted(world).routes(),
            *CheckoutPage(world).routes(),
            Mount("/v1", Api(world)),
            *MollieAdmin(mollie).routes(),
            *Checkout(mollie).routes(),
            Mount("/v2", MollieApi(mollie)),
        ],
        lifespan=lifespan,
    )
