"""Processes are killed in mid-flow; afterwards the invoice ends paid, charged once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import redis

from tests.e2e.test_invoice_lifecycle import by_status, taken
from tests.support.stripe_account import Account
from tests.support.system import Caller, System, eventually

SLOW_MS = 300
# It looks twice a second, and kills after 5 s without an answer.
_LONGER_THAN_UVICORN_WAITS_S = 7


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with two API processes that these tests may damage."""
    with System(tmp_path_factory.mktemp("mortal"), processes=2) as running:
        yield running


def start_invoice(caller: Caller, account: Account) -> str:
    """Request an invoice at a slow provider and return when its calls have started."""
    account.admin.set_latency(SLOW_MS)
    account.admin.forget_requests()
    tenant_id = caller.add_tenant(account.add_customer())
    answer = caller.post_invoice(tenant_id, prefer="respond-async")
    assert answer.status_code == 202, answer.text
    eventually(lambda: account.admin.requests(method="POST", path="/v1/invoices"))
    invoice_id: str = answer.json()["items"][0]["id"]
    return invoice_id


def kill_worker(system: System) -> None:
    system.child("workers", "run").kill()


def kill_background(system: System) -> None:
    system.child("workers", "background").kill()


def kill_redis(system: System) -> None:
    """With all it holds: what it wrote to disk goes too, if it wrote any."""
    pid = int((system.data_dir / "redis" / "pid").read_text())
    psutil.Process(pid).kill()
    for dump in system.data_dir.rglob("*.rdb"):
        dump.unlink()


def kill_api(system: System) -> None:
    """Kill the API's parent process; its worker processes end with it, before they are replaced.

    Until they have ended they still answer, so that the API looks as if it were back already.
    """
    parent = system.child("-m", "service")
    workers = parent.children(recursive=True)
    parent.kill()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []


def workers_of_api(system: System) -> list[psutil.Process]:
    """Find the API's two worker processes by the command that multiprocessing starts them with."""
    parent = system.child("-m", "service")
    return [one for one in parent.children() if "spawn_main" in " ".join(one.cmdline())]


def kill_everything(system: System) -> None:
    system.kill()
    system.start()


@pytest.mark.extended
@pytest.mark.parametrize(
    "kill",
    [kill_worker, kill_background, kill_redis, kill_api, kill_everything],
    ids=lambda k: k.__name__,
)
def test_an_invoice_ends_paid_and_charged_once_after_a_kill_of_any_process(
    mortal: System, kill: Callable[[System], None]
) -> None:
    with mortal.account() as account, mortal.caller() as caller:
        invoice_id = start_invoice(caller, account)

        kill(mortal)
        account.admin.set_latency(0)

        eventually(lambda: api_answers(caller))
        item = eventually(lambda: by_status(caller, invoice_id, "paid"))
        assert taken(account, item) == 1999


@pytest.mark.extended
def test_a_worker_process_of_the_api_that_the_machine_keeps_waiting_is_not_replaced(
    mortal: System,
) -> None:
    """As while it starts on a busy machine: seconds pass in which it can answer nothing."""
    waiting = workers_of_api(mortal)
    waiting[0].suspend()
    try:
        time.sleep(_LONGER_THAN_UVICORN_WAITS_S)
    finally:
        waiting[0].resume()

    assert len(waiting) == 2
    assert workers_of_api(mortal) == waiting
    with mortal.caller() as caller:
        eventually(lambda: api_answers(caller))


@pytest.mark.extended
def test_a_job_that_the_queue_lost_is_sent_again(mortal: System) -> None:
    with mortal.account() as account, mortal.caller() as caller:
        worker = mortal.child("workers", "run")
        worker.suspend()
        try:
            tenant_id = caller.add_tenant(account.add_customer())
            answer = caller.post_invoice(tenant_id, prefer="respond-async")
            eventually(lambda: queued(mortal))
            kill_redis(mortal)
        finally:
            worker.resume()

        invoice_id = answer.json()["items"][0]["id"]
        item = eventually(lambda: by_status(caller, invoice_id, "paid"))
        assert taken(account, item) == 1999


def queued(system: System) -> int:
    """Return the number of messages in Redis."""
    with redis.Redis(unix_socket_path=str(system.data_dir / "redis" / "run" / "redis.sock")) as it:
        return sum(it.hlen(key) for key in it.keys("dramatiq:*.msgs"))


def api_answers(caller: Caller) -> bool:
    try:
        return caller.http.get("/readyz").status_code == 200
    except Exception:  # noqa: BLE001 - it was just killed
        return False
