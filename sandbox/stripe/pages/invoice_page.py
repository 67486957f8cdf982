"""Hosted invoice page, with payment and authentication, and the invoice's PDF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.common.store import Json
from sandbox.stripe.admin.customer_actions import pay_on_page
from sandbox.stripe.collection import pay as payment
from sandbox.stripe.collection.debits import CURRENCY, is_processing
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import StripeError, keeps_changes
from sandbox.stripe.core.forms import parse
from sandbox.stripe.core.money import shown
from sandbox.stripe.pages.pdf import document
from sandbox.stripe.server.services import Services

CARDS = {
    "pm_card_visa": "Visa 4242: succeeds",
    "pm_card_mastercard": "Mastercard 4444: succeeds",
    "pm_card_chargeCustomerFail": "Visa 0341: declined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "Visa 9995: insufficient funds",
    "pm_card_authenticationRequired": "Visa 3184: wants authentication",
}

DEBITS = {
    "DE89370400440532013000": "SEPA debit 3000: succeeds after three days",
    "DE62370400440532013001": "SEPA debit 3001: fails after three days",
}

Act = Callable[[Call, Json, Json], str]


class InvoicePage:
    """The pages behind ``hosted_invoice_url`` and ``invoice_pdf``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        folder = FileSystemLoader(Path(__file__).parent)
        self._template = Environment(loader=folder, autoescape=True).get_template("invoice.html")

    def routes(self) -> list[Route]:
        """Returns the routes of the pages."""
        page = "/stripe/i/{token}"
        return [
            Route(page, self._show, methods=["GET"]),
            Route(f"{page}/pdf", self._pdf, methods=["GET"]),
            Route(f"{page}/credit_notes/{{note}}/pdf", self._note_pdf, methods=["GET"]),
            Route(f"{page}/pay", self._acting(_pay), methods=["POST"]),
            Route(f"{page}/confirm", self._acting(_confirm), methods=["POST"]),
            Route(f"{page}/fail", self._acting(_fail), methods=["POST"]),
        ]

    def _open(self, request: Request) -> tuple[Call, Json] | None:
        token = request.path_params["token"]
        for row in self._services.store.rows("SELECT * FROM hosted_pages WHERE token=?", token):
            account = self._services.accounts.get(row["account"])
            if account is not None:
                with self._services.store.transaction():
                    self._services.agenda.catch_up(account)
                call = self._services.call(account)
                return call, call.load("invoice", row["invoice"])
        return None

    async def _show(self, request: Request) -> Response:
        opened = self._open(request)
        if opened is None:
            return PlainTextResponse("No such invoice.", 404)
        call, invoice = opened
        processing = is_processing(call, invoice)
        return HTMLResponse(
            self._template.render(
                invoice=invoice,
                lines=call.all("line_item", owner=invoice["id"]),
                waits=payment.awaits_customer(call, invoice),
                payable=invoice["status"] in {"open", "uncollectible"} and not processing,
                processing=processing,
                methods=CARDS | (DEBITS if invoice["currency"] == CURRENCY else {}),
                note=request.query_params.get("note", ""),
                money=lambda amount: shown(amount, invoice["currency"]),
                base=f"{self._services.public_url()}/stripe/i/{invoice['_token']}",
            )
        )

    async def _pdf(self, request: Request) -> Response:
        opened = self._open(request)
        if opened is None:
            return PlainTextResponse("No such invoice.", 404)
        call, invoice = opened
        lines = [f"Invoice {invoice['number']}", f"Status: {invoice['status']}", ""]
        for line in call.all("line_item", owner=invoice["id"]):
            amount = shown(line["amount"], line["currency"])
            lines.append(f"{line['quantity']} x {line['description'] or ''}: {amount}")
        lines += ["", f"Total: {shown(invoice['total'], invoice['currency'])}"]
        return Response(document(lines), media_type="application/pdf")

    async def _note_pdf(self, request: Request) -> Response:
        opened = self._open(request)
        note = opened[0].find("credit_note", request.path_params["note"]) if opened else None
        if opened is None or note is None or note["invoice"] != opened[1]["id"]:
            return PlainTextResponse("No such credit note.", 404)
        lines = [f"Credit note {note['number']}", f"Status: {note['status']}", ""]
        lines.append(f"Total: {shown(note['total'], note['currency'])}")
        return Response(document(lines), media_type="application/pdf")

    def _acting(self, act: Act) -> Callable[..., object]:
        async def handle(request: Request) -> Response:
            form = parse((await request.body()).decode("utf-8", "replace"))
            opened = self._open(request)
            if opened is None:
                return PlainTextResponse("No such invoice.", 404)
            call, invoice = opened
            with self._services.store.transaction():
                try:
                    with self._services.store.savepoint(keeps=keeps_changes):
                        note = act(call, invoice, dict(form))
                except StripeError as rejection:
                    note = rejection.message
            self._services.wake()
            base = f"{self._services.public_url()}/stripe/i/{invoice['_token']}"
            return RedirectResponse(f"{base}?note={quote(note)}", 303)

        return handle


def _pay(call: Call, invoice: Json, form: Json) -> str:
    return pay_on_page(call, invoice, form.get("payment_method"))


def _confirm(call: Call, invoice: Json, _: Json) -> str:
    payment.confirm(call, invoice)
    return "Authenticated and paid. Thank you."


def _fail(call: Call, invoice: Json, _: Json) -> str:
    payment.fail_authentication(call, invoice)
    return "The authentication failed; nothing was charged."
