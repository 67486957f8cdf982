"""`billhook connect` and `import` refuse an account that the app records already."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.apps import apps
from cli.connect import connect
from cli.connections import connections
from cli.import_ import imports
from tests.service.running_service import MASTER_KEY
from tests.support.mollie_account import MollieAccount
from tests.support.sandbox import SandboxProcess
from tests.support.stripe_account import Account

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def run(service_database: str, sandbox: SandboxProcess) -> Run:
    environment = {
        "BILLHOOK_DATABASE_URL": service_database,
        "BILLHOOK_MASTER_KEYS": MASTER_KEY,
        "BILLHOOK_PUBLIC_URL": None,
        "BILLHOOK_STRIPE_API_BASE": sandbox.url,
        "BILLHOOK_MOLLIE_API_BASE": sandbox.url,
        "BILLHOOK_CONNECTION_KEY": None,
        "BILLHOOK_CONNECTION_WEBHOOK_SECRETS": None,
    }

    def invoke(group: Any, *arguments: str, key: str = "") -> Result:
        return CliRunner().invoke(group, arguments, env=environment, input=f"{key}\n")

    return invoke


@pytest.fixture
def app(run: Run) -> str:
    made = run(apps, "create", f"Shop {secrets.token_hex(6)}", "--json")
    return str(json.loads(made.stdout.splitlines()[-1])["slug"])


def billed_account(sandbox: SandboxProcess, provider: str) -> str:
    """An account with a paid invoice, or payment; returns its key."""
    if provider == "mollie":
        with MollieAccount(sandbox.url) as mollie:
            mollie.with_mandate()
        return mollie.key
    with Account(sandbox.url) as account:
        account.admin.make_invoice(account.add_customer(), amount=1000, collect="now")
    return account.key


@pytest.mark.parametrize("provider", ["stripe", "mollie"])
def test_an_account_is_recorded_through_one_connection_of_an_app(
    run: Run, app: str, sandbox: SandboxProcess, provider: str
) -> None:
    key, other = (billed_account(sandbox, provider) for _ in range(2))
    since = ("--app", app, "--since", "2020-01-01", "--connection")
    assert run(connect, provider, "--app", app, "--name", "first", key=key).exit_code == 0
    assert run(imports, provider, *since, "first").exit_code == 0

    refused = run(connect, provider, "--app", app, "--name", "second", key=key)
    assert refused.exit_code == 1
    assert "recorded through the connection first" in refused.stderr
    stored = run(connections, "set", app, "third", "--provider", provider, key=key)
    assert stored.exit_code == 0, stored.output
    refused = run(imports, provider, *since, "third", "--dry-run")
    assert refused.exit_code == 1
    assert "recorded through the connection first" in refused.stderr

    assert run(connect, provider, "--app", app, "--name", "first", key=key).exit_code == 0
    assert run(imports, provider, *since, "first").exit_code == 0
    assert run(connect, provider, "--app", app, "--name", "other", key=other).exit_code == 0
    assert run(imports, provider, *since, "other").exit_code == 0
