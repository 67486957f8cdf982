"""Hosted Checkout page, with a choice of test cards and bank accounts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.common.store import Json
from sandbox.stripe.checkout.sessions import complete_session, open_session
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import StripeError, keeps_changes
from sandbox.stripe.core.forms import parse
from sandbox.stripe.pages.invoice_page import CARDS, DEBITS
from sandbox.stripe.server.services import Services

# Includes cards that cannot be saved, to show their errors.
METHODS = (
    CARDS
    | {"pm_card_chargeCustomerFail": "Visa 0341: kept, declined when it is charged"}
    | {"pm_card_visa_chargeDeclined": "Visa 0002: declined at once"}
    | DEBITS
)
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


class CheckoutPage:
    """The page behind a session's ``url``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        folder = FileSystemLoader(Path(__file__).parent)
        self._template = Environment(loader=folder, autoescape=True).get_template("checkout.html")

    def routes(self) -> list[Route]:
        """Returns the routes of the page."""
        page = "/stripe/checkout/{session}"
        return [
            Route(page, self._show, methods=["GET"]),
            Route(f"{page}/complete", self._complete, methods=["POST"]),
        ]

    def _open(self, request: Request) -> tuple[Call, Json] | None:
        wanted = request.path_params["session"]
        for row in self._services.store.rows(
            "SELECT * FROM checkout_pages WHERE session=?", wanted
        ):
            account = self._services.accounts.get(row["account"])
            if account is not None:
                with self._services.store.transaction():
                    self._services.agenda.catch_up(account)
                call = self._services.call(account)
                return call, call.load("checkout.session", row["session"])
        return None

    async def _show(self, request: Request) -> Response:
        opened = self._open(request)
        if opened is None:
            return PlainTextResponse("No such page.", 404)
        call, session = opened
        return HTMLResponse(
            self._template.render(
                session=session,
                customer=call.find("customer", session["customer"]),
                methods=METHODS,
                note=request.query_params.get("note", ""),
                back=fill_session_id(session["cancel_url"], session),
                base=self._url(session),
            )
        )

    async def _complete(self, request: Request) -> Response:
        form = parse((await request.body()).decode("utf-8", "replace"))
        opened = self._open(request)
        if opened is None:
            return PlainTextResponse("No such page.", 404)
        call, session = opened
        target = fill_session_id(session["success_url"], session) or self._url(session)
        with self._services.store.transaction():
            try:
                with self._services.store.savepoint(keeps=keeps_changes):
                    waiting = open_session(call, session["id"])
                    complete_session(call, waiting, str(form.get("payment_method")))
            except StripeError as rejection:
                target = f"{self._url(session)}?note={quote(rejection.message)}"
        self._services.wake()
        return RedirectResponse(target, 303)

    def _url(self, session: Json) -> str:
        return f"{self._services.public_url()}/stripe/checkout/{session['id']}"


def fill_session_id(url: str | None, session: Json) -> str | None:
    """Returns a URL with the session id substituted for its placeholder."""
    return url.replace(PLACEHOLDER, session["id"]) if url else None
