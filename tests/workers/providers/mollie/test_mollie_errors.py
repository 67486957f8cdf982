"""Test Mollie failures: nothing is charged twice, and a timeout is no rejection."""

from __future__ import annotations

import gzip
import json
import platform
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from domain.gateway.errors import (
    GatewayConflict,
    GatewayError,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
)
from tests.support.canned_server import Canned, serve_canned, serve_slowly
from tests.workers.mollie_harness import MollieBench
from workers.providers.answer_size import LONGEST_ANSWER_BYTES
from workers.providers.mollie.client import MollieClients, endpoint_of
from workers.providers.mollie.gateway import MollieGateway

KEY = "test_notToBeSeen1234"


@dataclass(frozen=True)
class Case:
    """An answer, and what it means to us. `pause_s` None: the job's own back-off."""

    name: str
    status: int
    body: object
    means: type[GatewayError]
    headers: tuple[tuple[str, str], ...] = ()
    counted: bool = True
    pause_s: float | None = None


def error(status: int, **more: Any) -> dict[str, Any]:
    return {"status": status, "title": "No", "detail": "No.", **more}


WISH = (("Retry-After", "7"),)
HTML = b"<html><h1>502 Bad Gateway</h1></html>"
CASES = [
    Case("400", 400, error(400), GatewayRejected),
    Case("401", 401, error(401), GatewayMisconfigured),
    Case("403", 403, error(403), GatewayMisconfigured),
    Case("404", 404, error(404), GatewayRejected),
    Case("409", 409, error(409), GatewayConflict),
    Case("410", 410, error(410), GatewayRejected),
    Case("422", 422, error(422, field="amount"), GatewayRejected),
    Case("429", 429, error(429), GatewayUnavailable, (), False, 1.0),
    Case("429, wish", 429, error(429), GatewayUnavailable, WISH, False, 7.0),
    Case("500", 500, error(500), GatewayUnavailable),
    Case("503, wish", 503, error(503), GatewayUnavailable, WISH, True, 7.0),
    Case("html", 502, HTML, GatewayUnavailable),
    Case("html, 200", 200, HTML, GatewayUnavailable),
    Case("a list", 200, [], GatewayUnavailable),
    Case("no detail", 422, {"status": 422, "title": "No"}, GatewayUnavailable),
    Case("no status", 500, {"message": "no"}, GatewayUnavailable),
    Case("no payment", 200, {"resource": "payment"}, GatewayUnavailable),
    Case("empty", 200, b"", GatewayUnavailable),
]


@pytest.fixture
def canned() -> Iterator[Canned]:
    with serve_canned() as server:
        yield server


def gateway(canned: Canned, **more: Any) -> MollieGateway:
    return MollieGateway(KEY, api_base=canned.url, **more)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_answer_raises_its_port_error(canned: Canned, case: Case) -> None:
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    canned.answer(case.status, body, dict(case.headers))

    with pytest.raises(case.means) as raised:
        gateway(canned).fetch_invoice("tr_1")

    assert len(canned.requests) == 1
    assert KEY not in f"{raised.value!r} {raised.value.__cause__!r}"
    if isinstance(raised.value, GatewayUnavailable):
        assert (raised.value.counted, raised.value.retry_after_s) == (case.counted, case.pause_s)
    if isinstance(raised.value, GatewayRejected):
        assert raised.value.missing is (case.status in (404, 410))
        assert raised.value.param == ("amount" if case.status == 422 else None)


def test_an_answer_without_its_time_is_none(canned: Canned) -> None:
    canned.answer(200, b'{"resource": "payment"}', dated=False)

    with pytest.raises(GatewayUnavailable, match="time"):
        gateway(canned).fetch_invoice("tr_1")


def test_an_object_of_the_other_mode_is_the_keys_fault(canned: Canned) -> None:
    canned.answer(200, b'{"resource": "payment", "mode": "live"}')

    with pytest.raises(GatewayMisconfigured, match="test mode"):
        gateway(canned, mode="test").fetch_invoice("tr_1")


@pytest.mark.parametrize("key", ["live_abcdefgh", "sk_test_1", "test_with-dash", ""])
def test_a_key_that_does_not_fit_is_refused_before_any_call_and_not_shown(key: str) -> None:
    with pytest.raises(GatewayMisconfigured) as refused:
        MollieGateway(key, api_base="http://127.0.0.1:1", mode="test")

    assert not key or key not in str(refused.value)


def test_a_refused_connection_is_an_unknown_outcome() -> None:
    nobody = MollieGateway(KEY, api_base="http://127.0.0.1:1")

    with pytest.raises(GatewayUnavailable):
        nobody.fetch_invoice("tr_1")


def test_the_machines_name_is_not_sent(canned: Canned) -> None:
    canned.answer(404, json.dumps(error(404)).encode())

    with pytest.raises(GatewayRejected):
        gateway(canned).fetch_invoice("tr_1")

    (headers,) = canned.seen
    assert headers["x-mollie-client-info"] == "billhook"
    assert platform.node() not in " ".join(headers.values())


@pytest.mark.parametrize("status", [301, 302, 307])
def test_redirects_are_not_followed(canned: Canned, status: int) -> None:
    client = MollieClients(KEY, api_base=canned.url).for_thread()
    for method in ("GET", "POST"):
        canned.answer(status, b"moved", {"Location": f"{canned.url}/other"})
        with pytest.raises(GatewayUnavailable):
            client.perform_http_call(method, "payments", data={"a": "b"})
        assert len(canned.seen) == 1


def test_an_answer_that_is_too_long_is_given_up_packed_or_not(canned: Canned) -> None:
    text = b'{"id": "tr_1"' + b" " * LONGEST_ANSWER_BYTES + b"}"
    client = MollieClients(KEY, api_base=canned.url).for_thread()
    for body, headers in ((text, {}), (gzip.compress(text, 1), {"Content-Encoding": "gzip"})):
        canned.answer(200, body, headers)
        with pytest.raises(GatewayUnavailable):
            client.perform_http_call("GET", "payments/tr_1")
        assert len(canned.seen) == 1
    canned.answer(200, b'{"id": "tr_1"}')
    assert client.perform_http_call("GET", "payments/tr_1").json() == {"id": "tr_1"}


def test_an_answer_that_comes_byte_by_byte_is_waited_for_no_longer_than_one_that_hangs() -> None:
    with serve_slowly(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"id": "tr_1"}') as url:
        client = MollieClients(KEY, api_base=url, timeout_s=0.5).for_thread()
        with pytest.raises(GatewayUnavailable):
            client.perform_http_call("GET", "payments/tr_1")


def test_a_call_uses_the_proxy_of_the_environment(
    canned: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", canned.url)
    client = MollieClients(KEY, api_base="http://mollie.test").for_thread()
    client.perform_http_call("PATCH", "payments/tr_1", {"a": 1}, idempotency_key="k")
    assert canned.requests == [("PATCH", "http://mollie.test/v2/payments/tr_1", '{"a": 1}')]
    assert canned.seen[0]["idempotency-key"] == "k"
    assert canned.seen[0]["content-type"] == "application/json"


@pytest.mark.parametrize("named", ["tr_1/../../customers", "tr_1?x=1", "", "TR"])
def test_a_malformed_id_causes_no_call(canned: Canned, named: str) -> None:
    with pytest.raises(GatewayRejected) as refused:
        gateway(canned).fetch_invoice(named)

    assert refused.value.missing
    assert canned.requests == []


def test_each_thread_has_a_client_of_its_own() -> None:
    clients = MollieClients(KEY, api_base="http://127.0.0.1:1")
    seen = [clients.for_thread(), clients.for_thread()]

    other = threading.Thread(target=lambda: seen.append(clients.for_thread()))
    other.start()
    other.join()

    assert seen[0] is seen[1]
    assert seen[2] is not seen[0]


def test_endpoints_are_named_without_ids() -> None:
    base = "https://api.mollie.com"

    assert endpoint_of("POST", "payments/tr_1/refunds", base=base) == "post /v2/payments/*/refunds"
    assert (
        endpoint_of("GET", f"{base}/v2/customers/cst_8x/payments?from=tr_2", base=base)
        == "get /v2/customers/*/payments"
    )


@pytest.mark.parametrize("kind", ["lose_answer", "refuse_before"])
def test_a_call_with_a_lost_answer_is_repeated_and_creates_one_payment(
    mollie: MollieBench, kind: str
) -> None:
    invoice_id = mollie.request()
    mollie.account.admin.add_fault(kind, path="/v2/payments", method="POST")

    with pytest.raises(GatewayUnavailable):
        mollie.charge(invoice_id)
    view = mollie.charge(invoice_id).view

    assert view.status == "open"
    assert [payment["id"] for payment in mollie.payments()] == [view.provider_object_id]


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_trouble_is_no_refusal(mollie: MollieBench, status: int) -> None:
    invoice_id = mollie.request()
    mollie.account.admin.add_fault("status", path="/v2/payments", method="POST", status=status)

    with pytest.raises(GatewayUnavailable):
        mollie.charge(invoice_id)

    assert mollie.invoice(invoice_id).view.status == "requested"
    assert mollie.charge(invoice_id).view.status == "open"


def test_a_slow_answer_is_waited_for_so_long_and_looked_for_then(mollie: MollieBench) -> None:
    mollie.gateway = mollie.new_gateway(timeout_s=1)
    invoice_id = mollie.request()
    mollie.account.admin.add_fault(
        "delay", path="/v2/payments", method="POST", ms=1500, when="after"
    )

    with pytest.raises(GatewayUnavailable):
        mollie.charge(invoice_id)
    mollie.charge(invoice_id)

    assert len(mollie.payments()) == 1


def test_refused_credentials_end_a_request_that_nothing_was_made_for(mollie: MollieBench) -> None:
    mollie.account.admin.refuse_keys(mollie.account.key)

    view = mollie.charged().view

    assert view.status == "rejected"
    assert view.failure is not None
    assert view.failure.code == "provider_credentials_refused"


def test_credentials_that_are_refused_later_wait_for_an_operator(mollie: MollieBench) -> None:
    invoice_id = mollie.request()
    mollie.account.admin.add_fault("lose_answer", path="/v2/payments", method="POST")
    with pytest.raises(GatewayUnavailable):
        mollie.charge(invoice_id)
    mollie.account.admin.refuse_keys(mollie.account.key)

    with pytest.raises(GatewayMisconfigured):
        mollie.charge(invoice_id)

    assert mollie.invoice(invoice_id).view.status == "requested"


def test_a_payment_that_expired_before_it_was_recorded_is_created_again(
    mollie: MollieBench,
) -> None:
    invoice_id = mollie.request()
    mollie.account.admin.add_fault("lose_answer", path="/v2/payments", method="POST")
    with pytest.raises(GatewayUnavailable):
        mollie.charge(invoice_id)
    mollie.account.admin.set_clock(advance_s=20 * 60)

    view = mollie.charge(invoice_id).view

    newest, first = mollie.payments()
    assert (first["status"], newest["status"]) == ("expired", "open")
    assert (view.status, view.provider_object_id) == ("open", newest["id"])
