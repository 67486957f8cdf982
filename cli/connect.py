"""`billhook connect`: check a provider's key, store it, and register and test the webhook."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.common import fail, operating, vault, worker_settings
from cli.connections import Secrets, mode_from_key, read_secrets, set_defaults, store
from cli.known_apps import app_named
from cli.webhooks import webhook_registration
from domain.apps.connection import Connection
from domain.core.providers import Provider
from service.apps.provider_keys import CONNECTION_NAME

connect = typer.Typer(no_args_is_help=True, help="Connect an app to a provider.")

App = Annotated[str, typer.Option("--app", help="The app: slug or id.")]
PublicUrl = Annotated[
    str | None,
    typer.Option(help="The public URL of this installation.", envvar="BILLHOOK_PUBLIC_URL"),
]
_NO_URL = "webhook      none: the public URL of this installation is not set"


@connect.command("stripe")
def connect_stripe(
    *,
    app: App,
    name: Annotated[str, typer.Option(help="The connection's name in the app.")] = "stripe-1",
    url: PublicUrl = None,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for the test event.", min=0, max=100)
    ] = 30,
) -> None:
    """Check a secret key, store it encrypted, register the webhook and wait for a test event.

    The key is read from standard input (or BILLHOOK_CONNECTION_KEY), never from an argument, and is
    never shown. To cause the test event, a customer is created at Stripe and deleted at once.
    """
    _connect("stripe", name, app=app)
    if url is None:
        typer.echo(_NO_URL)
        typer.echo(f"next step    billhook connections register-webhook {name} --app {app} --url …")
        return
    _connect_webhook(name, app=app, url=url, wait_s=wait)


@connect.command("mollie")
def connect_mollie(
    *,
    app: App,
    name: Annotated[str, typer.Option(help="The connection's name in the app.")] = "mollie-1",
    url: PublicUrl = None,
) -> None:
    """Check an API key and store it encrypted; each payment carries its own webhook URL.

    The key is read from standard input (or BILLHOOK_CONNECTION_KEY), never from an argument, and is
    never shown. Nothing is created at Mollie.
    """
    created = _connect("mollie", name, app=app)
    if url is None:
        typer.echo(_NO_URL)
        typer.echo("next step    set BILLHOOK_PUBLIC_URL for the workers")
        return
    address = f"{url.rstrip('/')}/webhooks/mollie/{created.connection_id}"
    typer.echo(f"webhook      new payments have the webhook URL {address}")
    typer.echo("next step    none; `billhook import mollie` imports the account's history")


def _connect(provider: Provider, name: str, *, app: str) -> Connection:
    """Check a key with its provider and store it as a connection of the app."""
    # Imported here: it loads the providers' SDKs.
    from workers.history.same_account import (  # noqa: PLC0415
        open_history,
        others_like,
        refuse_recorded_account,
    )
    from workers.providers.check_key import check_key  # noqa: PLC0415

    if not CONNECTION_NAME.fullmatch(name):
        fail("a connection's name is 1 to 64 letters, digits, dots, hyphens or underscores")
    vault()
    key = read_secrets().key
    mode = mode_from_key(provider, key)
    with operating() as operator:
        app_id = app_named(operator, app)
        settings = worker_settings()
        check_key(provider, key, mode=mode, settings=settings)
        history = open_history(provider, key, mode=mode, settings=settings)
        known = operator.connections(app_id)
        others = others_like(known, name, provider=provider, mode=mode)
        refuse_recorded_account(history, others, billing=operator.billing)
        typer.echo(f"key          {provider.title()} accepts it, in {mode} mode")
        secrets = Secrets(key=key, webhook_secrets=[])
        created = store(
            operator, app_id, name, secrets=secrets, provider=provider, redirect_url=None
        )
        set_defaults(operator, operator.app(app_id), created, requested=False)
    typer.echo(f"connection   {name} ({created.connection_id}), its key is stored encrypted")
    return created


def _connect_webhook(name: str, *, app: str, url: str, wait_s: float) -> None:
    with operating() as operator, webhook_registration(operator, name, app=app) as registration:
        done = registration.register(url, renew=False)
        typer.echo(f"webhook      {done.action}: {done.url}, {done.types} types")
        event = registration.await_event(operator.log, timeout_s=wait_s)
    if event.arrived:
        typer.echo(f"test event   {event.type} arrived after {event.waited_s} s, correctly signed")
        typer.echo("next step    none; `billhook import stripe` imports the account's history")
        return
    typer.echo(f"test event   none arrived within {event.waited_s} s")
    typer.echo(f"next step    check that {url} is reachable from outside and the API runs; then")
    typer.echo(f"             billhook connections check {name} --app {app}")
    raise typer.Exit(1)
