"""Rates are kept by all processes together, on a real Redis, against the sandbox's own log."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections import Counter
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from domain.gateway.errors import GatewayUnavailable
from tests.support.stripe_account import Account
from workers.providers.rate_limit import ProviderRateLimits
from workers.providers.reconciliation_budget import reconciliation_budget
from workers.providers.stripe.client import endpoint_of
from workers.providers.stripe.gateway import StripeGateway

CALLS_PER_S = 10
PROCESSES, THREADS, CALLS_EACH = 2, 2, 10


def call_often(redis_url: str, url: str, key: str, price: str) -> None:
    """Fetch a price from several threads as fast as the rate limit allows."""
    rates = ProviderRateLimits(redis_url, patience_s=10)
    gateway = StripeGateway(
        key,
        api_base=url,
        mode="test",
        await_rate_limit=lambda endpoint: rates.acquire({f"a:{endpoint}": 0, "a": CALLS_PER_S}),
    )

    def run() -> None:
        for _ in range(CALLS_EACH):
            gateway.find_price(price)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_processes_with_threads_stay_under_one_rate_together(
    redis_url: str, account: Account
) -> None:
    account.admin.forget_requests()
    spawning = multiprocessing.get_context("spawn")
    given = (redis_url, account.url, account.key, account.price)
    processes = [spawning.Process(target=call_often, args=given) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0]
    seconds = Counter(entry["at"] for entry in account.admin.requests(path=account.price))
    assert seconds.total() == PROCESSES * THREADS * CALLS_EACH
    # Calls may take up to a second to arrive, so that `n` seconds hold at most `n + 1` rates.
    for first in seconds:
        for length in (1, 2, 3):
            arrived = sum(seconds[second] for second in range(first, first + length))
            assert arrived <= CALLS_PER_S * (length + 1)


def test_a_long_wait_is_not_done_in_the_thread_and_not_counted(
    redis_url: str, account: Account
) -> None:
    rates = ProviderRateLimits(redis_url, patience_s=0.05)
    gateway = StripeGateway(
        account.key, api_base=account.url, await_rate_limit=lambda _: rates.acquire({"a": 1})
    )
    account.admin.forget_requests()
    gateway.find_price(account.price)
    rates.start_job()

    with pytest.raises(GatewayUnavailable) as refused:
        gateway.find_price(account.price)

    assert not refused.value.counted
    assert refused.value.retry_after_s is not None
    assert 0 < refused.value.retry_after_s <= 2
    assert len(account.admin.requests(path=account.price)) == 1


def test_each_name_has_a_rate_of_its_own_and_a_rate_of_0_is_none(redis_url: str) -> None:
    rates = ProviderRateLimits(redis_url, patience_s=0)
    for name in ("a", "b"):
        rates.start_job()
        rates.acquire({name: 1, "all": 0})
    rates.start_job()
    with pytest.raises(GatewayUnavailable):
        rates.acquire({"all": 0, "a": 1})


def test_a_job_after_its_first_call_waits_for_the_limit(redis_url: str) -> None:
    rates = ProviderRateLimits(redis_url, patience_s=0)
    for _ in range(2):
        rates.acquire({"a": 1})


def test_without_redis_calls_continue_and_one_warning_is_logged() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        rates = ProviderRateLimits(f"redis://127.0.0.1:{nobody.getsockname()[1]}/0", patience_s=1)
        with capture_logs() as logs:
            for _ in range(50):
                rates.acquire({"a": 1})
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("rates.redis_unavailable", "warning")
    ]


@pytest.mark.parametrize(
    ("method", "url", "endpoint"),
    [
        ("get", "http://x/v1/prices/price_1Abc?expand[0]=product", "get /v1/prices/*"),
        ("post", "https://x/v1/invoices/in_1NXy2/pay", "post /v1/invoices/*/pay"),
        ("post", "https://x/v1/invoices", "post /v1/invoices"),
        ("post", "https://x/v1/invoices/create_preview", "post /v1/invoices/create_preview"),
        ("get", "https://x/v1/checkout/sessions/cs_test_a1B", "get /v1/checkout/sessions/*"),
    ],
)
def test_an_endpoint_is_named_without_ids(method: str, url: str, endpoint: str) -> None:
    assert endpoint_of(method, url) == endpoint


def test_reconciliation_has_a_fifth_of_the_rate(redis_url: str) -> None:
    rates = ProviderRateLimits(redis_url, patience_s=0)
    account = uuid4().hex

    def is_allowed() -> bool:
        rates.start_job()
        try:
            rates.acquire({account: 10})
        except GatewayUnavailable:
            return False
        return True

    with reconciliation_budget():
        allowed = sum(is_allowed() for _ in range(5))
    # The window may move on while the calls are counted.
    assert 2 <= allowed <= 4
    for _ in range(10 - allowed):
        rates.start_job()
        rates.acquire({account: 10})


def test_without_redis_reconciliation_keeps_its_pace_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("workers.providers.rate_limit.time.sleep", pauses.append)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        rates = ProviderRateLimits(f"redis://127.0.0.1:{port}/0", patience_s=0)
        rates.acquire({"a": 25})
        assert pauses == []
        with reconciliation_budget():
            rates.acquire({"a:get /v1/events": 0, "a": 25})
    assert pauses == [1 / 5]


def test_calls_of_reconciliation_alone_give_way_to_callers(redis_url: str) -> None:
    given_way: list[None] = []
    rates = ProviderRateLimits(redis_url, patience_s=1, give_way=lambda: given_way.append(None))
    name = str(uuid4())
    rates.acquire({name: CALLS_PER_S})
    assert given_way == []
    with reconciliation_budget():
        rates.acquire({name: CALLS_PER_S})
    assert given_way == [None]
