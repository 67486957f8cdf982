import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.work import work
from domain.invoices.invoice import Invoice
from tests.service.harness import Shop, errors, now
from tests.service.invoices.invoice_actions import NEVER, act, invoice, item
from tests.service.running_service import Service
from tests.support.immediate_relay import relay

Run = Callable[..., Result]


@pytest.fixture
def run(service_database: str) -> Run:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(work, arguments, env={"BILLHOOK_DATABASE_URL": service_database})

    return invoke


def requested(shop: Shop) -> str:
    """Request an invoice that no worker charges."""
    response = shop.post("never", headers=NEVER)
    invoice_id: str = response.json()["items"][0]["id"]
    relay(shop.service.database, shop.invoice_events(invoice_id))
    return invoice_id


def stuck(shop: Shop, step: str = "pay") -> str:
    invoice_id = requested(shop)
    shop.given_up(invoice_id, step)
    shop.service.wait_for_projection("invoices")
    return invoice_id


def stuck_refund(shop: Shop) -> tuple[str, str]:
    paid = invoice(shop, "paid", "never")
    refund_id = item(act(shop, paid["url"] + "/refunds", **NEVER))["refundId"]
    shop.given_up(paid["id"], f"refund:{refund_id}")
    shop.service.wait_for_projection("invoices")
    return paid["id"], refund_id


def listed(shop: Shop, **query: Any) -> dict[str, Any]:
    response = shop.get(f"{shop.url}/work", **query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    assert page["itemsLength"] == len(page["items"])
    return page


def resend(shop: Shop, work_id: str, **headers: str) -> httpx.Response:
    return act(shop, f"{shop.url}/work/{work_id}/resend", **headers)


def test_what_is_open_and_what_gave_up_are_listed_apart(shop: Shop) -> None:
    open_id, stuck_id = requested(shop), stuck(shop)
    (waiting,) = listed(shop, state="gave_up")["items"]
    assert waiting["id"] == f"invoice:{stuck_id}"
    assert waiting == waiting | {
        "state": "gave_up",
        "kind": "invoice",
        "invoiceId": stuck_id,
        "refundId": None,
        "step": "pay",
        "lastError": "GatewayUnavailable: no answer",
    }
    assert waiting["gaveUpAt"].endswith("Z")
    (tried,) = listed(shop, state="open")["items"]
    assert (tried["id"], tried["state"]) == (f"invoice:{open_id}", "open")
    assert (tried["step"], tried["gaveUpAt"]) == (None, None)
    both = listed(shop)
    assert {each["id"] for each in both["items"]} == {waiting["id"], tried["id"]}
    assert (both["kind"], both["totalItems"], both["nextCursor"]) == ("work", 2, None)


def test_a_refund_that_gave_up_is_work_of_its_own(shop: Shop) -> None:
    invoice_id, refund_id = stuck_refund(shop)
    (row,) = listed(shop, state="gave_up")["items"]
    assert (row["id"], row["kind"]) == (f"refund:{refund_id}", "refund")
    assert (row["invoiceId"], row["refundId"]) == (invoice_id, refund_id)
    assert row["step"] == f"refund:{refund_id}"


@pytest.mark.parametrize("state", ["open", "gave_up", None])
def test_pages_have_everything_once(shop: Shop, state: str | None) -> None:
    make = requested if state == "open" else stuck
    known = [f"invoice:{make(shop)}" for _ in range(5)]
    query = {} if state is None else {"state": state}
    found: list[str] = []
    page = listed(shop, limit=2, **query)
    found += [each["id"] for each in page["items"]]
    while page["nextCursor"] is not None:
        page = listed(shop, limit=2, cursor=page["nextCursor"], **query)
        found += [each["id"] for each in page["items"]]
    assert found == known
    assert page["totalItems"] == 5


def test_a_cursor_is_for_its_own_list(shop: Shop) -> None:
    for _ in range(2):
        stuck(shop)
    cursor = listed(shop, limit=1, state="gave_up")["nextCursor"]
    assert shop.get(f"{shop.url}/work", limit=1, cursor=cursor).status_code == 400


def test_a_state_that_is_none_is_refused(shop: Shop) -> None:
    response = shop.get(f"{shop.url}/work", state="lost")
    assert response.status_code == 400
    assert errors(response)[0]["path"] == "state"


def test_secrets_in_provider_messages_are_removed(shop: Shop) -> None:
    invoice_id = requested(shop)
    secret = "pi_123_secret_456"
    shop.given_up(invoice_id, last_error=f"No such intent: {secret}")
    (row,) = listed(shop)["items"]
    assert row["lastError"] == "No such intent: [cut]"


def test_what_gave_up_is_sent_again_with_all_its_tries(shop: Shop) -> None:
    invoice_id = stuck(shop)
    response = resend(shop, f"invoice:{invoice_id}")
    assert response.status_code == 200
    (shown,) = response.json()["items"]
    assert (shown["state"], shown["gaveUpAt"], shown["tries"]) == ("open", None, 0)
    newest = shop.invoice_events(invoice_id)[-1]
    assert (newest.TOPIC, newest.step) == ("invoice.step_resent", "pay")
    assert newest.actor == f"key:{shop.key_ids['write']}"
    assert response.headers["x-billhook-position"] == str(shop.service.head())
    relay(shop.service.database, [newest])
    assert listed(shop, state="gave_up")["items"] == []
    (row,) = listed(shop, state="open")["items"]
    assert (row["id"], row["tries"]) == (f"invoice:{invoice_id}", 0)


def test_a_refund_is_sent_again_by_its_own_step(shop: Shop) -> None:
    invoice_id, refund_id = stuck_refund(shop)
    assert resend(shop, f"refund:{refund_id}").status_code == 200
    newest = shop.invoice_events(invoice_id)[-1]
    assert (newest.TOPIC, newest.step) == ("invoice.step_resent", f"refund:{refund_id}")


def test_what_did_not_give_up_is_not_sent_again(shop: Shop) -> None:
    response = resend(shop, f"invoice:{requested(shop)}")
    assert response.status_code == 400
    (entry,) = errors(response)
    assert entry["message"] == "state: can't be sent again: it did not give up"
    assert entry["path"] == "state"


def test_what_was_sent_again_is_not_sent_once_more(shop: Shop) -> None:
    invoice_id = stuck(shop)
    assert resend(shop, f"invoice:{invoice_id}").status_code == 200
    assert resend(shop, f"invoice:{invoice_id}").status_code == 400
    topics = [event.TOPIC for event in shop.invoice_events(invoice_id)]
    assert topics.count("invoice.step_resent") == 1


def test_many_at_once_under_one_key_send_it_again_once(shop: Shop) -> None:
    invoice_id = stuck(shop)
    headers = shop.headers() | {"idempotency-key": uuid4().hex}
    path = f"{shop.url}/work/invoice:{invoice_id}/resend"
    responses = shop.service.requests([("POST", path, {"headers": headers})] * 10)
    assert {response.status_code for response in responses} == {200}
    assert len({response.text for response in responses}) == 1
    topics = [event.TOPIC for event in shop.invoice_events(invoice_id)]
    assert topics.count("invoice.step_resent") == 1


def test_a_replay_is_answered_though_the_work_is_done(shop: Shop) -> None:
    invoice_id = stuck(shop)
    key = {"idempotency_key": uuid4().hex}
    first = resend(shop, f"invoice:{invoice_id}", **key)
    shop.billing.change(Invoice, UUID(invoice_id), _reject)
    relay(shop.service.database, shop.invoice_events(invoice_id))
    assert resend(shop, f"invoice:{invoice_id}").status_code == 404
    again = resend(shop, f"invoice:{invoice_id}", **key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotent-replayed"] == "true"


def _reject(known: Invoice) -> None:
    known.reject(code="gone", message="There is no such thing.", occurred_at=now())


def test_another_apps_work_does_not_exist(shop: Shop, other_shop: Shop) -> None:
    theirs = stuck(other_shop)
    for work_id in (f"invoice:{theirs}", f"invoice:{uuid4()}", "1", "invoice:"):
        response = resend(shop, work_id)
        assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")
    assert listed(shop)["items"] == []


def test_work_that_gave_up_is_counted_and_does_not_affect_readiness(
    service: Service, shop: Shop
) -> None:
    def counted() -> float:
        text = service.request("GET", "/metrics").text
        lines = (row for row in text.splitlines() if row.startswith("billhook_work_gave_up{"))
        return sum(float(line.split()[1]) for line in lines)

    before = counted()
    invoice_id = stuck(shop)
    assert counted() == before + 1
    assert service.request("GET", "/readyz").json()["ready"] is True
    resend(shop, f"invoice:{invoice_id}")
    relay(service.database, shop.invoice_events(invoice_id)[-1:])
    assert counted() == before


def test_an_open_circuit_breaker_is_a_metric_and_does_not_affect_readiness(
    service: Service, shop: Shop
) -> None:
    labels = f'{{app="{shop.app_id}",connection="silent"}}'
    line = f"billhook_connection_breaker_open{labels} 7.0"
    assert line not in service.request("GET", "/metrics").text
    with psycopg.connect(service.database, autocommit=True) as session:
        session.execute(
            "INSERT INTO work.breakers VALUES (%s, 'silent', 7, now(), now())", [shop.app_id]
        )
    assert line in service.request("GET", "/metrics").text
    assert service.request("GET", "/readyz").json()["ready"] is True
    with psycopg.connect(service.database, autocommit=True) as session:
        session.execute("DELETE FROM work.breakers")


def test_the_operator_lists_and_sends_again(shop: Shop, run: Run) -> None:
    invoice_id, app = stuck(shop), str(shop.app_id)
    ended = run("list", "--app", app, "--state", "gave_up", "--json")
    assert ended.exit_code == 0, ended.stderr
    (row,) = json.loads(ended.stdout.splitlines()[-1])
    assert (row["id"], row["step"]) == (f"invoice:{invoice_id}", "pay")
    assert f"invoice:{invoice_id}" in run("list", "--app", app).stdout
    ended = run("resend", row["id"], "--app", app)
    assert (ended.exit_code, ended.stdout.splitlines()[-1]) == (0, f"sent again {row['id']}")
    newest = shop.invoice_events(invoice_id)[-1]
    assert (newest.TOPIC, newest.actor) == ("invoice.step_resent", "operator")


def test_a_rejected_resend_has_its_reason(shop: Shop, run: Run) -> None:
    app, invoice_id = str(shop.app_id), requested(shop)
    refused = run("resend", f"invoice:{invoice_id}", "--app", app)
    assert refused.exit_code == 1
    assert "it did not give up" in refused.stderr
    unknown = run("resend", "invoice:none", "--app", app)
    assert unknown.exit_code == 1
    assert "no unfinished work" in unknown.stderr
    assert run("list", "--app", "nobody").exit_code == 1
