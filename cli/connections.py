import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID, uuid4

import typer

from cli.common import (
    BY,
    AsJson,
    Operator,
    fail,
    now,
    operating,
    table,
    vault,
    worker_settings,
)
from cli.known_apps import AppName, app_named
from cli.webhooks import check, enable_webhook, register_webhook, webhook_secrets
from domain.apps.app import App
from domain.apps.commands import ChangeApp, SetConnection
from domain.apps.connection import Connection, secret_context
from domain.core.providers import Mode, Provider
from service.apps.provider_keys import CONNECTION_NAME, mode_of

connections = typer.Typer(
    no_args_is_help=True, help="Manage an app's credentials at its providers."
)
connections.command("register-webhook")(register_webhook)
connections.command("check")(check)
connections.command("enable-webhook")(enable_webhook)
connections.command("webhook-secrets")(webhook_secrets)


@dataclass(frozen=True, repr=False)
class Secrets:
    """A provider's key, and the secrets that its webhooks are signed with."""

    key: str
    webhook_secrets: list[str]


@connections.command("set")
def set_connection(
    app: AppName,
    name: Annotated[
        str, typer.Argument(help="The connection's name in the app, such as stripe-1.")
    ],
    *,
    provider: Annotated[Provider, typer.Option(help="The provider.")] = "stripe",
    redirect_url: Annotated[
        str | None, typer.Option(help="URL to which customers return after paying.")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Use it for requests that name no connection.")
    ] = False,
) -> None:
    """Create a connection or replace its credentials.

    They are read from BILLHOOK_CONNECTION_KEY and BILLHOOK_CONNECTION_WEBHOOK_SECRETS (separated by
    commas), else from standard input: the key, then one webhook secret per line. Without a webhook
    secret, the connection keeps those it has.
    """
    if not CONNECTION_NAME.fullmatch(name):
        fail("a connection's name is 1 to 64 letters, digits, dots, hyphens or underscores")
    secrets = read_secrets()
    mode = mode_from_key(provider, secrets.key)
    with operating() as operator:
        app_id = app_named(operator, app)
        connection = store(
            operator, app_id, name, secrets=secrets, provider=provider, redirect_url=redirect_url
        )
        set_defaults(operator, operator.app(app_id), connection, requested=default)
    base_url = os.environ.get("BILLHOOK_PUBLIC_URL", "").rstrip("/")
    typer.echo(f"connection   {connection.connection_id}")
    typer.echo(f"mode         {mode}")
    typer.echo(f"webhook_url  {base_url}/webhooks/{provider}/{connection.connection_id}")


def store(
    operator: Operator,
    app_id: UUID,
    name: str,
    *,
    secrets: Secrets,
    provider: Provider,
    redirect_url: str | None,
) -> Connection:
    """Create a connection or replace its credentials, encrypted; omitted values are kept."""
    box, context = vault(), secret_context(app_id, name)
    operator.app(app_id)
    mode = mode_from_key(provider, secrets.key)
    sealed = [box.seal(secret, context=context) for secret in secrets.webhook_secrets]

    def decide(known: Connection | None) -> SetConnection:
        kept = None if known is None or known.deleted else known
        if known is not None and (known.provider, known.mode) != (provider, mode):
            fail(
                f"connection {name} is of {known.provider} in {known.mode} mode, and stays so: this"
                f" key is of {provider} in {mode} mode, for a connection with another name"
            )
        return SetConnection(
            app_id=app_id,
            name=name,
            provider=provider,
            mode=mode,
            sealed_key=box.seal(secrets.key, context=context),
            sealed_webhook_secrets=sealed or (known.sealed_webhook_secrets if known else []),
            redirect_url=redirect_url or (kept.redirect_url if kept else None),
            refund_overpayments=kept.refund_overpayments if kept else False,
            import_payments=kept.import_payments if kept else True,
            actor=BY,
        )

    return operator.billing.change_connection(
        app_id, name, decide, new_connection_id=uuid4(), occurred_at=now()
    )


@connections.command("list")
def list_connections(app: AppName, *, as_json: AsJson = False) -> None:
    """List an app's connections, without their secrets."""
    with operating() as operator:
        app_id = app_named(operator, app)
        defaults = operator.app(app_id).default_connections
        rows = [_row(each, defaults) for each in operator.connections(app_id)]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        table(rows)


@connections.command("test")
def try_connection(
    app: AppName, name: Annotated[str, typer.Argument(help="The connection's name.")]
) -> None:
    """Send one read with the stored key to the provider; exit with 1 if it is not accepted."""
    # Imported here: they load the providers' SDKs.
    from workers.providers.check_key import check_key  # noqa: PLC0415
    from workers.providers.gateways import open_key  # noqa: PLC0415

    with operating() as operator:
        known = operator.connection(app_named(operator, app), name)
        provider, mode = cast("Provider", known.provider), cast("Mode", known.mode)
        started_s = time.monotonic()
        check_key(provider, open_key(known, vault()), mode=mode, settings=worker_settings())
    duration_ms = round(1000 * (time.monotonic() - started_s))
    typer.echo(f"{provider.title()} accepts the key, in {mode} mode, after {duration_ms} ms")


def read_secrets() -> Secrets:
    """Read key and secrets from the environment or stdin: arguments are visible to every user."""
    if key := os.environ.get("BILLHOOK_CONNECTION_KEY"):
        lines = [key, *os.environ.get("BILLHOOK_CONNECTION_WEBHOOK_SECRETS", "").split(",")]
    elif sys.stdin.isatty():
        secret = typer.prompt("Webhook secret (none: keep)", hide_input=True, default="", err=True)
        lines = [typer.prompt("Secret key", hide_input=True, err=True), secret]
    else:
        lines = sys.stdin.read().splitlines()
    given = [line.strip() for line in lines if line.strip()]
    if not given:
        fail("no key: set BILLHOOK_CONNECTION_KEY, or write it to standard input")
    return Secrets(key=given[0], webhook_secrets=given[1:])


def mode_from_key(provider: Provider, key: str) -> Mode:
    """Return the mode of a key; ends the command if it is not a key of this provider."""
    mode = mode_of(provider, key)
    return fail(f"this is not a secret key of {provider}") if mode is None else mode


def set_defaults(operator: Operator, app: App, connection: Connection, *, requested: bool) -> None:
    """Make the connection a default if requested, or if the app has none yet."""
    provider = connection.provider
    slots = [provider, f"{provider}:{connection.mode}"]
    wanted = {
        slot: connection.name for slot in slots if requested or slot not in app.default_connections
    }
    if wanted:
        command = ChangeApp(app_id=app.id, default_connections=wanted, actor=BY)
        operator.billing.change_app(command, occurred_at=now())


def _row(connection: Connection, defaults: dict[str, str]) -> dict[str, str]:
    slots = [slot for slot, name in defaults.items() if name == connection.name]
    return {
        "name": connection.name,
        "provider": connection.provider,
        "mode": connection.mode,
        "connection_id": str(connection.connection_id),
        "webhook_secrets": str(len(connection.sealed_webhook_secrets)),
        "default": " ".join(sorted(slots)),
    }
