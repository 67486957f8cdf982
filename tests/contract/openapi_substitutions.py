"""Replace values that schemathesis generates by objects of a running system."""

import itertools
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from service.invoices.documents import Links
from tests.contract.openapi_fixtures import Stock
from tests.support.system import Caller, System

Json = dict[str, Any]
# Whatever is made up here would change what all the others stand on, or take its time.
ALWAYS_FILLED = frozenset({"updateApp", "putConnection", "listEvents", "replayDeadLetters"})
# Their only success is a 202.
ACCEPTED = frozenset({"replayDeadLetters"})


class Things:
    """An app with a tenant, invoices, keys and a catalogue; fills parts of requests with them.

    What an operation's path, query or body needs has a method called by its name.
    """

    def __init__(self, system: System) -> None:
        self.demo = system.demo
        self.caller = Caller(system.demo)
        self.stock = Stock(system, self.caller)
        self._numbers = itertools.count(1)
        self._cards: Iterator[str] = itertools.cycle(self.demo["payment_methods"].values())
        self.price = self.demo["prices"]["one_time"]
        self.tax_rate = self.demo["tax_rates"]["standard"]
        invoice = self._paid_invoice()
        master_key = (system.data_dir / "master.key").read_text().strip()
        return_url = Links([master_key], public_url="").return_url(UUID(invoice["id"]))
        self._patch_client_list()
        for path in ("prices/known", "tax-rates/known"):
            self._put(path, {"prices": self._price({}), "tax-rates": self._tax_rate({})})
        self.token = self._token()
        self._ids = {
            "appUuid": self.demo["app_id"],
            "tenantUuid": self.demo["tenant_id"],
            "tenantId": self.demo["tenant_id"],
            "invoiceUuid": invoice["id"],
            "subscriptionId": self._subscription_id(),
            "deliveryUuid": self._delivery_of(invoice["id"]),
            "id": invoice["id"],
            "paymentProvider": "stripe",
            "provider": "stripe",
            "connectionId": _last(self.demo["webhook_urls"][self.demo["stripe_connection"]]),
            "name": self.demo["stripe_connection"],
        }
        self._ids_of = {
            "openDocument": {"token": _last(invoice["documentUrl"])},
            "getReturnPage": {"token": _last(return_url)},
            "getPrice": {"priceId": "known"},
            "getTaxRate": {"taxRateId": "known"},
            "putConnection": {"name": "spare"},
            "getPaymentMethodSetup": {"setupUuid": self._setup_id()},
        }

    def path(self, operation_id: str, given: Json) -> Json:
        """Name what exists."""
        known = self._ids | self._ids_of.get(operation_id, {})
        if operation_id == "deleteConnection":
            known |= {"name": self._connection_to_lose()}
        if operation_id == "resendWork":
            known |= {"workId": self.stock.work_that_gave_up()}
        needed = self.stock.hand_out(operation_id)
        if needed is not None:
            known |= {"invoiceUuid": needed, "subscriptionId": needed}
        if "keyUuid" in given:
            known |= {"keyUuid": self._key_to_lose()}
        return {name: known.get(name, value) for name, value in given.items()}

    def query(self, operation_id: str, given: Json) -> Json:
        """Replace filters by values that exist and do not exclude each other."""
        known = {
            "tenantUuid": self.demo["tenant_id"],
            "minPosition": 1,
            "after": 1,
            "wait": 0,
            "q": "in",
            "asOf": "2100-01-01T00:00:00Z",
            "timezone": "Europe/Berlin",
            "page": 1,
            "from": "2026-01-01",
            "to": "2026-02-01",
        }
        if operation_id == "createPendingItemsDraft":
            known |= {
                "name": self.demo["app_slug"],
                "connection_name": self.demo["stripe_connection"],
            }
        kept = {name: known.get(name, value) for name, value in given.items()}
        kept.pop("cursor", None)
        if kept.get("unassigned"):
            kept.pop("tenantUuid", None)
        if "from" in kept:
            kept["to"] = known["to"]
        if {"currency", "amountMin", "amountMax"} & kept.keys():
            kept["currency"] = "eur"
        if kept.get("format") == "csv":
            kept.pop("limit", None)
            kept.pop("page", None)
        return kept

    def body(self, operation_id: str, given: Json) -> Json:
        """Return a request body that can be carried out."""
        fill = {
            "createInvoice": self._invoice,
            "chargeTenant": self._charge,
            "chargeTenantWithKey": self._charge,
            "createAdminInvoice": self._draft,
            "createPendingItemsDraft": self._gather,
            "putTenant": self._tenant,
            "putPrice": self._price,
            "putTaxRate": self._tax_rate,
            "updateApp": self._app,
            "putConnection": self._connection,
            "receiveWebhook": self._delivery,
            "createPaymentMethodSetup": self._setup,
            "retryInvoice": self._retry,
            "refundInvoice": self._refund,
            "captureInvoice": self._refund,
            "changeSubscription": self._change,
            "replayDeadLetters": self._replay,
        }.get(operation_id)
        return given if fill is None else fill(dict(given))

    def _invoice(self, body: Json) -> Json:
        for name in ("connection", "expectedTotalMinor", "test", "redirectUrl"):
            body.pop(name, None)
        body |= {"tenantUuid": self.demo["tenant_id"], "type": "payment"}
        body["lineItems"] = [self._line(line) for line in body["lineItems"][:3]]
        known = {"taxRateId": self.tax_rate, "paymentMethod": next(self._cards)}
        return body | {name: known[name] for name in known if body.get(name) is not None}

    def _line(self, line: Json) -> Json:
        if line.get("price") is not None:
            return {"price": self.price, "quantity": 1}
        return line | {"amountMinor": 1999, "currency": "eur", "quantity": 2, "price": None}

    def _charge(self, body: Json) -> Json:
        for name in ("test", "tenantId", "userId"):
            body.pop(name, None)
        known = {"price": self.price, "taxRate": self.tax_rate, "mode": "payment", "quantity": 1}
        return body | known

    def _draft(self, body: Json) -> Json:
        draft = body.get("data", body)
        draft = draft | {"customer": self.demo["stripe_customer"], "items": draft["items"][:3]}
        draft.pop("paymentMethod", None)
        return {"data": draft} if "data" in body else draft

    def _gather(self, body: Json) -> Json:
        return body | {"customer": self.demo["stripe_customer"]}

    def _tenant(self, body: Json) -> Json:
        if "providerCustomers" not in body:
            return body  # an empty list would unlink the customer that other requests charge
        link = {
            "connection": self.demo["stripe_connection"],
            "customerId": self.demo["stripe_customer"],
        }
        return body | {"providerCustomers": [link]}

    def _price(self, body: Json) -> Json:
        body |= {"currency": "eur", "amountMinor": 1999, "intervalCount": None}
        return body | ({"intervalCount": 1} if body.get("interval") else {})

    def _tax_rate(self, body: Json) -> Json:
        return {"inclusive": False} | body | {"percentage": 19.5}

    def _app(self, body: Json) -> Json:
        for name in ("slug", "enabled", "defaultConnections", "tokens"):
            body.pop(name, None)
        known = {
            "clientPrices": [self.price],
            "clientTaxRates": [self.tax_rate],
            "timeZone": "Europe/Berlin",
            "invoiceDefaults": {"footer": "Thank you.", "currency": "eur"},
        }
        return body | {name: known[name] for name in known if name in body}

    def _connection(self, body: Json) -> Json:
        known = {"provider": "stripe", "secretKey": "sk_test_spare", "default": False}
        return body | known

    def _retry(self, body: Json) -> Json:
        known = {"paymentMethod": next(self._cards)}
        return body | {name: known[name] for name in known if body.get(name) is not None}

    def _refund(self, body: Json) -> Json:
        return body | {"amountMinor": 1}

    def _replay(self, body: Json) -> Json:
        """Name at least one filter, without which a replay is refused."""
        return {name: body[name] for name in ("limit",) if name in body} | {"reason": "unreadable"}

    def _setup(self, body: Json) -> Json:
        for name in ("connection", "test"):
            body.pop(name, None)
        known = {"provider": "stripe", "redirectUrl": "https://shop.example.com/saved"}
        return body | {name: known[name] for name in known if body.get(name) is not None}

    def _change(self, body: Json) -> Json:
        line = {"price": self.demo["prices"]["monthly"], "quantity": 2}
        return body | {"lineItems": [line]}

    def _delivery(self, body: Json) -> Json:
        return body | {"livemode": False}

    def _paid_invoice(self, **more: Any) -> Json:
        answer = self.caller.post_invoice(self.demo["tenant_id"], prefer="wait=30", **more)
        assert answer.status_code == 200, answer.text
        invoice: Json = answer.json()["items"][0]
        return invoice

    def _subscription_id(self) -> str:
        lines = [{"price": self.demo["prices"]["monthly"]}]
        invoice = self._paid_invoice(type="subscription", lineItems=lines)
        return str(invoice["subscriptionId"])

    def _delivery_of(self, invoice_id: str) -> str:
        """Wait until one of the provider's deliveries about an invoice is in the inbox."""
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            answer = self.caller.http.get(
                f"{self.caller.app_path}/webhook-deliveries",
                params={"invoiceId": invoice_id, "type": "invoice.paid"},
                headers={"api-key": self.demo["admin_key"]},
            )
            for delivery in answer.json()["items"]:
                return str(delivery["id"])
        raise AssertionError("the provider has delivered nothing")

    def _put(self, path: str, bodies: Json) -> None:
        body = bodies[path.partition("/")[0]]
        self._made("PUT", path, body)

    def _made(self, method: str, path: str, body: Json) -> Json:
        answer = self.caller.http.request(
            method,
            f"{self.caller.app_path}/{path}",
            json=body,
            headers={"api-key": self.demo["admin_key"]},
        )
        assert answer.status_code == 200, answer.text
        made: Json = answer.json()["items"][0]
        return made

    def _setup_id(self) -> str:
        path = f"tenants/{self.demo['tenant_id']}/payment-methods/setup"
        setup_id: str = self._made("POST", path, {"provider": "stripe"})["id"]
        return setup_id

    def _patch_client_list(self) -> None:
        lists = {"clientPrices": [self.price], "clientTaxRates": [self.tax_rate]}
        self._made("PATCH", "", lists)

    def _token(self) -> str:
        body = {"expiresInSeconds": 3600}
        path = f"tenants/{self.demo['tenant_id']}/access-tokens"
        token: str = self._made("POST", path, body)["token"]
        return token

    def _key_to_lose(self) -> str:
        key_id: str = self._made("POST", "api-keys", {"kind": "read"})["id"]
        return key_id

    def _connection_to_lose(self) -> str:
        name = f"gone-{next(self._numbers)}"
        self._made("PUT", f"payment-connections/{name}", self._connection({}))
        return name


def _last(url: str) -> str:
    return url.rpartition("/")[2]
