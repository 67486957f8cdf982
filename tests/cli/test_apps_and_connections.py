import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from cli.apps import apps
from cli.connections import connections
from cli.keys import keys
from domain.apps.connection import Connection, secret_context
from domain.core.ids import for_connection
from eventlog.security.vault import Vault
from tests.service.running_service import MASTER_KEY, Service

Run = Callable[..., Result]


@pytest.fixture
def run(service_database: str) -> Run:
    environment = {
        "BILLHOOK_DATABASE_URL": service_database,
        "BILLHOOK_MASTER_KEYS": MASTER_KEY,
        "BILLHOOK_PUBLIC_URL": "https://billing.example.com",
        "BILLHOOK_CONNECTION_KEY": None,
        "BILLHOOK_CONNECTION_WEBHOOK_SECRETS": None,
    }

    def invoke(group: Any, *arguments: str, **more: Any) -> Result:
        env = environment | more.pop("env", {})
        return CliRunner().invoke(group, arguments, env=env, **more)

    return invoke


def document(ended: Result) -> Any:
    """Read the command's answer; what this process logs may stand before it."""
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def created(run: Run, name: str) -> dict[str, str]:
    return document(run(apps, "create", name, "--json"))


def read_invoices(service: Service, app: dict[str, str], key: str, kind: str = "read") -> int:
    headers = {"x-api-key": key, "x-api-key-type": kind, "x-client-id": app["app_id"]}
    path = f"/api/v1/apps/{app['app_id']}/invoices"
    return service.request("GET", path, headers=headers).status_code


def test_a_new_apps_keys_open_it(run: Run, service: Service) -> None:
    app = created(run, "Shop One")
    assert app["slug"] == "shop-one"
    service.wait_for_projection("access")
    assert read_invoices(service, app, app["read_key"]) == 200
    assert read_invoices(service, app, app["write_key"]) == 401


def test_apps_are_listed_without_keys(run: Run) -> None:
    app = created(run, "Shop Two")
    listed = run(apps, "list").stdout
    assert app["app_id"] in listed
    assert app["read_key"] not in listed
    rows = {row["app_id"]: row for row in document(run(apps, "list", "--json"))}
    assert rows[app["app_id"]]["name"] == "Shop Two"
    assert rows[app["app_id"]]["enabled"] == "yes"


def test_a_slug_is_given_once(run: Run) -> None:
    created(run, "Shop Three")
    again = run(apps, "create", "Shop three!")
    assert again.exit_code == 1
    assert "shop-three" in again.stderr


@pytest.mark.parametrize("slug", ["A", "a--b", "-a", "a b"])
def test_a_slug_that_is_none_is_refused(run: Run, slug: str) -> None:
    assert run(apps, "create", "Shop", "--slug", slug).exit_code == 1


def test_a_key_is_shown_once_listed_by_its_prefix_and_revoked(run: Run, service: Service) -> None:
    app = created(run, "Shop Four")
    made = run(keys, "create", app["app_id"], "read", "--name", "reports")
    key = made.stdout.strip()
    service.wait_for_projection("access")
    assert read_invoices(service, app, key) == 200
    rows = document(run(keys, "list", app["app_id"], "--json"))
    (row,) = [row for row in rows if row["name"] == "reports"]
    assert (row["kind"], row["revoked"]) == ("read", "")
    assert key.startswith(row["key"].rstrip("…"))
    assert key not in run(keys, "list", app["app_id"]).stdout
    assert run(keys, "revoke", app["app_id"], row["key_id"]).exit_code == 0
    service.wait_for_projection("access")
    assert read_invoices(service, app, key) == 401
    rows = document(run(keys, "list", app["app_id"], "--json"))
    assert [bool(row["revoked"]) for row in rows] == [False, False, False, True]


def test_a_key_is_rotated_and_ends_after_the_overlap(run: Run, service: Service) -> None:
    app = created(run, "Shop Rotating")
    old = run(keys, "create", app["app_id"], "read", "--name", "reports").stdout.strip()
    (row,) = [
        row
        for row in document(run(keys, "list", app["app_id"], "--json"))
        if row["name"] == "reports"
    ]
    made = run(keys, "rotate", app["app_id"], row["key_id"], "--overlap-h", "1")
    assert made.exit_code == 0, made.stderr
    service.wait_for_projection("access")
    assert [read_invoices(service, app, key) for key in (old, made.stdout.strip())] == [200, 200]
    rows = {row["key_id"]: row for row in document(run(keys, "list", app["app_id"], "--json"))}
    assert rows[row["key_id"]]["ends"][:13] in made.stderr
    again = run(keys, "rotate", app["app_id"], row["key_id"])
    assert (again.exit_code, "rotated already" in again.stderr) == (1, True)
    (newest,) = [
        new for new in rows.values() if new["name"] == "reports" and new["key_id"] != row["key_id"]
    ]
    at_once = run(keys, "rotate", app["app_id"], newest["key_id"], "--overlap-h", "0")
    service.wait_for_projection("access")
    assert read_invoices(service, app, made.stdout.strip()) == 401
    assert read_invoices(service, app, at_once.stdout.strip()) == 200


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "{nobody}", "read"),
        ("list", "{nobody}"),
        ("rotate", "{app}", "{nobody}"),
        ("revoke", "{nobody}", "{nobody}"),
        ("revoke", "{app}", "{nobody}"),
    ],
)
def test_a_missing_object_ends_with_a_reason(run: Run, arguments: tuple[str, ...]) -> None:
    app = created(run, f"Shop {abs(hash(arguments))}")
    nobody = "00000000-0000-0000-0000-000000000000"
    given = [part.format(app=app["app_id"], nobody=nobody) for part in arguments]
    ended = run(keys, *given)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("billhook: ")


def opened(service: Service, app: dict[str, str], name: str) -> tuple[Connection, str, list[str]]:
    app_id = UUID(app["app_id"])
    known = service.context.recording.billing.get(Connection, for_connection(app_id, name))
    vault, context = Vault([MASTER_KEY]), secret_context(app_id, name)
    key = vault.open(known.sealed_key, context=context)
    return known, key, [vault.open(s, context=context) for s in known.sealed_webhook_secrets]


def test_a_connections_secrets_come_from_standard_input_and_are_sealed(
    run: Run, service: Service
) -> None:
    app = created(run, "Shop Five")
    made = run(connections, "set", app["app_id"], "main", input="sk_test_1\nwhsec_1\nwhsec_2\n")
    known, key, webhook_secrets = opened(service, app, "main")
    assert (key, webhook_secrets) == ("sk_test_1", ["whsec_1", "whsec_2"])
    assert known.mode == "test"
    url = f"https://billing.example.com/webhooks/stripe/{known.connection_id}"
    assert url in made.stdout
    assert "sk_test_1" not in made.stdout + made.stderr


def test_a_new_key_keeps_id_and_webhook_secrets(run: Run, service: Service) -> None:
    app = created(run, "Shop Six")
    run(connections, "set", app["app_id"], "main", input="sk_test_1\nwhsec_1\n")
    before, _, _ = opened(service, app, "main")
    env = {"BILLHOOK_CONNECTION_KEY": "sk_test_2"}
    run(connections, "set", app["app_id"], "main", env=env)
    after, key, webhook_secrets = opened(service, app, "main")
    assert (key, webhook_secrets) == ("sk_test_2", ["whsec_1"])
    assert after.connection_id == before.connection_id


def test_the_first_connection_of_a_provider_is_the_default_until_another_is_chosen(
    run: Run,
) -> None:
    app = created(run, "Shop Seven")
    for name, key, more in (
        ("main", "sk_test_1", ()),
        ("second", "sk_test_2", ()),
        ("live", "sk_live_1", ("--default",)),
    ):
        run(connections, "set", app["app_id"], name, *more, input=f"{key}\nwhsec\n")
    rows = document(run(connections, "list", app["app_id"], "--json"))
    assert {row["name"]: row["default"] for row in rows} == {
        "main": "stripe:test",
        "second": "",
        "live": "stripe stripe:live",
    }
    assert "sk_" not in json.dumps(rows)


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("main", "pk_test_1\n", "not a secret key"),
        ("main", "\n", "no key"),
        ("a b", "sk_test_1\n", "name"),
    ],
)
def test_a_connection_that_can_not_be_is_refused(
    run: Run, name: str, given: str, reason: str
) -> None:
    app = created(run, f"Shop {abs(hash((name, given)))}")
    ended = run(connections, "set", app["app_id"], name, input=given)
    assert ended.exit_code == 1
    assert reason in ended.stderr
    assert "pk_test_1" not in ended.stderr


def test_a_connection_never_changes_its_mode(run: Run) -> None:
    app = created(run, "Shop Eight")
    run(connections, "set", app["app_id"], "main", input="sk_test_1\n")
    ended = run(connections, "set", app["app_id"], "main", input="sk_live_1\n")
    assert ended.exit_code == 1
    assert "is of stripe in test mode, and stays so" in ended.stderr
    assert "with another name" in ended.stderr


def test_without_master_keys_no_secret_is_taken(run: Run) -> None:
    app = created(run, "Shop Nine")
    env = {"BILLHOOK_MASTER_KEYS": ""}
    ended = run(connections, "set", app["app_id"], "main", input="sk_test_1\n", env=env)
    assert ended.exit_code == 1
    assert "BILLHOOK_MASTER_KEYS" in ended.stderr


def call_api(
    service: Service, app: dict[str, str], method: str, path: str, body: object = None
) -> dict[str, Any]:
    """Call the HTTP API with the app's admin key."""
    options: dict[str, Any] = {} if body is None else {"json": body}
    url, headers = f"/api/v1/apps/{app['app_id']}{path}", {"api-key": app["admin_key"]}
    response = service.request(method, url, headers=headers, **options)
    assert response.status_code == 200, response.text
    return response.json()["items"][0]


def test_changes_made_over_http_are_listed(run: Run, service: Service) -> None:
    app = created(run, "Shop Over Http")
    service.wait_for_projection("access")
    call_api(service, app, "PATCH", "", {"slug": "over-http-2"})
    listed = {row["app_id"]: row for row in document(run(apps, "list", "--json"))}
    assert listed[app["app_id"]]["slug"] == "over-http-2"
    assert run(apps, "create", "Another", "--slug", "over-http-2").exit_code != 0
    assert created(run, "Shop Over Http")["slug"] == "shop-over-http"

    made = call_api(service, app, "POST", "/api-keys", {"kind": "read"})
    call_api(service, app, "POST", f"/api-keys/{made['id']}/rotate", {"overlapSeconds": 60})
    listed_keys = {
        row["key_id"]: row for row in document(run(keys, "list", app["app_id"], "--json"))
    }
    assert listed_keys[made["id"]]["ends"] != ""

    body = {"provider": "stripe", "secretKey": "sk_test_1"}
    call_api(service, app, "PUT", "/payment-connections/main", body)
    call_api(service, app, "DELETE", "/payment-connections/main")
    assert document(run(connections, "list", app["app_id"], "--json")) == []


@pytest.mark.usefixtures("service")
def test_an_app_is_named_by_its_slug_or_its_id(run: Run) -> None:
    app = created(run, "Shop Named")
    for name in (app["slug"], app["app_id"], app["app_id"].upper()):
        assert len(document(run(keys, "list", name, "--json"))) == 3
        assert document(run(connections, "list", name, "--json")) == []
    for group, *arguments in (
        (keys, "create", "no-such-shop", "read"),
        (connections, "test", "no-such-shop", "stripe-1"),
    ):
        refused = run(group, *arguments)
        assert refused.exit_code == 1
        assert "there is no app 'no-such-shop'; see: billhook apps list" in refused.stderr


@pytest.mark.usefixtures("service")
def test_a_key_that_is_not_the_apps_is_not_revoked(run: Run) -> None:
    app, other = created(run, "Shop Two Keys"), created(run, "Shop Other Keys")
    key_id = document(run(keys, "list", other["slug"], "--json"))[0]["key_id"]

    refused = run(keys, "revoke", app["slug"], key_id)

    assert refused.exit_code == 1
    assert f"the app has no key {key_id}" in refused.stderr
    assert document(run(keys, "list", other["slug"], "--json"))[0]["revoked"] == ""
