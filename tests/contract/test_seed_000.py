"""Seed 000: POST /v1/tenants/:tenantId/stripe-invoices."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contract.immediate_charge_calls import Charging
from tests.contract.response_matching import Json, differences, rows_of
from tests.support.stripe_account import Account
from tests.support.system import Caller, eventually


@pytest.fixture
def charging(caller: Caller, account: Account, request: pytest.FixtureRequest) -> Charging:
    card = getattr(request, "param", "succeeds")
    return Charging.made(caller, account, dialect="000", prefix="/v1", card=card)


def with_card(card: str | None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("charging", [card], indirect=True)


def refused(answer: object) -> list[str]:
    return differences("000_refused.json", answer)


def test_the_printed_request_is_charged_and_answered_field_for_field(charging: Charging) -> None:
    answer = charging.post()

    assert answer.status_code == 201
    assert differences("000_created.json", answer.json()) == []
    assert set(answer.json()) == {row.path.partition(".")[0] for row in rows_of("000_created.json")}
    assert answer.json()["success"] is True
    intent = answer.json()["data"]
    assert (intent["object"], intent["status"]) == ("payment_intent", "succeeded")
    assert intent["amount"] == intent["amount_received"] == 4838
    assert intent["client_secret"].startswith(f"{intent['id']}_secret_")
    assert intent["invoice"] == charging.invoices()[0].id
    assert charging.invoices()[0].footer == "Thank you"
    assert charging.charged() == 4838


def test_optional_fields_may_be_omitted(charging: Charging) -> None:
    answer = charging.post(tenantId=None, userId=None, test=None, footer=None)

    assert answer.status_code == 201
    assert answer.json()["data"]["status"] == "succeeded"


@pytest.mark.parametrize("header", ["Authorization", "Authentication"])
def test_a_tenant_charges_itself_by_its_token_with_what_the_app_allows(
    charging: Charging, header: str
) -> None:
    allowed = {
        "clientPrices": [charging.account.price],
        "clientTaxRates": [charging.account.tax_rate],
    }
    admin = {"Api-Key": charging.caller.demo["admin_key"]}
    path = charging.caller.app_path
    assert charging.caller.http.patch(path, json=allowed, headers=admin).status_code == 200
    bearer = {header: f"Bearer {charging.token()}"}

    answer = eventually(
        lambda: (
            found if (found := charging.post(headers=bearer, test=None)).status_code < 400 else None
        )
    )

    assert answer.status_code == 201
    assert answer.json()["data"]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"test": True}, "test"),
        ({"test": None, "userId": "user-8"}, "userId"),
        ({"test": None, "price": "price_of_others"}, "price"),
        ({"test": None, "taxRate": "txr_of_others"}, "taxRate"),
    ],
)
def test_a_token_may_not_use_fields_reserved_for_the_app(
    charging: Charging, more: dict[str, object], field: str
) -> None:
    bearer = {"Authorization": f"Bearer {charging.token()}"}

    answer = charging.post(headers=bearer, **more)

    assert answer.status_code == 403
    assert refused(answer.json()) == []
    assert f"{field}: " in answer.json()["error"]
    assert charging.invoices() == []


def test_a_token_of_another_tenant_gets_404(
    charging: Charging, caller: Caller, account: Account
) -> None:
    other = Charging.made(caller, account, dialect="000", prefix="/v1", card=None)

    answer = charging.post(headers={"Authorization": f"Bearer {other.token()}"}, test=None)

    assert answer.status_code == 403
    assert answer.json()["error"] == "[E4040] Not Found"


@with_card("insufficient_funds")
def test_a_declined_card_gives_status_400(charging: Charging) -> None:
    answer = charging.post()

    assert answer.status_code == 400
    assert refused(answer.json()) == []
    assert answer.json()["error"].startswith("[E4020] ")
    assert charging.charged() == 0


@with_card("needs_authentication")
def test_a_card_that_needs_its_owner_gives_the_browser_what_it_confirms_with(
    charging: Charging,
) -> None:
    answer = charging.post()

    assert answer.status_code == 201
    intent = answer.json()["data"]
    assert intent["client_secret"].startswith(f"{intent['id']}_secret_")
    assert intent["status"] != "succeeded"
    assert charging.charged() == 0


@with_card(None)
def test_without_a_payment_method_nothing_is_created(charging: Charging) -> None:
    answer = charging.post()

    assert answer.status_code == 400
    assert refused(answer.json()) == []
    assert "no payment method" in answer.json()["error"]
    assert charging.invoices() == []


def test_a_zero_total_still_has_a_payment_in_the_response(
    charging: Charging,
) -> None:
    free = charging.account.add_price(0)

    answer = charging.post(price=free)

    assert answer.status_code == 201
    assert answer.json()["data"] == {
        "kind": "stripePaymentIntent",
        "id": None,
        "object": "payment_intent",
        "amount": 0,
        "amount_received": 0,
        "currency": "eur",
        "status": "succeeded",
        "invoice": charging.invoices()[0].id,
    }


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"price": None}, "price: is required"),
        ({"taxRate": None}, "taxRate: is required"),
        ({"mode": "sometimes"}, "mode: "),
        ({"mode": "subscription"}, "price: "),
        ({"quantity": 0}, "quantity: "),
        ({"quantity": "2"}, "quantity: "),
        ({"footer": "x" * 257}, "footer: Value should have at most 256 characters"),
        ({"tenantId": str(uuid4())}, "tenantId: must equal the tenant in the path"),
        ({"colour": "red"}, "colour: is not known here"),
        ({"price": "price_unknown"}, "price: No such price: 'price_unknown'"),
        ({"taxRate": "txr_unknown"}, "taxRate: No such tax"),
    ],
)
def test_a_wrong_field_is_named(charging: Charging, more: Json, message: str) -> None:
    answer = charging.post(**more)

    assert answer.status_code == 400
    assert refused(answer.json()) == []
    assert answer.json()["error"].startswith(f"[E4000] {message}")
    assert charging.invoices() == []


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({"X-API-KEY": "bh_write_none"}, 401, "[E4010] Unauthorized Token or API key"),
        ({"X-CLIENT-ID": str(uuid4())}, 401, "[E4010] Unauthorized Token or API key"),
        ({"X-API-KEY-TYPE": "read"}, 401, "[E4011] Unauthorized API key type"),
        (
            {"Content-Type": "text/plain"},
            400,
            "[E4150] Unsupported Media Type: send application/json",
        ),
        ({"Idempotency-Key": "two words"}, 400, "[E4000] Idempotency-Key: must be 1 to 255"),
    ],
)
def test_a_wrong_header_is_rejected_with_the_listed_statuses(
    charging: Charging, headers: dict[str, str], status: int, error: str
) -> None:
    answer = charging.post(headers=charging.headers(**headers))

    assert answer.status_code == status
    assert refused(answer.json()) == []
    assert answer.json()["error"].startswith(error)


@pytest.mark.parametrize("tenant", ["00000000-0000-4000-8000-000000000404", "tenant-1"])
def test_a_tenant_that_is_not_there_is_403(charging: Charging, tenant: str) -> None:
    path = f"/v1/tenants/{tenant}/stripe-invoices"

    answer = charging.caller.http.post(
        path, json=charging.body(tenantId=None), headers=charging.headers()
    )

    assert answer.status_code == 403
    assert answer.json()["error"] == "[E4040] Not Found"


def test_errors_of_the_router_have_the_dialect_s_envelope(charging: Charging) -> None:
    answer = charging.caller.http.get(charging.path)

    assert answer.status_code == 405
    assert refused(answer.json()) == []
    assert refused(charging.caller.http.get("/v1/nothing").json()) == []


def test_an_answer_that_is_not_there_in_time_is_202_and_the_work_goes_on(
    charging: Charging,
) -> None:
    answer = charging.post(headers=charging.headers(Prefer="respond-async"))

    assert answer.status_code == 202
    data = {"kind": "stripePaymentIntent", "id": None, "status": "processing"}
    assert answer.json()["data"] == data
    assert int(answer.headers["Retry-After"]) >= 1
    location = answer.headers["Location"]
    http, headers = charging.caller.http, charging.caller.headers("read")
    eventually(lambda: http.get(location, headers=headers).json()["items"][0]["status"] == "paid")


def test_a_replay_is_the_first_answer_and_charges_nothing(charging: Charging) -> None:
    headers = charging.headers(**{"Idempotency-Key": f"key-{uuid4()}"})
    first = charging.post(headers=headers)

    again = charging.post(headers=headers)

    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert charging.charged() == 4838


def test_a_trailing_slash_changes_nothing(charging: Charging) -> None:
    charging.path += "/"
    assert charging.post().status_code == 201
