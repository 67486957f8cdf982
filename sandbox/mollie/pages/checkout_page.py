"""Checkout page, whose form sets the status of a payment.

The page works without JavaScript: each status is a button of one form. The response redirects to
the payment's ``redirectUrl``, or to its ``cancelUrl`` after a cancellation.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.common.store import Json
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import MollieError
from sandbox.mollie.core.method_table import METHODS
from sandbox.mollie.core.views import view
from sandbox.mollie.payments.status import choices, methods_of, move
from sandbox.mollie.server.services import Services

WORDS = {
    "paid": "Pay",
    "authorized": "Authorize",
    "pending": "Leave pending",
    "failed": "Fail",
    "canceled": "Cancel",
    "expired": "Let it expire",
}


class PaymentPages:
    """The pages behind ``_links.checkout``, ``changePaymentState`` and ``dashboard``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        folder = FileSystemLoader(Path(__file__).parent)
        self._pages = Environment(loader=folder, autoescape=True)

    def routes(self) -> list[Route]:
        """Returns the routes of the pages."""
        page = "/mollie/checkout/{token}"
        return [
            Route(page, self._show, methods=["GET"]),
            Route(page, self._act, methods=["POST"]),
            Route("/mollie/dashboard/{account}/{kind}s/{id}", self._dashboard, methods=["GET"]),
        ]

    def _open(self, request: Request) -> tuple[Call, Json] | None:
        token = request.path_params["token"]
        for row in self._services.store.rows("SELECT * FROM mollie_pages WHERE token=?", token):
            account = self._services.accounts.get(row["account"])
            if account is not None:
                call = self._services.call(account)
                return call, call.load("payment", row["payment"])
        return None

    async def _show(self, request: Request) -> Response:
        with self._services.store.transaction():
            opened = self._open(request)
        self._services.wake()
        if opened is None:
            return PlainTextResponse("No such payment.", 404)
        return self._page(opened[1], note="")

    def _page(self, payment: Json, *, note: str, status: int = 200) -> Response:
        methods = methods_of(payment)
        found = [choice for method in methods for choice in choices(payment, method)]
        template = self._pages.get_template("checkout.html")
        return HTMLResponse(
            template.render(
                payment=payment,
                amount=f"{payment['amount']['value']} {payment['amount']['currency']}",
                methods={name: METHODS[name].name for name in methods},
                choices={word: WORDS[word] for word in WORDS if word in found},
                back=payment.get("redirectUrl"),
                note=note,
            ),
            status,
        )

    async def _act(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        with self._services.store.transaction():
            opened = self._open(request)
            if opened is None:
                return PlainTextResponse("No such payment.", 404)
            call, payment = opened
            try:
                with self._services.store.savepoint(keeps=lambda _: False):
                    move(call, payment, form.get("status", ""), method=form.get("method"))
            except MollieError as rejection:
                payment = call.load("payment", payment["id"])
                return self._page(payment, note=rejection.detail, status=rejection.status)
        self._services.wake()
        leave = payment.get("cancelUrl") if payment["status"] == "canceled" else None
        return RedirectResponse(leave or payment["redirectUrl"], 303)

    async def _dashboard(self, request: Request) -> Response:
        with self._services.store.transaction():
            account = self._services.accounts.get(request.path_params["account"])
            if account is None:
                return PlainTextResponse("No such account.", 404)
            call = self._services.call(account)
            body = call.find(request.path_params["kind"], request.path_params["id"])
        if body is None:
            return PlainTextResponse("No such object.", 404)
        shown = {key: value for key, value in view(call, body).items() if key != "_links"}
        return HTMLResponse(self._pages.get_template("dashboard.html").render(shown=shown))
