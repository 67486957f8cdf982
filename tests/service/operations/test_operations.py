import asyncio
import re
from typing import Any

import pytest
import structlog

from projections.engine.errors import ReadModelUnavailable
from projections.engine.health import FollowerState
from projections.invoices.queries import InvoiceQueries
from service.auth.access_cache import AccessCache
from service.operations.readiness import Readiness
from tests.service.harness import Shop, stripe_event
from tests.service.running_service import Service


class Verified(AccessCache):
    is_verified = True

    def __init__(self) -> None:
        pass


def readiness(
    *, writable: bool | None = True, pending: tuple[str, ...] = (), access: Any = None
) -> Any:
    async def states() -> tuple[FollowerState, ...]:
        return ()

    async def is_writable() -> bool:
        if writable is None:
            raise ConnectionError("the password is 1234")
        return writable

    return Readiness(
        states=states,
        is_writable=is_writable,
        pending_migrations=lambda: pending,
        access=access or Verified(),
    )


def test_a_running_service_is_ready(service: Service) -> None:
    Shop(service)
    response = service.request("GET", "/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)
    assert set(response.json()["checks"].values()) == {"ok"}


def test_health_does_not_depend_on_the_database(service: Service) -> None:
    assert service.request("GET", "/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("subject", "check", "message"),
    [
        (readiness(writable=None), "database", "does not answer"),
        (readiness(writable=False), "database", "is read-only"),
        (readiness(pending=("a/0001_x",)), "migrations", "1 pending"),
        (
            readiness(access=AccessCache(None, max_age_s=5)),  # type: ignore[arg-type]
            "keys",
            "not verified",
        ),
    ],
)
def test_a_failed_check_is_reported_alone(subject: Any, check: str, message: str) -> None:
    ready, checks = asyncio.run(subject.checks())
    assert not ready
    assert checks[check] == message
    assert "1234" not in str(checks)


def test_readiness_without_a_database_is_503(
    service_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.operations.readiness._TIMEOUT_S", 0.2)
    monkeypatch.setattr("service.operations.system_watch._TIMEOUT_S", 0.2)
    nowhere = re.sub(r"dbname=\S+", "dbname=not_there", service_database)
    with Service(nowhere, projections=False, wait_for_tail=False) as lost:
        response = lost.request("GET", "/readyz")
        assert response.status_code == 503
        assert response.json() == {"ready": False, "checks": {"database": "does not answer"}}
        assert lost.request("GET", "/healthz").status_code == 200
        assert lost.request("GET", "/metrics").status_code == 200


def test_requests_waits_appends_webhooks_and_followers_are_counted(
    service: Service, shop: Shop
) -> None:
    shop.post("paid")
    shop.deliver(stripe_event())
    text = service.request("GET", "/metrics").text
    route = r"/api/v1/apps/\{appUuid\}/tenants/\{tenantUuid\}/payment-providers/"
    for pattern in (
        rf'billhook_requests_total\{{method="POST",route="{route}[^"]*",status="200"\}} [1-9]',
        r'billhook_request_seconds_bucket\{le="0.1",method="POST",route="[^"]*invoices"\} ',
        r"billhook_appended_events_total [1-9]",
        r"billhook_append_events_sum [1-9]",
        r'billhook_wait_seconds_count\{ended="outcome"\} [1-9]',
        r'billhook_webhooks_total\{provider="stripe",result="stored"\} [1-9]',
        r'billhook_follower_position\{follower="invoices"\} [1-9]',
        r'billhook_follower_stopped\{follower="access"\} 0',
    ):
        assert re.search(pattern, text), pattern
    assert str(shop.app_id) not in text
    assert str(shop.connection_id) not in text


def test_methods_that_are_not_served_are_counted_as_one(service: Service) -> None:
    for method in ("DELETE", "PATCH", "BREW"):
        assert service.request(method, "/healthz").status_code == 405
    text = service.request("GET", "/metrics").text
    (counted,) = re.findall(r'billhook_requests_total\{.*route="/healthz",status="405"\} .*', text)
    assert 'method="other"' in counted
    assert float(counted.rpartition(" ")[2]) >= 3


def test_a_request_that_fails_for_our_reasons_is_logged_with_the_reason(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ReadModelUnavailable("UndefinedColumn")

    monkeypatch.setattr(InvoiceQueries, "list_stored", fail)
    with structlog.testing.capture_logs() as lines:
        assert shop.get(shop.invoices_url).status_code == 503
        shop.get(f"{shop.invoices_url}/none")
    failed, missing = [line for line in lines if line["event"] == "request"]
    assert failed["failure"] == (
        "ReadModelUnavailable: the read model is unavailable: UndefinedColumn"
    )
    assert "failure" not in missing


def test_a_request_is_logged_with_its_id_and_without_what_it_holds(shop: Shop) -> None:
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        shop.post("paid", headers={"x-request-id": "request-1"}, footer="very private")
        shop.deliver(stripe_event())
        shop.deliver(stripe_event(), secret="whsec_of_nobody")
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["log_level"] for line in requests] == ["info", "debug", "info"]
    post, delivery, forged = requests
    assert (post["request_id"], post["status"]) == ("request-1", 200)
    assert (forged["route"], forged["status"]) == (delivery["route"], 400)
    assert delivery["route"] == "/webhooks/{provider}/{connectionId}"
    for private in (shop.keys["write"], "very private", str(shop.connection_id)):
        assert private not in str(lines)
