"""Seed 003: GET and POST /admin/api/invoices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.contract.field_table import printed_in
from tests.contract.response_matching import Json, differences, paths
from tests.support.stripe_account import Account
from tests.support.system import Caller, eventually

PAYLOAD: Json = printed_in("003_payload.json")
PRINTED: Json = printed_in("003_created.json")
URL = "/admin/api/invoices"


class Admin:
    """Calls as the document prints them, with the demo's admin key."""

    def __init__(self, caller: Caller, account: Account) -> None:
        self.caller = caller
        self.account = account
        self.headers = {"Api-Key": caller.demo["admin_key"]}

    def add_customer(self, **more: Any) -> tuple[str, str]:
        """A customer as the document prints one; returns it and its card."""
        printed: Any = {
            "name": PRINTED["customer_name"],
            "email": PRINTED["customer_email"],
            "address": PRINTED["customer_address"],
        }
        customer = self.account.v1.customers.create(printed | more).id
        card = self.account.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
        return customer, card

    def payload(self) -> Json:
        """The printed payload, for a customer of this account."""
        customer, card = self.add_customer()
        return PAYLOAD | {"customer": customer, "paymentMethod": card}

    def post(self, body: Any, **headers: str) -> httpx.Response:
        return self.caller.http.post(URL, json=body, headers=self.headers | headers)

    def get(self, path: str = "", **query: Any) -> httpx.Response:
        return self.caller.http.get(URL + path, params=query, headers=self.headers)

    def set_defaults(self, **defaults: str | None) -> None:
        changed = self.caller.http.patch(
            self.caller.app_path, json={"invoiceDefaults": defaults}, headers=self.headers
        )
        assert changed.status_code == 200, changed.text


@pytest.fixture
def admin(caller: Caller, account: Account) -> Admin:
    return Admin(caller, account)


@pytest.fixture
def defaults(admin: Admin) -> Iterator[None]:
    """The app prints on its invoices what the document shows."""
    admin.set_defaults(description=PRINTED["description"], footer=PRINTED["footer"])
    yield
    admin.set_defaults(description=None, footer=None)


@pytest.mark.usefixtures("defaults")
def test_the_printed_payload_is_answered_field_for_field(admin: Admin) -> None:
    body = admin.payload()

    answer = admin.post(body)

    assert answer.status_code == 200
    invoice = answer.json()
    assert differences("003_created.json", invoice) == []
    assert paths(printed_in("003_created.json")) - paths(invoice) == {"lines.data"}
    assert invoice["default_payment_method"] == body["paymentMethod"]
    assert invoice["next_payment_attempt"] == pytest.approx(invoice["created"] + 3600, abs=60)
    (line,) = invoice["lines"]["data"]
    assert (line["description"], line["amount"], line["type"]) == (
        " All resources",
        1,
        "invoiceitem",
    )
    assert line["price"]["unit_amount"] == 1
    there = admin.account.v1.invoices.retrieve(invoice["id"])
    assert (there.status, there.auto_advance, there.total) == ("draft", True, 1)


def test_the_payload_may_be_nested_in_data(admin: Admin) -> None:
    answer = admin.post({"data": admin.payload()})

    assert answer.status_code == 200
    assert answer.json()["status"] == "draft"


def test_stripes_updates_of_the_draft_are_listed_and_shown(admin: Admin) -> None:
    customer, card = admin.add_customer()
    items = [{"name": "Seats", "amount": 3000}, {"name": "Support", "amount": 300}]
    made = admin.post({"items": items, "customer": customer, "paymentMethod": card}).json()
    admin.account.v1.invoices.finalize_invoice(made["id"])
    admin.account.v1.invoices.pay(made["id"])

    shown = eventually(lambda: with_status(admin.get(f"/{made['id']}"), "paid"))

    assert differences("003_one.json", shown) == []
    assert set(shown or {}) == set(printed_in("003_one.json"))
    assert (shown["invoiceId"], shown["amount"]) == (made["id"], 3300)
    assert shown["user"] == {"_id": customer, "name": "John Doe"}

    def is_listed_as_paid() -> Json | None:
        """Return the list once the read model has the payment, which the invoice had at once."""
        listed = admin.get(page=1, limit=5)
        assert listed.status_code == 200
        found: Json = listed.json()
        return found if found["invoices"][0]["status"] == "paid" else None

    assert differences("003_list.json", eventually(is_listed_as_paid)) == []

    def is_shown_alike() -> bool:
        """Compare the three answers anew: webhooks that follow the payment move `updatedAt`."""
        alone = admin.get(f"/{made['id']}").json()
        by_our_id = admin.get(f"/{UUID(shown['_id'])}", page="1", limit="5").json()
        first = admin.get(page=1, limit=5).json()["invoices"][0]
        return bool(alone == by_our_id == first)

    assert eventually(is_shown_alike)
    assert shown["invoicePdf"].startswith(admin.caller.demo["base_url"])


def test_a_tenants_customer_is_shown_as_the_tenant(admin: Admin) -> None:
    customer, card = admin.add_customer()
    tenant_id = admin.caller.add_tenant(customer)
    items = [{"name": "Seats", "amount": 3000}]

    answer = admin.post({"items": items, "customer": customer, "paymentMethod": card})

    made, position = answer.json(), answer.headers["X-Billhook-Position"]
    shown = admin.get(f"/{made['id']}", minPosition=position).json()
    assert shown["user"] == {"_id": tenant_id, "name": "John Doe"}
    assert (shown["status"], shown["amount"]) == ("draft", 3000)
    listed = admin.caller.get(f"/tenants/{tenant_id}/invoices")
    assert [item["providerObjectId"] for item in listed["items"]] == [made["id"]]


def with_status(answer: httpx.Response, status: str) -> Json | None:
    found: Json = answer.json()
    return found if answer.status_code == 200 and found["status"] == status else None


def test_pages_follow_each_other_newest_first_and_are_counted_exactly(admin: Admin) -> None:
    before = admin.get(page=1, limit=1).json()["count"]
    made = [admin.post(admin.payload()).json()["id"] for _ in range(3)]

    eventually(lambda: admin.get(page=1, limit=1).json()["count"] == before + 3)
    pages = [admin.get(page=page, limit=1).json()["invoices"] for page in (1, 2, 3)]

    assert [page[0]["invoiceId"] for page in pages] == list(reversed(made))
    assert {page[0]["status"] for page in pages} == {"draft"}
    assert {page[0]["invoicePdf"] for page in pages} == {None}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "page: is required; limit: is required"),
        ({"page": 0, "limit": 5}, "page: "),
        ({"page": 1, "limit": 101}, "limit: "),
        ({"page": 1, "limit": "five"}, "limit: "),
        ({"page": 1, "limit": 5, "colour": "red"}, "colour: is not known here"),
    ],
)
def test_a_wrong_query_is_named(admin: Admin, query: dict[str, Any], message: str) -> None:
    answer = admin.get(**query)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "requestId"}
    assert error["code"] == "[E4000]"
    assert error["message"].startswith(message)
    assert error["requestId"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("named", ["00000000-0000-4000-8000-000000000404", "in_nothing", "in_%00"])
def test_an_invoice_that_is_not_there_is_404(admin: Admin, named: str) -> None:
    answer = admin.get(f"/{named}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "[E4040]"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"items": []}, "items: "),
        ({"items": [{"name": "a", "amount": 0}]}, "items.0.amount: "),
        ({"items": [{"amount": 1}]}, "items.0.name: is required"),
        ({"customer": None}, "customer: "),
        ({"colour": "red"}, "colour: is not known here"),
        ({"customer": "cus_unknown"}, "customer: No such customer: 'cus_unknown'"),
        ({"paymentMethod": "pm_unknown"}, "paymentMethod: "),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_left(
    admin: Admin, more: dict[str, Any], message: str
) -> None:
    body = admin.payload()

    answer = admin.post(body | more)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)
    assert admin.account.v1.invoices.list({"customer": body["customer"]}).data == []


def test_only_an_admin_key_opens_it(admin: Admin, caller: Caller) -> None:
    for key, code in (("bh_admin_none", "[E4010]"), (caller.demo["write_key"], "[E4011]")):
        admin.headers = {"Api-Key": key}
        for answer in (admin.get(page=1, limit=5), admin.post(PAYLOAD)):
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == code


def test_an_answer_that_is_not_there_in_time_is_202(admin: Admin) -> None:
    answer = admin.post(admin.payload(), Prefer="respond-async")

    assert answer.status_code == 202
    assert answer.json() == {"id": None, "object": "invoice", "status": "requested"}
    assert answer.headers["Location"].startswith(admin.caller.app_path)


def test_a_replay_is_the_first_answer_also_once_stripe_has_moved_on(admin: Admin) -> None:
    body, key = admin.payload(), {"Idempotency-Key": f"key-{uuid4()}"}
    first = admin.post(body, **key)
    admin.account.v1.invoices.finalize_invoice(first.json()["id"])

    again = admin.post(body, **key)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert len(admin.account.v1.invoices.list({"customer": body["customer"]}).data) == 1
