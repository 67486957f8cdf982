"""Forms of the pages: who may send them, what they record, and that they record it once."""

import re
from uuid import UUID, uuid4

import pytest

from service.dashboard.routes import DASHBOARD_ROUTES
from tests.service.dashboard.shown_invoices import invoice_of
from tests.service.dashboard.visits import Visit, token_in, visit
from tests.service.harness import Shop, stripe_event
from tests.support.immediate_relay import relay


def test_read_keys_see_and_do_not_act(shop: Shop) -> None:
    invoice_id = invoice_of(shop)
    visitor = visit(shop, "read")
    page = visitor.get(f"/dashboard/invoices/{invoice_id}")
    assert page.status_code == 200
    assert "Refund</a>" not in page.text
    token = token_in(page)
    paths = [
        re.sub(r"{\w+}", str(uuid4()), route.path)
        for route in DASHBOARD_ROUTES
        if "POST" in (route.methods or ())
    ]
    harmless = {"/dashboard/sign-in", "/dashboard/sign-out", "/dashboard/theme"}
    assert len(paths) > len(harmless)
    for path in set(paths) - harmless:
        assert visitor.post(path, {"form_token": token}).status_code == 403, path
        assert Visit(shop.service).post(path, {"form_token": token}).status_code == 303, path


def test_a_refund_is_recorded_once_however_often_the_form_is_sent(shop: Shop) -> None:
    invoice_id = invoice_of(shop)
    visitor, path = visit(shop), f"/dashboard/invoices/{invoice_id}"
    fields = {"amount": "5.50", "reason": "duplicate", "action_key": str(uuid4())}
    for _ in range(2):
        response = visitor.act(path, f"{path}/refund", **fields)
        assert response.status_code == 303
        assert response.headers["location"] == f"{path}?note=done"
    shop.service.wait_for_projection("invoices")
    found = shop.get(f"{shop.url}/invoices/{invoice_id}").json()["items"][0]
    assert found["amountRefundedMinor"] == 550
    assert len(found["refunds"]) == 1
    requested = [
        e for e in shop.invoice_events(invoice_id) if e.TOPIC == "invoice.refund_requested"
    ]
    assert [event.actor for event in requested] == [f"key:{shop.key_ids['admin']}"]
    assert "5.50 EUR" in visitor.get(path).text
    assert "5.50 EUR" in visitor.get("/dashboard/movements?kind=refunds").text
    for kind in ("payments", "failed", "disputes"):
        assert visitor.get(f"/dashboard/movements?kind={kind}").status_code == 200


def test_part_of_an_authorized_payment_is_captured(shop: Shop) -> None:
    invoice_id = invoice_of(shop, "authorized")
    visitor, path = visit(shop), f"/dashboard/invoices/{invoice_id}"
    shown = visitor.get(path).text
    assert "authorized, capture before" in shown
    assert f"{path}/confirm/capture" in shown

    response = visitor.act(path, f"{path}/capture", amount="5.50")

    assert response.headers["location"] == f"{path}?note=done"
    (requested,) = [
        e for e in shop.invoice_events(invoice_id) if e.TOPIC == "invoice.capture_requested"
    ]
    assert requested.amount_minor == 550
    assert f"{path}/confirm/capture" not in visitor.get(path).text


def test_a_question_that_is_out_of_date_leads_back_to_the_invoice(shop: Shop) -> None:
    path = f"/dashboard/invoices/{invoice_of(shop)}"
    visitor = visit(shop)
    response = visitor.get(f"{path}/confirm/void")  # it is paid
    assert (response.status_code, response.headers["location"]) == (303, f"{path}?note=impossible")
    assert "has changed meanwhile" in visitor.get(response.headers["location"]).text
    assert visitor.get(f"{path}/confirm/nothing").status_code == 404
    assert visit(shop, "read").get(f"{path}/confirm/refund").status_code == 404


@pytest.mark.parametrize("amount", ["0", "-1", "1.234", "99999", "abc", "1e3"])
def test_impossible_refunds_show_their_reason(shop: Shop, amount: str) -> None:
    invoice_id = invoice_of(shop)
    path = f"/dashboard/invoices/{invoice_id}"
    response = visit(shop).act(path, f"{path}/refund", amount=amount)
    assert response.status_code == 400
    assert "amount" in response.text


@pytest.mark.parametrize(
    "amount",
    ["0,05", "5,00", "1,9", "1,000", "1.000", "1.000,00", "5.", "+5", "5e0", "\u0665", "0", "-1",
     "1.234", "abc"],
)  # fmt: skip
def test_an_amount_that_is_not_clear_refunds_nothing(shop: Shop, amount: str) -> None:
    invoice_id = invoice_of(shop)
    path = f"/dashboard/invoices/{invoice_id}"
    response = visit(shop).act(path, f"{path}/refund", amount=amount)
    assert response.status_code == 400
    assert "amount: must be an amount in EUR, like 12.50" in response.text
    assert "invoice.refund_requested" not in {e.TOPIC for e in shop.invoice_events(invoice_id)}


def test_an_amount_beyond_the_api_s_limit_is_refused_in_the_units_of_the_form(shop: Shop) -> None:
    path = f"/dashboard/invoices/{invoice_of(shop)}"
    response = visit(shop).act(path, f"{path}/refund", amount="1000000.00")
    assert response.status_code == 400
    assert "amount: at most 999,999.99 EUR at once" in response.text


def test_an_amount_as_the_pages_write_it_is_read(shop: Shop) -> None:
    path = f"/dashboard/invoices/{invoice_of(shop)}"
    response = visit(shop).act(path, f"{path}/refund", amount="1,234.50")
    assert "amount: at most 19.99 EUR can be refunded" in response.text


def test_dead_letters_are_replayed_together_and_once(shop: Shop) -> None:
    for _ in range(2):
        shop.deliver(stripe_event())
    shop.service.wait_for_projection("deliveries")
    visitor = visit(shop)
    found = re.findall(
        r'name="(delivery-[0-9a-f-]{36})"', visitor.get("/dashboard/deliveries").text
    )
    assert len(found) == 2
    fields = {**dict.fromkeys(found, "1"), "action_key": "once"}
    for _ in range(2):
        response = visitor.act("/dashboard/deliveries", "/dashboard/deliveries/replay", **fields)
        assert response.headers["location"] == "/dashboard/deliveries?replayed=2"
    for name in found:
        events = shop.service.events(UUID(name.removeprefix("delivery-")))
        replay_requests = [event for event in events if event.TOPIC.endswith("replay_requested")]
        assert len(replay_requests) == 1
    assert visitor.act("/dashboard/deliveries", "/dashboard/deliveries/replay").status_code == 400


def test_work_that_gave_up_is_sent_again(shop: Shop) -> None:
    response = shop.post("never", headers={"prefer": "respond-async"})
    invoice_id = response.json()["items"][0]["id"]
    relay(shop.service.database, shop.invoice_events(invoice_id))
    shop.given_up(invoice_id, last_error="No such intent: pi_123_secret_456")
    shop.service.wait_for_projection("invoices")
    visitor = visit(shop)
    page = visitor.get("/dashboard/work?state=gave_up")
    key = re.search(r'name="work" value="([^"]+)"', page.text)
    assert key is not None
    for path in ("/dashboard/work", f"/dashboard/invoices/{invoice_id}"):
        text = visitor.get(path).text
        assert "No such intent" in text
        assert "secret_456" not in text
    fields = {"work": key[1], "action_key": "once"}
    for _ in range(2):
        response = visitor.act("/dashboard/work", "/dashboard/work/resend", **fields)
        assert response.status_code == 303
    resent = [e for e in shop.invoice_events(invoice_id) if e.TOPIC == "invoice.step_resent"]
    assert len(resent) == 1
    missing = visitor.act("/dashboard/work", "/dashboard/work/resend", work="settle:none")
    assert missing.status_code == 404


def test_a_key_is_shown_once_and_ends_when_revoked(shop: Shop) -> None:
    visitor = visit(shop)
    fields = {"kind": "read", "name": "Support", "action_key": "one"}
    made = visitor.act("/dashboard/operations", "/dashboard/keys", **fields)
    key = re.search(r"bh_read_[A-Za-z0-9_-]{20,}", made.text)
    assert key is not None
    shop.service.wait_for_projection("access")
    reader = Visit(shop.service)
    assert reader.sign_in(key[0]).status_code == 303
    again = visitor.act("/dashboard/operations", "/dashboard/keys", **fields)
    assert key[0] not in again.text
    page = visitor.get("/dashboard/operations").text
    assert key[0] not in page
    key_id = re.findall(r"/dashboard/keys/([0-9a-f-]{36})/revoke", page)[0]
    path = f"/dashboard/keys/{key_id}/revoke"
    assert visitor.act("/dashboard/operations", path).status_code == 303
    assert reader.get("/dashboard").status_code == 303


def test_a_key_is_rotated_and_its_successor_shown_once(shop: Shop) -> None:
    visitor, old_id = visit(shop), shop.key_ids["read"]
    path = f"/dashboard/keys/{old_id}/rotate"
    fields = {"overlap_s": "3600", "action_key": "rotate"}
    refused = visitor.act("/dashboard/operations", path, overlap_s="7", action_key="other")
    assert (refused.status_code, "overlap_s" in refused.text) == (400, True)
    made = visitor.act("/dashboard/operations", path, **fields)
    key = re.search(r"bh_read_[A-Za-z0-9_-]{20,}", made.text)
    assert key is not None
    assert "replaced by a newer key" in made.text
    assert f'{path}"' not in made.text
    for opening in (key[0], shop.keys["read"]):
        assert Visit(shop.service).sign_in(opening).status_code == 303
    assert key[0] not in visitor.act("/dashboard/operations", path, **fields).text
    again = visitor.act("/dashboard/operations", path, **fields | {"action_key": "again"})
    assert (again.status_code, "rotated already" in again.text) == (400, True)
    (created, replaced) = shop.service.events(shop.app_id)[-2:]
    assert (created.TOPIC, replaced.TOPIC) == ("app.api_key_created", "app.api_key_replaced")
    assert (replaced.actor, replaced.key_id) == (f"key:{shop.key_ids['admin']}", old_id)
    own = f"/dashboard/keys/{shop.key_ids['admin']}/rotate"
    ended = visitor.act("/dashboard/operations", own, overlap_s="0", action_key="x")
    assert ended.status_code == 200
    assert visitor.get("/dashboard").status_code == 303, "its key ended at once"
