from __future__ import annotations

import pytest
from mollie.api.error import RequestError

from tests.sandbox.webhook_receiver import Sink
from tests.support import plain_http
from tests.support.mollie_account import MollieAccount
from tests.support.sandbox import SandboxProcess, wait_for


def test_the_admin_api_lists_its_operations(account: MollieAccount) -> None:
    page = plain_http.get(f"{account.url}/_admin/mollie")
    assert "/webhooks/release" in page.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"forward": 1}),
        ("latency", {"ms": -1}),
        ("settings", {"default_outcome": "maybe"}),
        ("webhooks", {"order": "backwards"}),
        ("faults", {"kind": "none"}),
        ("payments/tr_none/outcome", {"status": "paid"}),
    ],
)
def test_commands_that_do_not_fit_are_refused(
    account: MollieAccount, path: str, body: dict[str, object]
) -> None:
    key = {"Authorization": f"Bearer {account.key}"}
    url = f"{account.url}/_admin/mollie/{path}"
    assert plain_http.post(url, json=body, headers=key).is_client_error
    assert plain_http.post(url, json=[body], headers=key).status_code == 400
    assert plain_http.post(url, content="{", headers=key).status_code == 400
    assert plain_http.post(url, json=body).status_code == 401
    assert "pydantic" not in plain_http.post(url, json=body, headers=key).text


def test_settings_are_changed_one_by_one(account: MollieAccount) -> None:
    account.admin.set_settings(mandate_delay_s=60)
    assert account.admin.set_settings(suspend_after=1)["mandate_delay_s"] == 60
    assert account.admin.settings()["suspend_after"] == 1
    assert account.admin.set_webhooks(copies=2)["hold"] is False
    assert account.admin.webhooks()["copies"] == 2


def test_outcomes_carry_a_method_and_a_reason(account: MollieAccount) -> None:
    payment = account.pay()
    failed = account.admin.outcome(
        payment.id, "failed", method="creditcard", reason="card_declined"
    )
    assert failed["statusReason"]["code"] == "card_declined"
    assert failed["details"]["failureMessage"] == "The card was declined"
    debit = account.pay(method="ideal")
    assert account.admin.outcome(debit.id, "failed")["details"] == {}


def test_logged_requests_can_be_listed_and_deleted(account: MollieAccount) -> None:
    account.pay(key="k")
    (entry,) = account.admin.requests(method="POST", path="/payments")
    assert (entry["idempotency_key"], entry["status"]) == ("k", 201)
    assert entry["params"]["description"] == "Order 1"
    account.admin.forget_requests()
    assert account.admin.requests() == []


def test_a_killed_sandbox_goes_on_where_it_stopped(sink: Sink) -> None:
    with SandboxProcess() as process, MollieAccount(process.url) as account:
        account.admin.set_webhooks(hold=True)
        kept = account.pay(webhookUrl=sink.url, key="k")
        account.at_checkout(kept, "paid", method="ideal")
        process.kill()
        with pytest.raises(RequestError):
            account.get(kept.id)
        process.start()
        assert account.get(kept.id).status == "paid"
        assert account.pay(webhookUrl=sink.url, key="k").id == kept.id
        account.admin.release()
        wait_for(lambda: sink.received)
        open_one = account.pay(webhookUrl=sink.url)
        account.admin.set_webhooks(hold=False)
        account.admin.set_clock(advance_s=15 * 60 - 1)
        wait_for(lambda: len(sink.received) > 1)
        assert account.get(open_one.id).status == "expired"
