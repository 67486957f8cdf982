"""`billhook connect`: from a secret key to a connection whose webhooks come."""

from typing import Annotated

import typer

from cli.apps import app_named
from cli.common import answer_of, fail, operating, vault
from cli.connections import Secrets, mode_told, read_secrets, set_defaults, store
from cli.webhooks import ask_workers
from domain.apps.connection import Connection
from domain.core.commands import Provider
from service.apps.provider_keys import CONNECTION_NAME

connect = typer.Typer(no_args_is_help=True, help="Let an app bill through a provider.")


@connect.callback()
def _group() -> None:
    """Keep the provider's name a word of its own, however many there are."""


@connect.command("stripe")
def connect_stripe(
    *,
    app: Annotated[str, typer.Option("--app", help="The app: slug or id.")],
    name: Annotated[str, typer.Option(help="What the app calls the connection.")] = "stripe-1",
    url: Annotated[
        str | None,
        typer.Option(
            help="Where this installation is reached from outside.", envvar="BILLHOOK_PUBLIC_URL"
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(help="How many seconds to wait for the test event.", min=0, max=100)
    ] = 30,
) -> None:
    """Check a secret key, keep it sealed, register the webhook, and see an event come.

    The key comes from standard input (or BILLHOOK_CONNECTION_KEY), never from an argument, and is
    shown nowhere. To see that webhooks come, a customer is made at Stripe and deleted at once.
    """
    _connect("stripe", name, app=app)
    if url is None:
        typer.echo("webhook      none: nobody said where this installation is reached")
        typer.echo(f"left to do   billhook connections register-webhook {name} --app {app} --url …")
        return
    _connect_webhook(name, app=app, url=url, wait_s=wait)


@connect.command("mollie")
def connect_mollie(
    *,
    app: Annotated[str, typer.Option("--app", help="The app: slug or id.")],
    name: Annotated[str, typer.Option(help="What the app calls the connection.")] = "mollie-1",
    url: Annotated[
        str | None,
        typer.Option(
            help="Where this installation is reached from outside.", envvar="BILLHOOK_PUBLIC_URL"
        ),
    ] = None,
) -> None:
    """Check an API key and keep it sealed; each payment then names where its news go.

    The key comes from standard input (or BILLHOOK_CONNECTION_KEY), never from an argument, and is
    shown nowhere. Nothing is made at Mollie.
    """
    made = _connect("mollie", name, app=app)
    if url is None:
        typer.echo("webhook      none: nobody said where this installation is reached")
        typer.echo("left to do   set BILLHOOK_PUBLIC_URL for the workers")
        return
    address = f"{url.rstrip('/')}/webhooks/mollie/{made.connection_id}"
    typer.echo(f"webhook      payments made from now on name {address}")
    typer.echo("left to do   nothing; `billhook import mollie` brings what was before")


def _connect(provider: Provider, name: str, *, app: str) -> Connection:
    """Check a key with its provider and store it as a connection of the app."""
    if not CONNECTION_NAME.fullmatch(name):
        fail("a connection's name is 1 to 64 letters, digits, dots, hyphens or underscores")
    vault()
    key = read_secrets().key
    mode = mode_told(provider, key)
    with operating() as operator:
        app_id = app_named(operator, app)
    answer_of("try-key", "--provider", provider, given=f"{key}\n")
    typer.echo(f"key          {provider.title()} accepts it; it is of {mode} mode")
    with operating() as operator:
        secrets = Secrets(key=key, webhook_secrets=[])
        made = store(operator, app_id, name, secrets=secrets, provider=provider, redirect_url=None)
        set_defaults(operator, operator.app(app_id), made, asked=False)
    typer.echo(f"connection   {name} ({made.connection_id}), its key is stored sealed")
    return made


def _connect_webhook(name: str, *, app: str, url: str, wait_s: float) -> None:
    done = ask_workers("register-webhook", name, app=app, more=["--url", url])
    typer.echo(f"webhook      {done['action']}: {done['url']}, {done['types']} types")
    seen = ask_workers("try-webhook", name, app=app, more=["--timeout-s", str(wait_s)])
    if seen["seen"]:
        typer.echo(f"test event   {seen['type']} came after {seen['waited_s']} s, and is genuine")
        typer.echo("left to do   nothing; `billhook import stripe` brings what was before")
        return
    typer.echo(f"test event   none came within {seen['waited_s']} s")
    typer.echo(f"left to do   see that {url} leads here from outside and that the API runs; then")
    typer.echo(f"             billhook connections check {name} --app {app}")
    raise typer.Exit(1)
