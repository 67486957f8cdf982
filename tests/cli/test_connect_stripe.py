"""`billhook connect stripe`, with the sandbox as Stripe."""

import json
import secrets
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from cli.apps import apps
from cli.connect import connect
from domain.apps.connection import Connection, secret_context
from domain.core.ids import for_connection
from eventlog.security.vault import Vault
from tests.service.running_service import MASTER_KEY, Service
from tests.support.sandbox import SandboxAdmin, SandboxProcess

Run = Callable[..., Result]
BASE = "http://127.0.0.1:9"  # nobody listens


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def environment(service_database: str, sandbox: SandboxProcess) -> dict[str, str | None]:
    return {
        "BILLHOOK_DATABASE_URL": service_database,
        "BILLHOOK_MASTER_KEYS": MASTER_KEY,
        "BILLHOOK_PUBLIC_URL": None,
        "BILLHOOK_STRIPE_API_BASE": sandbox.url,
        "BILLHOOK_CONNECTION_KEY": None,
        "BILLHOOK_CONNECTION_WEBHOOK_SECRETS": None,
    }


@pytest.fixture
def app(environment: dict[str, str | None]) -> dict[str, str]:
    named = f"Shop {secrets.token_hex(6)}"
    made = CliRunner().invoke(apps, ["create", named, "--json"], env=environment)
    answer: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return answer


@pytest.fixture
def run(environment: dict[str, str | None], app: dict[str, str]) -> Run:
    def invoke(key: str, *more: str) -> Result:
        arguments = ["stripe", "--app", app["slug"], *more]
        return CliRunner().invoke(connect, arguments, env=environment, input=f"{key}\n")

    return invoke


def fresh_key() -> str:
    return f"sk_test_{secrets.token_hex(12)}"


def stored(service: Service, app: dict[str, str]) -> Connection | None:
    named = for_connection(UUID(app["app_id"]), "stripe-1")
    return service.context.recording.billing.find(Connection, named)


def test_a_wait_without_an_event_ends_at_its_timeout(
    run: Run, service: Service, app: dict[str, str], sandbox: SandboxProcess
) -> None:
    key = fresh_key()
    ended = run(key, "--url", BASE, "--wait", "0.5")
    assert ended.exit_code == 1
    connection = stored(service, app)
    assert connection is not None
    context = secret_context(connection.app_id, connection.name)
    box = Vault([MASTER_KEY])
    assert box.open(connection.sealed_key, context=context) == key
    (hook,) = [box.open(one, context=context) for one in connection.sealed_webhook_secrets]
    for secret in (key, hook):
        assert secret not in ended.stdout + ended.stderr
    with SandboxAdmin(sandbox.url, key) as admin:
        requests = [(one["method"], one["path"]) for one in admin.requests()]
    assert requests.count(("POST", "/v1/customers")) == 1
    assert [method for method, _ in requests].count("DELETE") == 1
    assert "none arrived within 0." in ended.stdout
    assert "billhook connections check stripe-1" in ended.stdout


def test_a_key_that_stripe_refuses_leaves_nothing(
    run: Run, service: Service, app: dict[str, str], sandbox: SandboxProcess
) -> None:
    key = fresh_key()
    with SandboxAdmin(sandbox.url, key) as admin:
        admin.refuse_keys(key)
        ended = run(key, "--url", BASE)
        admin_again = SandboxAdmin(sandbox.url, fresh_key())
        admin_again.refuse_keys()
        admin_again.close()
    assert ended.exit_code == 1
    assert "Stripe rejects our credentials" in ended.stderr
    assert key not in ended.stdout + ended.stderr
    assert stored(service, app) is None


def test_without_a_url_the_remaining_steps_are_printed(
    run: Run, service: Service, app: dict[str, str]
) -> None:
    ended = run(fresh_key())
    assert ended.exit_code == 0, ended.stderr
    assert f"billhook connections register-webhook stripe-1 --app {app['slug']}" in ended.stdout
    assert stored(service, app) is not None


@pytest.mark.parametrize("key", ["pk_test_1", "tea", ""])
def test_a_string_that_is_no_secret_key_is_rejected(run: Run, key: str) -> None:
    ended = run(key)
    assert ended.exit_code == 1
    assert ended.stdout == ""
