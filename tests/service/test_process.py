"""`python -m service` as it is run: uvicorn, two worker processes, real sockets."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPResponse
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.service.harness import Shop
from tests.service.service_process import Process, Start, wait_until
from tests.support import plain_http
from tests.support.ports import free_port


def counted(text: str, *, method: str, status: int) -> float:
    """Add up the requests of a method and a status in Prometheus's text."""
    lines = [line for line in text.splitlines() if line.startswith("billhook_requests_total{")]
    found = [
        line for line in lines if f'method="{method}"' in line and f'status="{status}"' in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def require_one_invoice_for_one_key(process: Process, shop: Shop) -> None:
    headers = shop.headers() | {"idempotency-key": uuid4().hex}
    url = process.url + shop.invoices_url

    def post(_: int) -> httpx.Response:
        return plain_http.post(url, json=shop.body("paid"), headers=headers, timeout=60)

    with ThreadPoolExecutor(25) as threads:
        answers = list(threads.map(post, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


def require_ports_of_their_own(
    process: Process, shop: Shop, *, metrics: str, dashboard: str, requests: int
) -> None:
    """Require that metrics count the requests, and that each port has its own paths alone."""
    url = f"{metrics}/metrics"

    def counts_all_processes() -> bool:  # each writes its counts a moment later
        return counted(plain_http.get(url).text, method="POST", status=200) == requests

    wait_until(counts_all_processes)
    assert "billhook_system_state_known 1.0" in plain_http.get(url).text
    assert plain_http.get(f"{process.url}/healthz").status_code == 200
    assert plain_http.get(f"{dashboard}/dashboard/sign-in").status_code == 200
    elsewhere = [f"{process.url}/metrics", f"{metrics}{shop.invoices_url}", dashboard]
    elsewhere += [f"{dashboard}{path}" for path in ("/healthz", "/docs", "/dashboards")]
    elsewhere += [f"{process.url}{path}" for path in ("/dashboard", "/dashboard/sign-in")]
    for url in elsewhere:
        assert plain_http.get(url).status_code == 404, url


def busy(workers: list[psutil.Process], port: int) -> int:
    """Open connections, and count the workers that serve them."""
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        return sum(
            any(one.laddr.port == port and one.raddr for one in worker.net_connections())
            for worker in workers
        )


def require_shared_connections_and_one_end(process: Process) -> None:
    """Require that workers share connections, and do not outlive the one that started them."""
    workers = psutil.Process(process.popen.pid).children(recursive=True)
    assert len(workers) >= 2
    port = int(process.url.rpartition(":")[2])
    wait_until(lambda: busy(workers, port) == 2)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
    process.popen.send_signal(signal.SIGKILL)
    process.popen.wait(120)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []


def test_two_processes_share_keys_counts_and_connections_and_end_together(
    start: Start, shop: Shop
) -> None:
    metrics_port, dashboard_port = free_port(), free_port()
    process = start(
        processes=2,
        BILLHOOK_METRICS_PORT=str(metrics_port),
        BILLHOOK_DASHBOARD_PORT=str(dashboard_port),
    )
    require_one_invoice_for_one_key(process, shop)
    require_ports_of_their_own(
        process,
        shop,
        metrics=f"http://127.0.0.1:{metrics_port}",
        dashboard=f"http://127.0.0.1:{dashboard_port}",
        requests=50,
    )
    require_shared_connections_and_one_end(process)
    assert shop.keys["write"] not in process.log.read_text()


def test_one_process_counts_answers_waiting_callers_when_it_stops_and_ends(
    start: Start, shop: Shop
) -> None:
    process = start()
    url = process.url + shop.invoices_url
    plain_http.post(url, json=shop.body("paid"), headers=shop.headers())
    assert counted(plain_http.get(f"{process.url}/metrics").text, method="POST", status=200) == 1
    big = plain_http.post(url + "/", content=b" " * 2**20, headers=shop.headers(), timeout=60)
    assert big.status_code == 413

    before = shop.service.head()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(
            plain_http.post,
            url,
            json=shop.body("never"),
            headers=shop.headers(prefer="wait=60"),
            timeout=60,
        )
        wait_until(lambda: shop.service.head() > before)
        started_s = time.monotonic()
        assert process.end() == 0
        assert waiting.result().status_code == 202
    assert time.monotonic() - started_s < 8


def test_a_request_that_a_stop_interrupts_is_answered_in_the_envelope(
    start: Start, shop: Shop
) -> None:
    metrics_port, dashboard_port = free_port(), free_port()
    process = start(
        BILLHOOK_STOP_TIMEOUT_S="1",
        BILLHOOK_METRICS_PORT=str(metrics_port),
        BILLHOOK_DASHBOARD_PORT=str(dashboard_port),
    )
    require_ports_of_their_own(
        process,
        shop,
        metrics=f"http://127.0.0.1:{metrics_port}",
        dashboard=f"http://127.0.0.1:{dashboard_port}",
        requests=0,
    )
    host, port = process.url.removeprefix("http://").split(":")
    head = f"POST {shop.invoices_url} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in shop.headers().items())
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        head += "content-type: application/json\r\nexpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        process.popen.terminate()
        answer = HTTPResponse(connection)
        answer.begin()
        document = json.loads(answer.read())
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert document["errors"][0]["code"] == "[E5030]"
    assert answer.headers["x-request-id"]
