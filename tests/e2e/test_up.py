"""`billhook up` itself: what it says, what it keeps, what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from cli.local.postgres import EmbeddedPostgres
from cli.local.process import wait_until
from cli.local.supervisor import stop_leftovers
from tests.support import plain_http
from tests.support.processes import children_of, ending_with_tests


@dataclass
class Up:
    """A run of `billhook up --json`."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    def end(self, number: signal.Signals, *, again_every_s: float = 120) -> int:
        """Send a signal, again until the process ends; returns its exit status."""
        for _ in range(int(120 / again_every_s)):
            self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=again_every_s)
                break
        code = self.process.wait(timeout=0)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from removed_at_the_end(tmp_path_factory.mktemp("up") / "data")


@pytest.fixture(scope="module")
def up(data_dir: Path) -> Iterator[Up]:
    """A run that is shared by all tests that only read from it."""
    yield from ended_at_the_end(start(data_dir))


@pytest.fixture
def own_data_dir(tmp_path: Path) -> Iterator[Path]:
    yield from removed_at_the_end(tmp_path / "data")


@pytest.fixture
def own_up(own_data_dir: Path) -> Iterator[Up]:
    """A run for a test that ends it."""
    yield from ended_at_the_end(start(own_data_dir))


def removed_at_the_end(folder: Path) -> Iterator[Path]:
    yield folder
    stop_leftovers(folder, timeout_s=1)
    EmbeddedPostgres(folder).remove()


def ended_at_the_end(up: Up) -> Iterator[Up]:
    yield up
    if up.process.poll() is None:
        up.end(signal.SIGTERM)


def environment(data_dir: Path) -> dict[str, str]:
    """Remove settings of the developer's shell from the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BILLHOOK_")}
    return {**kept, "BILLHOOK_DATA_DIR": str(data_dir)}


def billhook(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ending_with_tests([sys.executable, "-m", "cli", *arguments]),
        env=environment(data_dir),
        capture_output=True,
        text=True,
        check=False,
    )


def start(data_dir: Path, *, port: int = 0, sandbox_port: int = 0) -> Up:
    errors = data_dir.with_name("stderr")
    ports = ["--port", str(port), "--sandbox-port", str(sandbox_port)]
    with errors.open("ab") as stderr:
        process = subprocess.Popen(
            ending_with_tests([sys.executable, "-m", "cli", "up", "--json", *ports]),
            env=environment(data_dir),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, errors.read_text()
    return Up(process, json.loads(line))


def port_of(url: str) -> int:
    port = httpx.URL(url).port
    assert port is not None
    return port


def demo_of(data_dir: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((data_dir / "demo.json").read_text())
    return loaded


def test_its_one_line_has_all_urls_and_folders(up: Up, data_dir: Path) -> None:
    demo = demo_of(data_dir)
    assert up.ready["base_url"] == demo["base_url"]
    assert up.ready["sandbox_url"] == demo["sandbox_url"]
    assert up.ready["demo"] == str(data_dir / "demo.json")
    assert plain_http.get(f"{up.ready['base_url']}/readyz").status_code == 200
    assert (data_dir / "demo.json").stat().st_mode & 0o777 == 0o600


def test_doctor_finds_nothing_wrong(up: Up, data_dir: Path) -> None:
    assert up.process.poll() is None
    examined = billhook("doctor", data_dir=data_dir)
    assert "WRONG" not in examined.stdout
    assert examined.returncode == 0


def test_the_operators_commands_reach_the_system_that_runs_here(up: Up, data_dir: Path) -> None:
    made = json.loads(billhook("apps", "create", "Second", "--json", data_dir=data_dir).stdout)
    headers = {
        "x-api-key": made["read_key"],
        "x-api-key-type": "read",
        "x-client-id": made["app_id"],
    }
    url = f"{up.ready['base_url']}/api/v1/apps/{made['app_id']}/invoices"
    assert wait_until(
        lambda: plain_http.get(url, headers=headers).status_code == 200,
        timeout_s=60,
    )


def test_no_command_line_holds_a_secret(up: Up, data_dir: Path) -> None:
    assert up.process.poll() is None
    demo = demo_of(data_dir)
    keys = [demo["write_key"], demo["admin_key"], (data_dir / "master.key").read_text().strip()]
    lines = [" ".join(child.cmdline()) for child in children_of(data_dir)]
    assert lines
    assert not [line for line in lines for key in keys if key in line]


def test_a_process_that_is_killed_is_back_soon(up: Up, data_dir: Path) -> None:
    assert up.process.poll() is None
    (worker,) = (child for child in children_of(data_dir) if child.cmdline()[-1] == "background")
    worker.kill()
    assert wait_until(
        lambda: (
            [
                child
                for child in children_of(data_dir)
                if child.cmdline()[-1:] == ["background"] and child.pid != worker.pid
            ]
            != []
        ),
        timeout_s=60,
    )


@pytest.mark.parametrize("name", ["redis-server", "postgres"])
def test_a_server_that_is_killed_is_back_soon_and_invoices_get_paid(
    up: Up, data_dir: Path, name: str
) -> None:
    demo = demo_of(data_dir)
    server_of(up, name).kill()
    assert wait_until(lambda: is_paid(demo, key=f"after-{name}"), timeout_s=60)


def server_of(up: Up, name: str) -> psutil.Process:
    (found,) = (
        child for child in psutil.Process(up.process.pid).children() if child.name() == name
    )
    return found


def is_paid(demo: dict[str, Any], *, key: str) -> bool:
    """Repeat a request under one key until it succeeds."""
    url = f"{demo['base_url']}/api/v1/apps/{demo['app_id']}/tenants/{demo['tenant_id']}"
    try:
        answer = plain_http.post(
            f"{url}/payment-providers/stripe/invoices",
            headers={
                "x-api-key": demo["write_key"],
                "x-api-key-type": "write",
                "x-client-id": demo["app_id"],
                "idempotency-key": key,
            },
            json={
                "tenantUuid": demo["tenant_id"],
                "lineItems": [{"price": demo["prices"]["one_time"]}],
                "type": "payment",
            },
            timeout=30,
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json()["items"][0]["status"] == "paid"


def test_a_second_one_on_the_same_folder_is_refused(up: Up, data_dir: Path) -> None:
    refused = billhook("up", data_dir=data_dir)
    assert refused.returncode == 1
    assert f"pid {up.process.pid}" in refused.stderr


def test_a_taken_port_is_named_with_its_option(up: Up, data_dir: Path) -> None:
    port = port_of(up.ready["base_url"])
    other = data_dir.with_name("other")
    refused = billhook("up", "--port", str(port), "--sandbox-port", "0", data_dir=other)
    assert refused.returncode == 1
    assert f"port {port} cannot be used" in refused.stderr
    assert "--port" in refused.stderr


@pytest.mark.extended
def test_sigterm_ends_all_of_it(own_up: Up, own_data_dir: Path) -> None:
    assert own_up.end(signal.SIGTERM) == 0
    assert children_of(own_data_dir) == []


@pytest.mark.extended
def test_signals_that_repeat_until_its_end_change_nothing(own_up: Up, own_data_dir: Path) -> None:
    assert own_up.end(signal.SIGINT, again_every_s=0.01) == 0
    assert children_of(own_data_dir) == []


@pytest.mark.extended
def test_killed_it_starts_again_on_the_same_ports_with_all_it_knew(
    own_up: Up, own_data_dir: Path
) -> None:
    before = demo_of(own_data_dir)
    ports = [port_of(own_up.ready[name]) for name in ("base_url", "sandbox_url")]
    own_up.end(signal.SIGKILL)
    again = start(own_data_dir, port=ports[0], sandbox_port=ports[1])
    try:
        assert demo_of(own_data_dir) == before
        headers = {
            "x-api-key": before["read_key"],
            "x-api-key-type": "read",
            "x-client-id": before["app_id"],
        }
        url = f"{before['base_url']}/api/v1/apps/{before['app_id']}/invoices"
        assert plain_http.get(url, headers=headers).status_code == 200
    finally:
        again.end(signal.SIGTERM)
