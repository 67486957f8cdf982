"""Test that a changed webhook endpoint is noticed, recorded once, and enabled again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.core import ids
from domain.inbox.webhook_health import WebhookHealth
from projections.work.checkpoints import Checkpoints
from tests.support.wait_until import until
from tests.workers.stripe_harness import Bench
from tests.workers.test_schedule import project
from tests.workers.webhooks.test_registration import BASE, MASTER_KEY, VAULT, registration
from workers.errors import OperatorError
from workers.polling.run import connection_in_use
from workers.settings import Settings
from workers.webhooks import health
from workers.webhooks.health import HealthDeps, check_endpoints, keep_checking
from workers.webhooks.registration import WebhookRegistration

__all__ = ["registration"]


@pytest.fixture
def deps(bench: Bench, database: str) -> Iterator[HealthDeps]:
    checkpoints = Checkpoints(database)
    checkpoints.open()
    yield HealthDeps(
        billing=bench.billing,
        vault=VAULT,
        checkpoints=checkpoints,
        api_base=bench.account.url,
        now=bench.clock,
    )
    checkpoints.close()


def test_each_change_of_the_endpoint_is_an_event_and_checks_only_read(
    bench: Bench,
    deps: HealthDeps,
    registration: Callable[..., WebhookRegistration],
) -> None:
    made = registration().register(BASE, renew=False)
    connection = connection_in_use(bench.billing, bench.app_id, "main")
    health_id = ids.for_webhook_health(connection.connection_id)
    update = bench.account.v1.webhook_endpoints.update
    few: Any = {"enabled_events": ["invoice.paid"]}
    off: Any = {"disabled": True}

    def checked() -> str:
        bench.account.admin.forget_requests()
        check_endpoints([connection], deps)
        check_endpoints([connection], deps)
        assert {one["method"] for one in bench.account.admin.requests()} == {"GET"}
        return bench.billing.get(WebhookHealth, health_id).known.state

    assert checked() == "healthy"
    update(made.endpoint, few)
    assert checked() == "misconfigured"
    update(made.endpoint, off)
    assert checked() == "disabled"
    assert registration().enable() == [made.endpoint]
    assert checked() == "healthy"
    bench.account.v1.webhook_endpoints.delete(made.endpoint)
    assert checked() == "missing"
    with pytest.raises(OperatorError):
        registration().enable()

    topics = [recorded.topic for recorded in bench.log.stream(health_id)]
    assert topics == ["webhook_health.observed", *["webhook_health.changed"] * 4]
    assert deps.checkpoints.find(f"webhook_health:{connection.connection_id}") == {
        "state": "missing"
    }


def test_a_provider_that_is_away_leaves_the_known_state(
    bench: Bench,
    deps: HealthDeps,
    registration: Callable[..., WebhookRegistration],
) -> None:
    registration().register(BASE, renew=False)
    connection = connection_in_use(bench.billing, bench.app_id, "main")
    assert check_endpoints([connection], deps) == 0
    bench.account.admin.add_fault("status", path="/v1/webhook_endpoints", method="GET", times=9)

    assert check_endpoints([connection], deps) == 0

    health = bench.billing.get(WebhookHealth, ids.for_webhook_health(connection.connection_id))
    assert (health.known.state, health.version) == ("healthy", 1)


def test_the_scheduler_checks_the_connections_in_use_again_and_again(
    bench: Bench,
    database: str,
    registration: Callable[..., WebhookRegistration],
) -> None:
    made = registration().register(BASE, renew=False)
    connection = connection_in_use(bench.billing, bench.app_id, "main")
    health_id = ids.for_webhook_health(connection.connection_id)
    asyncio.run(project(database, bench, until="access"))
    settings = Settings(
        database_url=database, master_keys=MASTER_KEY, stripe_api_base=bench.account.url
    )

    async def checked_until(state: str) -> None:
        stop = asyncio.Event()
        checking = asyncio.create_task(
            keep_checking(settings, stop, every=timedelta(milliseconds=20))
        )
        await until(lambda: checking.done() or _state(bench, health_id) == state)
        stop.set()
        await checking

    asyncio.run(checked_until("healthy"))
    off: Any = {"disabled": True}
    bench.account.v1.webhook_endpoints.update(made.endpoint, off)
    asyncio.run(checked_until("disabled"))
    assert _state(bench, health_id) == "disabled"


def test_a_check_that_fails_ends_none_of_the_process_s_roles(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[None] = []

    def fail(_: Settings) -> int:
        checks.append(None)
        raise KeyError("unexpected")

    monkeypatch.setattr(health, "check_all", fail)

    async def scenario() -> None:
        stop = asyncio.Event()
        every = timedelta(milliseconds=1)
        checking = asyncio.create_task(
            keep_checking(Settings(database_url=database), stop, every=every)
        )
        await until(lambda: checking.done() or len(checks) > 1)
        stop.set()
        await checking

    asyncio.run(scenario())


def _state(bench: Bench, health_id: UUID) -> str | None:
    health = bench.billing.find(WebhookHealth, health_id)
    return None if health is None else health.known.state
