"""Refunds of an invoice: amounts, states, and how they are shown."""

from uuid import UUID, uuid4

from tests.service.harness import Shop, errors
from tests.service.invoice_outcomes import refund_as
from tests.service.invoices.invoice_actions import NEVER, act, invoice, item
from tests.service.running_service import Service


def test_a_refund_is_shown_by_its_id(shop: Shop) -> None:
    url = invoice(shop, "paid")["url"]
    body = {"amountMinor": 500, "reason": "duplicate", "creditNote": False}
    shown = item(act(shop, f"{url}/refunds", body))
    assert (shown["status"], shown["amountRefundedMinor"]) == ("paid", 500)
    (refund,) = shown["refunds"]
    assert refund["id"] == shown["refundId"]
    assert refund == refund | {
        "status": "succeeded",
        "amountMinor": 500,
        "reason": "duplicate",
        "creditNote": False,
        "code": None,
        "message": None,
    }
    assert refund["providerRefundId"].startswith("re_")
    assert refund["refundedAt"].endswith("Z")
    assert refund["at"].endswith("Z")
    shop.service.wait_for_projection("invoices")
    assert item(shop.get(url))["refunds"] == [refund]


def test_all_that_is_left_is_given_back_without_an_amount(shop: Shop) -> None:
    url = invoice(shop, "paid")["url"]
    first = item(act(shop, f"{url}/refunds", {"amountMinor": 999}))
    second = item(act(shop, f"{url}/refunds"))
    assert second["amountRefundedMinor"] == 1999
    assert [refund["amountMinor"] for refund in second["refunds"]] == [999, 1000]
    assert [refund["id"] for refund in second["refunds"]] == [
        first["refundId"],
        second["refundId"],
    ]
    response = act(shop, f"{url}/refunds")
    assert response.status_code == 400
    assert "all of it has gone back" in errors(response)[0]["message"]


def test_more_than_is_left_is_refused_with_the_field(shop: Shop) -> None:
    url = invoice(shop, "paid", "never")["url"]
    assert act(shop, f"{url}/refunds", {"amountMinor": 1500}, **NEVER).status_code == 202
    response = act(shop, f"{url}/refunds", {"amountMinor": 500}, **NEVER)
    assert response.status_code == 400
    (entry,) = errors(response)
    assert entry["path"] == "amountMinor"
    assert "only 499 can still be given back" in entry["message"]


def test_refunds_at_once_never_exceed_what_was_paid(shop: Shop) -> None:
    url = invoice(shop, "paid", "never")["url"]
    more = {"json": {"amountMinor": 1000}, "headers": shop.headers() | NEVER}
    responses = shop.service.requests([("POST", f"{url}/refunds", more)] * 5)
    statuses = sorted(response.status_code for response in responses)
    assert statuses[0] == 202
    assert set(statuses[1:]) <= {400, 503}


def test_a_refund_that_takes_days_is_pending(shop: Shop) -> None:
    shown = item(act(shop, invoice(shop, "paid", "pending")["url"] + "/refunds"))
    (refund,) = shown["refunds"]
    assert (refund["status"], refund["refundedAt"]) == ("pending", None)
    assert shown["amountRefundedMinor"] == 0


def test_a_failed_refund_is_400_and_can_be_repeated(service: Service, shop: Shop) -> None:
    target = invoice(shop, "paid", "never")
    key = {"idempotency_key": uuid4().hex}
    pending = item(act(shop, target["url"] + "/refunds", **key, **NEVER))
    assert pending["refunds"][0]["status"] == "requested"
    refund_as(service.context, UUID(target["id"]), UUID(pending["refundId"]), "failed")
    response = act(shop, target["url"] + "/refunds", **key)
    assert response.status_code == 400
    (entry,) = errors(response)
    assert entry["providerCode"] == "refund_refused"
    assert entry["message"] == "The card's bank takes nothing back."
    assert act(shop, target["url"] + "/refunds", **NEVER).status_code == 202
