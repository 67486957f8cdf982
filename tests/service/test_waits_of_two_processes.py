"""Callers that wait at one of two worker processes while events are recorded by others."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from domain.core import ids
from domain.invoices.events import InvoiceRequested
from tests.service.harness import Shop, sign, stripe_event
from tests.service.invoice_outcomes import complete_invoice
from tests.service.running_service import Service
from tests.service.service_process import Process, Start, wait_until


class TwoWorkers:
    """Connections to each of the two worker processes of a service, by process."""

    def __init__(self, process: Process, stack: ExitStack) -> None:
        self._parent = psutil.Process(process.popen.pid)
        self._port = int(process.url.rpartition(":")[2])
        self._stack = stack
        self.connections: dict[psutil.Process, HTTPConnection] = {}
        wait_until(lambda: self._connect() == 2)

    def connect(self) -> HTTPConnection:
        """Open a connection to any of the workers."""
        opened = HTTPConnection("127.0.0.1", self._port, timeout=60)
        opened.connect()
        return self._stack.enter_context(closing(opened))

    def workers(self) -> list[psutil.Process]:
        """Return the processes that listen."""
        children = self._parent.children(recursive=True)
        return [child for child in children if self._port in self._ports(child, remote=False)]

    def _connect(self) -> int:
        opened = self.connect()
        own_port = opened.sock.getsockname()[1]
        for worker in self.workers():
            if own_port in self._ports(worker, remote=True):
                self.connections[worker] = opened
        return len(self.connections)

    def _ports(self, worker: psutil.Process, *, remote: bool) -> set[int]:
        try:
            found = worker.net_connections()
        except psutil.NoSuchProcess:
            return set()
        ends = [one.raddr if remote else one.laddr for one in found if one.raddr or not remote]
        return {end.port for end in ends}


@pytest.fixture
def two(start: Start) -> Iterator[TwoWorkers]:
    with ExitStack() as stack:
        yield TwoWorkers(start(processes=2), stack)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


def _sent(
    connection: HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> tuple[HTTPResponse, Any]:
    json_headers = {"content-type": "application/json", **headers}
    connection.request("POST", path, body, json_headers)
    answer = connection.getresponse()
    return answer, json.loads(answer.read())


def _post(shop: Shop, connection: HTTPConnection, key: str) -> tuple[HTTPResponse, Any]:
    """Request an invoice that no worker of the tests completes, and wait for its outcome."""
    headers = shop.headers(prefer="wait=60", idempotency_key=key)
    return _sent(connection, shop.invoices_url, json.dumps(shop.body("never")).encode(), headers)


def _invoice_id(shop: Shop, key: str) -> UUID:
    return ids.for_post(shop.app_id, None, key)


def _waiting(
    shop: Shop, threads: ThreadPoolExecutor, connection: HTTPConnection
) -> tuple[Future[tuple[HTTPResponse, Any]], UUID, str]:
    """Begin a request that waits; return it once it is recorded."""
    key = uuid4().hex
    invoice_id = _invoice_id(shop, key)
    waiting = threads.submit(_post, shop, connection, key)
    wait_until(lambda: bool(shop.service.events(invoice_id)))
    return waiting, invoice_id, key


def _require_paid(answered: Future[tuple[HTTPResponse, Any]], invoice_id: UUID) -> None:
    answer, document = answered.result(timeout=60)
    assert answer.status == 200
    (item,) = document["items"]
    assert (item["id"], item["status"]) == (str(invoice_id), "paid")


def test_a_wait_at_one_process_ends_while_the_other_stores_webhooks(
    service: Service, shop: Shop, two: TwoWorkers, threads: ThreadPoolExecutor
) -> None:
    for here, there in (two.connections.values(), reversed(two.connections.values())):
        waiting, invoice_id, _ = _waiting(shop, threads, here)
        event = stripe_event(about={"metadata": {"billhook_invoice": str(invoice_id)}})
        raw = json.dumps(event).encode()
        signature = {"stripe-signature": sign(raw, secret=shop.webhook_secrets[0])}
        delivered, _ = _sent(there, shop.webhook_url, raw, signature)
        assert delivered.status == 200
        assert len(shop.received(event["id"])) == 1
        complete_invoice(service.context, invoice_id, "paid")
        _require_paid(waiting, invoice_id)


def test_a_killed_process_ends_no_wait_of_the_other_and_its_callers_wait_again_elsewhere(
    service: Service, shop: Shop, two: TwoWorkers, threads: ThreadPoolExecutor
) -> None:
    (killed, here), (_, there) = two.connections.items()
    lost, lost_id, key = _waiting(shop, threads, here)
    kept, kept_id, _ = _waiting(shop, threads, there)
    killed.kill()
    assert isinstance(lost.exception(timeout=60), ConnectionError)
    killed.wait(timeout=60)  # until then a connection may still be given to it, and reset

    again = threads.submit(_post, shop, two.connect(), key)
    complete_invoice(service.context, kept_id, "paid")
    complete_invoice(service.context, lost_id, "paid")
    _require_paid(kept, kept_id)
    _require_paid(again, lost_id)
    assert again.result()[0].headers["idempotent-replayed"] == "true"
    requested = [e for e in service.events(lost_id) if isinstance(e, InvoiceRequested)]
    assert len(requested) == 1
    wait_until(lambda: len(two.workers()) == 2)  # the killed one was replaced


def test_a_process_that_is_killed_while_it_is_asked_for_a_sign_of_life_is_replaced_soon(
    two: TwoWorkers,
) -> None:
    worker = two.workers()[0]
    worker.suspend()
    time.sleep(2)  # it is asked twice a second, and waited for
    worker.kill()
    worker.wait(timeout=30)  # hung ones are replaced after a minute
    wait_until(lambda: len(two.workers()) == 2)
