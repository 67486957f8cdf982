"""A request comes in, a worker charges, the webhook comes back, the read model shows it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from tests.support import plain_http
from tests.support.stripe_account import Account
from tests.support.system import Caller, Json, eventually


def taken(account: Account, invoice: Json) -> int:
    """Return the amount charged for an invoice by the sandbox's ledger."""
    entries = account.admin.ledger()["entries"]
    return sum(
        entry["amount"]
        for entry in entries
        if entry["kind"] == "charge" and entry["invoice"] == invoice["providerObjectId"]
    )


def test_a_slow_provider_with_late_webhooks_ends_paid_listed_and_with_a_full_timeline(
    caller: Caller, account: Account
) -> None:
    account.admin.set_latency(300)
    account.admin.set_webhooks(delay_ms=1000)
    tenant_id = caller.add_tenant(account.add_customer())

    answer = caller.post_invoice(tenant_id, taxRateId=caller.demo["tax_rates"]["standard"])

    assert answer.status_code == 200
    item = answer.json()["items"][0]
    assert (item["status"], item["totalMinor"], item["amountPaidMinor"]) == ("paid", 2419, 2419)
    listed = caller.list_after(answer, tenant_id, status="paid")
    assert [row["id"] for row in listed] == [item["id"]]
    timeline = eventually(lambda: confirmed(caller.timeline(item["id"])))
    steps = [entry["data"]["step"] for entry in timeline if entry["type"] == "invoice.step_started"]
    assert steps == ["create", "lines", "finalize", "pay"]
    types = [entry["type"] for entry in timeline]
    assert types[0] == "invoice.requested"
    assert types.index("invoice.issued") < types.index("invoice.payment_succeeded")
    assert taken(account, item) == 2419


def confirmed(timeline: list[Json]) -> list[Json]:
    """The timeline once a webhook stands on it after the payment; empty before."""
    types = [entry["type"] for entry in timeline]
    if "invoice.payment_succeeded" not in types:  # the read model is behind the answer
        return []
    after = timeline[types.index("invoice.payment_succeeded") + 1 :]
    provider_types = [entry["data"].get("providerType") for entry in after]
    return timeline if "invoice.paid" in provider_types else []


def test_a_declined_card_is_402_with_its_codes_and_nothing_is_charged(
    caller: Caller, account: Account
) -> None:
    tenant_id = caller.add_tenant(account.add_customer("insufficient_funds"))

    answer = caller.post_invoice(tenant_id)

    assert answer.status_code == 402
    error = answer.json()["errors"][0]
    assert (error["code"], error["providerCode"], error["declineCode"]) == (
        "[E4020]",
        "card_declined",
        "insufficient_funds",
    )
    failed = caller.list_after(answer, tenant_id)[0]
    assert failed["status"] == "failed"
    assert taken(account, failed) == 0


def test_after_the_customer_confirmed_on_the_providers_page_the_invoice_is_paid(
    caller: Caller, account: Account
) -> None:
    tenant_id = caller.add_tenant(account.add_customer("needs_authentication"))

    item = caller.post_invoice(tenant_id).json()["items"][0]

    assert item["status"] == "requires_action"
    assert taken(account, item) == 0
    confirm_on_page(item["nextAction"]["url"])
    paid = eventually(lambda: by_status(caller, item["id"], "paid"))
    assert paid["amountPaidMinor"] == 1999
    assert taken(account, item) == 1999


def confirm_on_page(url: str) -> None:
    """Open the hosted page and press the button that confirms, as a browser would."""
    page = plain_http.get(url).text
    forms = re.findall(r"<form[^>]*action=\"([^\"]+)\"", page)
    action = next(form for form in forms if "confirm" in form)
    pressed = plain_http.post(str(httpx.URL(url).join(action)), follow_redirects=True)
    assert pressed.is_success, pressed.text


def by_status(caller: Caller, invoice_id: str, status: str) -> Json:
    item = caller.invoice(invoice_id)
    return item if item["status"] == status else {}


def test_webhooks_that_come_twice_and_backwards_change_nothing(
    caller: Caller, account: Account
) -> None:
    account.admin.set_webhooks(hold=True, copies=2, order="reverse")
    item = caller.post_invoice(caller.add_tenant(account.add_customer())).json()["items"][0]

    account.admin.release()

    eventually(lambda: confirmed(caller.timeline(item["id"])))
    eventually(lambda: all(d["state"] == "delivered" for d in account.admin.deliveries()))
    after = caller.invoice(item["id"])
    assert (after["status"], after["amountPaidMinor"]) == ("paid", 1999)
    types = [entry["type"] for entry in caller.timeline(item["id"])]
    assert types.count("invoice.payment_succeeded") == 1


def test_fifty_at_once_under_one_key_make_one_invoice_one_charge_and_equal_answers(
    caller: Caller, account: Account
) -> None:
    account.admin.set_latency(100)
    tenant_id = caller.add_tenant(account.add_customer())
    key = f"fifty-{uuid4()}"

    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(lambda _: caller.post_invoice(tenant_id, key=key), range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    replayed = [answer for answer in answers if answer.headers.get("Idempotent-Replayed")]
    assert len(replayed) == 49
    items = caller.list_after(answers[0], tenant_id)
    assert len(items) == 1
    assert taken(account, items[0]) == 1999


def test_respond_async_is_202_with_the_address_of_the_result(
    caller: Caller, account: Account
) -> None:
    account.admin.set_latency(200)
    tenant_id = caller.add_tenant(account.add_customer())

    answer = caller.post_invoice(tenant_id, prefer="respond-async")

    assert answer.status_code == 202
    assert answer.json()["items"][0]["status"] == "requested"
    assert int(answer.headers["Retry-After"]) >= 1
    location = answer.headers["Location"]
    at_once = caller.http.get(location, headers=caller.headers("read"))
    assert at_once.status_code == 200
    invoice_id = at_once.json()["items"][0]["id"]
    eventually(lambda: by_status(caller, invoice_id, "paid"))
