"""`billhook connect mollie` and `billhook import mollie`, with the sandbox as Mollie."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from cli.apps import apps
from cli.connect import connect
from cli.connections import connections
from cli.import_ import imports
from cli.reconcile import reconcile
from domain.apps.commands import SetConnection
from domain.apps.connection import Connection
from domain.core.ids import for_connection, for_provider_object
from domain.inbox.provider_event import ProviderEventReceived
from domain.invoices.invoice import Invoice
from tests.service.running_service import MASTER_KEY, Service
from tests.support.mollie_account import MollieAccount
from tests.support.sandbox import SandboxProcess

URL = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def account() -> Iterator[MollieAccount]:
    with SandboxProcess() as process, MollieAccount(process.url) as made:
        yield made


@pytest.fixture
def environment(service_database: str, account: MollieAccount) -> dict[str, str | None]:
    return {
        "BILLHOOK_DATABASE_URL": service_database,
        "BILLHOOK_MASTER_KEYS": MASTER_KEY,
        "BILLHOOK_PUBLIC_URL": None,
        "BILLHOOK_MOLLIE_API_BASE": account.url,
        "BILLHOOK_CONNECTION_KEY": None,
        "BILLHOOK_CONNECTION_WEBHOOK_SECRETS": None,
    }


@pytest.fixture
def app(environment: dict[str, str | None]) -> dict[str, str]:
    named = f"Shop {secrets.token_hex(6)}"
    made = CliRunner().invoke(apps, ["create", named, "--json"], env=environment)
    answer: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return answer


def connected(environment: dict[str, str | None], app: dict[str, str], key: str) -> Result:
    arguments = ["mollie", "--app", app["slug"], "--url", URL]
    return CliRunner().invoke(connect, arguments, env=environment, input=f"{key}\n")


def test_an_accepted_mollie_key_is_stored_and_the_webhook_url_is_printed(
    environment: dict[str, str | None],
    app: dict[str, str],
    account: MollieAccount,
    service: Service,
) -> None:
    ended = connected(environment, app, account.key)

    assert ended.exit_code == 0, ended.output
    made = service.context.recording.billing.get(
        Connection, for_connection(UUID(app["app_id"]), "mollie-1")
    )
    assert (made.provider, made.mode) == ("mollie", "test")
    assert f"{URL}/webhooks/mollie/{made.connection_id}" in ended.output
    assert account.key not in ended.output


def test_connecting_again_keeps_the_other_fields_of_the_connection(
    environment: dict[str, str | None],
    app: dict[str, str],
    account: MollieAccount,
    service: Service,
) -> None:
    assert connected(environment, app, account.key).exit_code == 0
    app_id, billing = UUID(app["app_id"]), service.context.recording.billing
    known = billing.get(Connection, for_connection(app_id, "mollie-1"))
    command = SetConnection(
        app_id=app_id,
        name="mollie-1",
        provider="mollie",
        mode="test",
        sealed_key=known.sealed_key,
        sealed_webhook_secrets=["sealed"],
        redirect_url="https://shop.example.org/back",
        refund_overpayments=True,
        actor="key:1",
    )
    billing.set_connection(command, new_connection_id=uuid4(), occurred_at=datetime.now(UTC))

    assert connected(environment, app, account.key).exit_code == 0

    after = billing.get(Connection, for_connection(app_id, "mollie-1"))
    assert after.sealed_webhook_secrets == ["sealed"]
    assert (after.redirect_url, after.refund_overpayments) == (command.redirect_url, True)


def test_a_key_that_mollie_refuses_is_not_kept(
    environment: dict[str, str | None], app: dict[str, str], account: MollieAccount
) -> None:
    refused = f"test_{secrets.token_hex(15)}"
    account.admin.refuse_keys(refused)

    ended = connected(environment, app, refused)

    assert ended.exit_code == 1
    assert "rejects our credentials" in ended.output


def test_a_stored_key_is_tested(
    environment: dict[str, str | None], app: dict[str, str], account: MollieAccount
) -> None:
    refused = f"test_{secrets.token_hex(15)}"
    account.admin.refuse_keys(refused)
    ended = []
    for key in (account.key, refused):
        stored = ["set", app["app_id"], "mollie-1", "--provider", "mollie"]
        CliRunner().invoke(connections, stored, env=environment, input=f"{key}\n")
        arguments = ["test", app["app_id"], "mollie-1"]
        ended.append(CliRunner().invoke(connections, arguments, env=environment))
        assert key not in ended[-1].output
    assert [one.exit_code for one in ended] == [0, 1], ended[0].output
    assert "Mollie accepts the key, in test mode" in ended[0].output
    assert "rejects our credentials" in ended[1].output


def test_the_history_of_the_account_is_imported_once(
    environment: dict[str, str | None],
    app: dict[str, str],
    account: MollieAccount,
    service: Service,
) -> None:
    account.with_mandate()
    (payment,) = [one["id"] for one in account.client.payments.list()]
    connected(environment, app, account.key)
    arguments = [
        "mollie",
        "--app",
        app["slug"],
        "--connection",
        "mollie-1",
        "--since",
        "2020-01-01",
    ]

    ended = [CliRunner().invoke(imports, [*arguments, "--json"], env=environment) for _ in range(2)]

    counts = [json.loads(one.stdout.splitlines()[-1])["counts"]["invoices"] for one in ended]
    assert counts == [{"new": 1}, {"known": 1}]
    billing = service.context.recording.billing
    made = billing.get(Connection, for_connection(UUID(app["app_id"]), "mollie-1"))
    stream = for_provider_object(made.app_id, made.connection_id, "test", payment)
    assert billing.get(Invoice, stream).view.status == "paid"


def test_a_connection_to_another_provider_is_not_read(
    environment: dict[str, str | None], app: dict[str, str], account: MollieAccount
) -> None:
    connected(environment, app, account.key)
    arguments = [
        "stripe",
        "--app",
        app["slug"],
        "--connection",
        "mollie-1",
        "--since",
        "2020-01-01",
    ]

    ended = CliRunner().invoke(imports, [*arguments, "--json"], env=environment)

    assert ended.exit_code == 1
    assert "is to mollie" in ended.output


def test_an_audit_prints_what_differs_and_has_it_recorded(
    environment: dict[str, str | None],
    app: dict[str, str],
    account: MollieAccount,
    service: Service,
) -> None:
    assert connected(environment, app, account.key).exit_code == 0
    owner = account.with_mandate()
    subscription = account.subscribe(owner)
    account.admin.set_clock(advance_s=40 * 86400)
    words = ["run", "--app", app["slug"], "--connection", "mollie-1"]
    words += ["--from", (datetime.now(UTC) - timedelta(days=2)).date().isoformat()]
    limits = environment | {"BILLHOOK_MOLLIE_CALLS_PER_S": "0"}

    def audit(*more: str) -> Result:
        return CliRunner().invoke(reconcile, [*words, *more], env=limits)

    def entries() -> int:
        log = service.context.recording.log
        return len(log.read(0, 10_000, [ProviderEventReceived.TOPIC]))

    before = entries()
    trial = audit("--dry-run")
    assert trial.exit_code == 0, trial.output
    assert f"subscription {subscription.id}: missing" in trial.stdout
    assert "nothing was recorded" in trial.stdout
    assert entries() == before

    ended = audit("--json")
    assert ended.exit_code == 0, ended.output
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert lines[-1]["event"] == "finished"
    assert lines[-1]["found"]["subscriptions"] == 1
    assert entries() == before + 1
    again = [json.loads(line) for line in audit("--json").stdout.splitlines() if line[0] == "{"]
    assert again[-1]["found"]["subscriptions"] == 0
    wrong = CliRunner().invoke(reconcile, [*words[:-1], "2099-01-01"], env=limits)
    assert wrong.exit_code == 1
