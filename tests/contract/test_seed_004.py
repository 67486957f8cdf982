"""Seed 004: POST /stripe/invoices/."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.field_table import printed_in
from tests.contract.response_matching import Json, differences, paths
from tests.support.stripe_account import Account
from tests.support.system import Caller, eventually

PRINTED: Json = printed_in("004_created.json")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Gathering:
    """Calls as the document's curl does."""

    def __init__(self, caller: Caller, account: Account) -> None:
        self.caller = caller
        self.account = account
        self.customer = account.v1.customers.create({"email": PRINTED["customer_email"]}).id
        self.query = {
            "name": caller.demo["app_slug"],
            "connection_name": caller.demo["stripe_connection"],
        }
        self.headers = {"x-api-key": caller.demo["write_key"]}

    def add_item(self, amount: int = 2000) -> str:
        return self.account.v1.invoice_items.create(
            {"customer": self.customer, "amount": amount, "currency": PRINTED["currency"]}
        ).id

    def post(self, path: str = "/stripe/invoices", **more: Any) -> httpx.Response:
        options: dict[str, Any] = {
            "params": self.query,
            "headers": self.headers | FORM,
            "content": f"customer={self.customer}",
        }
        return self.caller.http.post(path, **options | more)


@pytest.fixture
def gathering(caller: Caller, account: Account) -> Gathering:
    return Gathering(caller, account)


def test_the_printed_request_is_answered_field_for_field(gathering: Gathering) -> None:
    item = gathering.add_item()

    answer = gathering.post()

    assert answer.status_code == 200
    invoice = answer.json()
    assert differences("004_created.json", invoice) == []
    assert paths(PRINTED) <= paths(invoice)
    assert invoice["lines"]["data"][0]["invoice_item"] == item
    there = gathering.account.v1.invoices.retrieve(invoice["id"])
    assert (there.status, there.auto_advance, there.total) == ("draft", False, 2000)


def test_nothing_pending_gives_an_empty_draft(gathering: Gathering) -> None:
    invoice = gathering.post("/stripe/invoices/").json()

    assert (invoice["status"], invoice["total"]) == ("draft", 0)
    assert invoice["lines"]["data"] == []


def test_json_is_taken_as_well(gathering: Gathering) -> None:
    answer = gathering.post(
        headers=gathering.headers, json={"customer": gathering.customer}, content=None
    )

    assert answer.status_code == 200


def test_each_item_is_included_once_under_concurrent_requests(gathering: Gathering) -> None:
    for _ in range(3):
        gathering.add_item(500)

    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: gathering.post(), range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["total"] for answer in answers) == [0] * 3 + [1500]
    assert len({answer.json()["id"] for answer in answers}) == 4


@pytest.mark.parametrize("missing", ["name", "connection_name"])
def test_a_query_that_lacks_something_is_400(gathering: Gathering, missing: str) -> None:
    del gathering.query[missing]

    answer = gathering.post()

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "requestId"}
    assert error["message"] == f"{missing}: is required"


@pytest.mark.parametrize("foreign", ["name", "connection_name"])
def test_objects_of_another_app_are_404(gathering: Gathering, foreign: str) -> None:
    gathering.query[foreign] = "somebody-elses"

    answer = gathering.post()

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "[E4040]"
    assert gathering.account.v1.invoices.list({"customer": gathering.customer}).data == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "customer: is required"),
        ("customer=a&customer=b", "the body has a duplicate field"),
        ("customer=cus_unknown", "customer: No such customer: 'cus_unknown'"),
        ("customer=c&colour=red", "colour: is not known here"),
        ("customer=a%20b", "customer: "),
        (b"customer=\xff", "the body is not a form"),
    ],
)
def test_a_wrong_form_is_named(gathering: Gathering, content: str | bytes, message: str) -> None:
    answer = gathering.post(content=content)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)


def test_only_a_write_key_opens_it(gathering: Gathering, caller: Caller) -> None:
    for key, code in (("bh_write_none", "[E4010]"), (caller.demo["read_key"], "[E4011]")):
        answer = gathering.post(headers={"x-api-key": key} | FORM)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == code


def test_another_body_than_a_form_or_json_is_refused(gathering: Gathering) -> None:
    answer = gathering.post(headers=gathering.headers | {"Content-Type": "text/xml"})

    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "[E4150]"


def test_an_answer_that_is_not_there_in_time_is_202_and_the_draft_comes(
    gathering: Gathering,
) -> None:
    gathering.add_item()

    answer = gathering.post(headers=gathering.headers | FORM | {"Prefer": "respond-async"})

    assert answer.status_code == 202
    assert answer.json() == {"id": None, "object": "invoice", "status": "requested"}
    http, headers = gathering.caller.http, gathering.caller.headers("read")
    location = answer.headers["Location"]
    item = eventually(lambda: drafted(http.get(location, headers=headers).json()["items"][0]))
    assert (item["totalMinor"], item["customer"]) == (2000, gathering.customer)


def drafted(item: Json) -> Json | None:
    return item if item["status"] == "draft" else None


def test_a_replay_includes_no_further_items(gathering: Gathering) -> None:
    headers = gathering.headers | FORM | {"Idempotency-Key": f"key-{uuid4()}"}
    gathering.add_item()
    first = gathering.post(headers=headers)
    gathering.add_item()

    again = gathering.post(headers=headers)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
