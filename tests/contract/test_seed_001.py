"""Seed 001: POST /api/v1/tenants/:tenantId/stripe-invoices."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contract.immediate_charge_calls import Charging
from tests.contract.response_matching import differences, rows_of
from tests.support.stripe_account import Account
from tests.support.system import Caller


@pytest.fixture
def charging(caller: Caller, account: Account, request: pytest.FixtureRequest) -> Charging:
    card = getattr(request, "param", "succeeds")
    return Charging.made(caller, account, dialect="001", prefix="/api/v1", card=card)


def with_card(card: str | None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("charging", [card], indirect=True)


def test_the_printed_request_is_charged_and_answered_field_for_field(charging: Charging) -> None:
    answer = charging.post()

    assert answer.status_code == 201
    assert differences("001_created.json", answer.json()) == []
    assert set(answer.json()) == {row.path.partition(".")[0] for row in rows_of("001_created.json")}
    assert list(answer.json()["data"]) == ["paymentIntents"]
    intent = answer.json()["data"]["paymentIntents"]
    assert (intent["object"], intent["status"], intent["amount"]) == (
        "payment_intent",
        "succeeded",
        4838,
    )
    assert intent["client_secret"].startswith(f"{intent['id']}_secret_")
    assert intent["invoice"] == charging.invoices()[0].id
    assert charging.charged() == 4838


def test_an_access_token_is_refused(charging: Charging) -> None:
    answer = charging.post(headers={"Authorization": f"Bearer {charging.token()}"}, test=None)

    assert answer.status_code == 401
    assert differences("001_refused.json", answer.json()) == []
    assert answer.json()["error"] == "[E4010] Unauthorized Token or API key"
    assert charging.invoices() == []


@with_card("declined")
def test_a_declined_card_gives_status_400(charging: Charging) -> None:
    answer = charging.post()

    assert answer.status_code == 400
    assert differences("001_refused.json", answer.json()) == []
    assert answer.json()["error"].startswith("[E4020] ")


@with_card(None)
def test_without_a_payment_method_nothing_is_created(charging: Charging) -> None:
    answer = charging.post()

    assert answer.status_code == 400
    assert differences("001_refused.json", answer.json()) == []
    assert charging.invoices() == []


def test_a_tenant_that_is_not_there_is_403(charging: Charging) -> None:
    path = f"/api/v1/tenants/{uuid4()}/stripe-invoices"

    answer = charging.caller.http.post(
        path, json=charging.body(tenantId=None), headers=charging.headers()
    )

    assert answer.status_code == 403
    assert differences("001_refused.json", answer.json()) == []


def test_an_answer_that_is_not_there_in_time_is_202(charging: Charging) -> None:
    answer = charging.post(headers=charging.headers(Prefer="respond-async"))

    assert answer.status_code == 202
    assert answer.json()["data"] == {"paymentIntents": {"id": None, "status": "processing"}}


def test_a_key_of_another_dialects_request_is_refused(charging: Charging) -> None:
    headers = charging.headers(**{"Idempotency-Key": f"key-{uuid4()}"})
    assert charging.post(headers=headers).status_code == 201
    charging.path = charging.path.replace("/api/v1", "/v1")

    answer = charging.post(headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("[E4220] Idempotency-Key: ")
