"""Objects prepared for requests: invoices by status, subscriptions, stuck work."""

from collections import deque
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from cli.local.files import saved_settings
from domain.billing import Billing
from domain.invoices.commands import RequestInvoice
from domain.invoices.invoice import Invoice
from eventlog import persistence
from eventlog.log import Log
from tests.support.mollie_admin import MollieAdmin
from tests.support.system import DEMO_MOLLIE_KEY, Caller, System, eventually

Json = dict[str, Any]
_AT_ONCE: Final = 12
_STANDS: Final = {
    "retryInvoice": "failed",
    "voidInvoice": "failed",
    "markInvoiceUncollectible": "failed",
    "finalizeInvoice": "draft",
    "refundInvoice": "paid",
    "captureInvoice": "authorized",
    "cancelSubscription": "subscribed",
    "changeSubscription": "subscribed",
}


class Stock:
    """Supplies objects in the state that an operation needs; keeps those that it rejected."""

    def __init__(self, system: System, caller: Caller) -> None:
        self._demo = system.demo
        self._caller = caller
        self._ready: dict[str, deque[str]] = {stands: deque() for stands in _STANDS.values()}
        self._handed: tuple[str, str] | None = None
        self._log = Log.open(
            saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"],
            application_name="contract tests",
        )
        name = f"contract-{uuid4()}"
        persistence.register(name, self._log)
        self._billing = Billing(
            env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": name}
        )

    def close(self) -> None:
        self._log.close()

    def hand_out(self, operation_id: str) -> str | None:
        """Return an invoice or a subscription for an operation; None where any will do."""
        stands = _STANDS.get(operation_id)
        if stands is None:
            return None
        ready = self._ready[stands]
        if not ready:
            ready.extend(self._made(stands))
        self._handed = stands, ready.popleft()
        return self._handed[1]

    def release(self, *, used: bool) -> None:
        """Record whether the last object handed out was used; an unused one is kept."""
        if self._handed is not None and not used:
            stands, invoice_id = self._handed
            self._ready[stands].appendleft(invoice_id)
        self._handed = None

    def work_that_gave_up(self) -> str:
        """Return the id of new work that gave up; what is sent again ends with a final error."""
        invoice = Invoice.request(self._request_by_no_connection(), occurred_at=datetime.now(UTC))
        # In one append: the job would end before a second one.
        invoice.give_up("plan", attempts=1, last_error="unknown", occurred_at=datetime.now(UTC))
        self._billing.save(invoice)

        def is_listed() -> bool:
            work = self._caller.get("/work", state="gave_up")["items"]
            return any(each["invoiceId"] == str(invoice.id) for each in work)

        eventually(is_listed)
        return f"invoice:{invoice.id}"

    def _made(self, stands: str) -> list[str]:
        """Request several at once, and wait for each."""
        if stands == "authorized":
            return self._authorized()
        if stands == "draft":
            return [_id_in(self._gather(str(uuid4()), "wait=30")) for _ in range(_AT_ONCE)]
        more: Json = {}
        if stands == "failed":
            more = {"paymentMethod": self._demo["payment_methods"]["declined"]}
        if stands == "subscribed":
            line = {"price": self._demo["prices"]["monthly"]}
            more = {"type": "subscription", "lineItems": [line]}
        keys = [str(uuid4()) for _ in range(_AT_ONCE)]
        for key in keys:
            self._post(key, "respond-async", **more)
        answers = [self._post(key, "wait=30", **more) for key in keys]
        if stands == "subscribed":
            return [answer.json()["items"][0]["subscriptionId"] for answer in answers]
        return [_id_in(answer) for answer in answers]

    def _authorized(self) -> list[str]:
        """Authorize payments on account at Mollie, and wait until each is recorded."""
        tenant = self._demo["tenant_id"]
        line = {"name": "Boots", "amountMinor": 5000, "currency": "eur"}
        body: Json = self._caller.body(tenant) | {"lineItems": [line], "paymentMethod": "klarna"}
        found: list[str] = []
        with MollieAdmin(self._demo["sandbox_url"], DEMO_MOLLIE_KEY) as admin:
            for _ in range(_AT_ONCE):
                answer = self._caller.http.post(
                    f"{self._caller.app_path}/tenants/{tenant}/payment-providers/mollie/invoices",
                    json=body,
                    headers=self._caller.headers("write") | {"prefer": "wait=30"},
                )
                (item,) = answer.json()["items"]
                admin.outcome(item["providerObjectId"], "authorized")
                found.append(item["id"])
        eventually(lambda: all(map(self._is_authorized, found)))
        return found

    def _is_authorized(self, invoice_id: str) -> bool:
        return bool(self._caller.invoice(invoice_id)["amountCapturableMinor"])

    def _post(self, key: str, prefer: str, **more: Any) -> httpx.Response:
        return self._caller.post_invoice(self._demo["tenant_id"], key=key, prefer=prefer, **more)

    def _gather(self, key: str, prefer: str) -> httpx.Response:
        return self._caller.http.post(
            "/stripe/invoices/",
            params={
                "name": self._demo["app_slug"],
                "connection_name": self._demo["stripe_connection"],
            },
            data={"customer": self._demo["stripe_customer"]},
            headers={
                "x-api-key": self._demo["write_key"],
                "idempotency-key": key,
                "prefer": prefer,
            },
        )

    def _request_by_no_connection(self) -> RequestInvoice:
        return RequestInvoice(
            invoice_id=uuid4(),
            app_id=UUID(self._demo["app_id"]),
            tenant_id=UUID(self._demo["tenant_id"]),
            provider="stripe",
            connection="gone",
            connection_id=uuid4(),
            mode="test",
            dialect="002",
            type="payment",
            lines=[{"name": "Tea", "quantity": 1, "amount_minor": 1, "currency": "eur"}],
            request_hash="",
            actor="operator",
        )


def _id_in(answer: httpx.Response) -> str:
    """Read the invoice's id from where the answer says that it is."""
    assert answer.status_code in (200, 402), answer.text
    return answer.headers["location"].partition("?")[0].rpartition("/")[2]
