"""`billhook connections register-webhook | check | webhook-secrets`, with the sandbox as Stripe."""

import json
import secrets
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
import stripe
from typer.testing import CliRunner, Result

from cli.apps import apps
from cli.connections import connections
from domain.apps.connection import Connection, secret_context, secret_mark
from domain.core.ids import for_connection
from eventlog.security.vault import Vault
from tests.service.harness import errors, sign, stripe_event
from tests.service.running_service import MASTER_KEY, Service
from tests.support.sandbox import SandboxProcess

Run = Callable[..., Result]
BASE = "http://127.0.0.1:9"
HOOK = "whsec_byHand"


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
        "BILLHOOK_CONNECTION_KEY": None,
        "BILLHOOK_CONNECTION_WEBHOOK_SECRETS": None,
    }

    def invoke(*arguments: str, **more: str) -> Result:
        group = apps if arguments[0] == "create" else connections
        return CliRunner().invoke(group, arguments, env=environment, **more)  # type: ignore[arg-type]

    return invoke


@pytest.fixture
def app(run: Run) -> dict[str, str]:
    made = run("create", f"Shop {secrets.token_hex(6)}", "--json")
    answer: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return answer


def connect(run: Run, app: dict[str, str], name: str = "main", *, mode: str = "test") -> str:
    key = f"sk_{mode}_{secrets.token_hex(12)}"
    ended = run("set", app["app_id"], name, input=f"{key}\n{HOOK}\n")
    assert ended.exit_code == 0, ended.stderr
    return key


def register(run: Run, app: dict[str, str], name: str = "main", *more: str) -> Result:
    return run("register-webhook", name, "--app", app["slug"], "--url", BASE, *more)


def stored(service: Service, app: dict[str, str], name: str) -> tuple[Connection, list[str]]:
    app_id = UUID(app["app_id"])
    known = service.context.recording.billing.get(Connection, for_connection(app_id, name))
    vault, context = Vault([MASTER_KEY]), secret_context(app_id, name)
    return known, [vault.open(s, context=context) for s in known.sealed_webhook_secrets]


def test_an_endpoint_is_registered_once_and_its_secret_is_never_shown(
    run: Run, service: Service, app: dict[str, str]
) -> None:
    key = connect(run, app)
    made, again = register(run, app), register(run, app)
    renewed = register(run, app, "main", "--renew")
    assert [ended.exit_code for ended in (made, again, renewed)] == [0, 0, 0], made.stderr
    first_words = [ended.stdout.split()[0] for ended in (made, again, renewed)]
    assert first_words == ["created", "updated", "replaced"]
    connection, known = stored(service, app, "main")
    assert f"{BASE}/webhooks/stripe/{connection.connection_id}" in made.stdout
    assert len(known) == 3
    assert known[-1] == HOOK
    for ended in (made, again, renewed):
        for secret in (key, *known):
            assert secret not in ended.stdout + ended.stderr


def test_the_check_ends_with_0_only_where_all_is_well(run: Run, app: dict[str, str]) -> None:
    key = connect(run, app)
    before = run("check", "main", "--app", app["app_id"])
    assert before.exit_code == 1
    assert "WRONG  no webhook endpoint at Stripe has this connection's URL" in before.stdout
    register(run, app)
    after = run("check", "main", "--app", app["slug"])
    assert after.exit_code == 0, after.stdout
    assert "ok     Stripe accepts the key, in test mode" in after.stdout
    assert "WRONG" not in after.stdout
    for secret in (key, HOOK):
        assert secret not in before.stdout + after.stdout


def test_a_disabled_endpoint_is_enabled_by_one_command(
    run: Run, sandbox: SandboxProcess, app: dict[str, str]
) -> None:
    key = connect(run, app)
    nothing = run("enable-webhook", "main", "--app", app["slug"])
    assert nothing.exit_code == 1
    assert "no endpoint at Stripe has this connection's URL" in nothing.stderr
    endpoint = register(run, app).stdout.split()[1]
    v1 = stripe.StripeClient(key, base_addresses={"api": sandbox.url}).v1
    v1.webhook_endpoints.update(endpoint, {"disabled": True})
    assert run("check", "main", "--app", app["slug"]).exit_code == 1

    enabled = run("enable-webhook", "main", "--app", app["slug"])

    assert enabled.exit_code == 0, enabled.stderr
    assert enabled.stdout.split() == ["enabled", endpoint, "state", "healthy"]
    assert v1.webhook_endpoints.retrieve(endpoint).status == "enabled"
    assert run("check", "main", "--app", app["slug"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("register-webhook", "main", "--app", "{app}"), "--url"),
        (("register-webhook", "main", "--app", "{app}", "--url", "http://x.example"), "https"),
        (("register-webhook", "other", "--app", "{app}", "--url", BASE), "no connection"),
        (("register-webhook", "main", "--app", "nobody", "--url", BASE), "no app"),
        (("check", "other", "--app", "{app}"), "no connection"),
        (("webhook-secrets", "main", "--app", "{app}", "--drop", "abc"), "no secret abc"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_impossible_commands_end_with_a_reason(
    run: Run, app: dict[str, str], arguments: tuple[str, ...], reason: str
) -> None:
    connect(run, app)
    ended = run(*(part.format(app=app["slug"]) for part in arguments))
    assert ended.exit_code == 1
    assert reason in ended.stderr


def test_secrets_are_added_listed_by_marks_and_dropped_without_the_key(
    run: Run, service: Service, app: dict[str, str]
) -> None:
    connect(run, app)
    before, _ = stored(service, app, "main")
    group = ("webhook-secrets", "main", "--app", app["slug"], "--json")

    added = run(*group, "--add", input="whsec_next\n")
    assert json.loads(added.stdout.splitlines()[-1]) == [
        {"mark": secret_mark("whsec_next")},
        {"mark": secret_mark(HOOK)},
    ]
    dropped = run(*group, "--drop", secret_mark(HOOK))
    assert json.loads(dropped.stdout.splitlines()[-1]) == [{"mark": secret_mark("whsec_next")}]
    after, known = stored(service, app, "main")
    assert known == ["whsec_next"]
    assert after.sealed_key == before.sealed_key
    assert "whsec" not in added.stdout + dropped.stdout


def test_connections_of_one_app_have_their_own_endpoint_secret_and_mode(
    run: Run, service: Service, app: dict[str, str]
) -> None:
    modes = {"main": "test", "second": "test", "real": "live"}
    for name, mode in modes.items():
        connect(run, app, name, mode=mode)
        run("webhook-secrets", name, "--app", app["slug"], "--drop", secret_mark(HOOK))
        assert register(run, app, name).exit_code == 0
    service.wait_for_projection("access")
    known = {name: stored(service, app, name) for name in modes}

    for signer in modes:
        for receiver, (connection, _) in known.items():
            raw = json.dumps(stripe_event(livemode=modes[receiver] == "live")).encode()
            answer = service.request(
                "POST",
                f"/webhooks/stripe/{connection.connection_id}",
                content=raw,
                headers={"stripe-signature": sign(raw, secret=known[signer][1][0])},
            )
            assert answer.status_code == (200 if signer == receiver else 400)


@pytest.mark.parametrize(("mode", "other"), [("test", "live"), ("live", "test")])
def test_an_event_of_the_other_mode_is_refused_with_a_reason(
    run: Run, service: Service, app: dict[str, str], mode: str, other: str
) -> None:
    connect(run, app, mode=mode)
    service.wait_for_projection("access")
    connection, (secret,) = stored(service, app, "main")
    raw = json.dumps(stripe_event(livemode=other == "live")).encode()
    answer = service.request(
        "POST",
        f"/webhooks/stripe/{connection.connection_id}",
        content=raw,
        headers={"stripe-signature": sign(raw, secret=secret)},
    )
    assert answer.status_code == 400
    (fault,) = errors(answer)
    assert fault["path"] == "livemode"
    assert f"the connection is of {mode} mode" in json.dumps(fault)
