"""`python -m service` beside the tests, on a free port."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.service.running_service import MASTER_KEY
from tests.support import plain_http
from tests.support.ports import free_port
from tests.support.processes import ending_with_tests

Start = Callable[..., "Process"]


class Process:
    """A service that runs on its own, on a free port."""

    def __init__(self, database: str, log: Path, *, processes: int, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        environment = {
            "BILLHOOK_DATABASE_URL": database,
            "BILLHOOK_MASTER_KEYS": MASTER_KEY,
            "BILLHOOK_PORT": str(port),
            "BILLHOOK_PROCESSES": str(processes),
            **settings,
        }
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                ending_with_tests([sys.executable, "-m", "service"]),
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def is_ready(self) -> bool:
        try:
            return plain_http.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def end(self) -> int:
        if self.popen.poll() is None:
            self.popen.terminate()
        return self.popen.wait(120)


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 120) -> None:
    deadline_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        pause.wait(0.05)
