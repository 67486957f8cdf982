"""The operator's commands on a connection's webhooks: `billhook connections …`."""

import json
import os
import sys
from typing import Annotated, Any

import typer

from cli.apps import app_named
from cli.common import BY, AsJson, Operator, answer_of, fail, now, operating, table, vault
from domain.apps.connection import WEBHOOK_SECRETS, Connection, secret_context, secret_mark
from domain.core import ids
from eventlog.errors import VaultError
from eventlog.security.vault import Vault

Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection, like stripe-1.")]
App = Annotated[str, typer.Option("--app", help="Its app: slug or id.")]


def register_webhook(
    name: Name,
    *,
    app: App,
    url: Annotated[
        str | None,
        typer.Option(
            help="Where this installation is reached from outside, or the connection's whole "
            "webhook URL.",
            envvar="BILLHOOK_PUBLIC_URL",
        ),
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="Take a new endpoint and secret, even if one fits.")
    ] = False,
) -> None:
    """Have Stripe tell this connection what happens: one endpoint, in the version we speak.

    An endpoint that is there is brought up to date. Its signing secret is stored, never shown;
    older ones are still taken.
    """
    if not url:
        fail("give --url: where this installation is reached from outside, with https")
    more = ["--url", url, *(["--renew"] if renew else [])]
    done = ask_workers("register-webhook", name, app=app, more=more)
    typer.echo(f"{done['action']:<11} {done['endpoint']}")
    typer.echo(f"url         {done['url']}")
    typer.echo(f"version     {done['version']}")
    typer.echo(f"events      {done['types']} types")
    typer.echo(f"secrets     {done['secrets']} are accepted now")
    for endpoint in done["deleted"]:
        typer.echo(f"deleted     {endpoint}")


def check(name: Name, *, app: App) -> None:
    """Ask Stripe whether key, mode and webhook endpoint are right; code 1 if anything is not."""
    findings = ask_workers("check-connection", name, app=app)["findings"]
    for finding in findings:
        typer.echo(f"{'ok   ' if finding['mend'] is None else 'WRONG'}  {finding['what']}")
        if finding["mend"] is not None:
            typer.echo(f"       -> {finding['mend']}")
    if any(finding["mend"] is not None for finding in findings):
        raise typer.Exit(1)


def webhook_secrets(
    name: Name,
    *,
    app: App,
    add: Annotated[
        bool,
        typer.Option(
            "--add", help="Take another, from BILLHOOK_CONNECTION_WEBHOOK_SECRETS or stdin."
        ),
    ] = False,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="MARK", help="Forget one; may repeat.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List, add and drop the secrets that a connection's webhooks are signed with.

    Any of them proves a delivery, so that one can be replaced without a gap: add the new one, have
    the provider use it, drop the old one. They are shown by marks, the newest first.
    """
    box = vault()
    with operating() as operator:
        connection = _connection(operator, app, name)
        scope = secret_context(connection.app_id, name)
        added = [box.seal(secret, context=scope) for secret in (_given() if add else [])]
        unknown = set(drop or ()) - set(_marks(connection, box))
        if unknown:
            fail(f"the connection has no secret {', '.join(sorted(unknown))}")

        def change(known: Connection) -> None:
            marks = zip(_marks(known, box), known.sealed_webhook_secrets, strict=True)
            kept = [sealed for mark, sealed in marks if mark not in (drop or ())]
            if len(added) + len(kept) > WEBHOOK_SECRETS:
                fail(f"at most {WEBHOOK_SECRETS} secrets: drop one first")
            known.set_webhook_secrets([*added, *kept], actor=BY, occurred_at=now())

        if added or drop:
            connection = operator.billing.change(Connection, connection.id, change)
    rows = [{"mark": mark} for mark in _marks(connection, box)]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        table(rows)


def ask_workers(role: str, name: str, *, app: str, more: list[str] | None = None) -> Any:  # noqa: ANN401 - their JSON
    """Let the workers do it: they alone speak to providers. Ends the command where they can't."""
    vault()
    with operating() as operator:
        connection = _connection(operator, app, name)
    app_id = str(connection.app_id)
    return answer_of(role, "--app", app_id, "--connection", name, *(more or []))


def _connection(operator: Operator, app: str, name: str) -> Connection:
    found = operator.billing.find(Connection, ids.for_connection(app_named(operator, app), name))
    if found is None or found.deleted:
        fail(f"the app has no connection {name!r}")
    return found


def _marks(connection: Connection, box: Vault) -> list[str]:
    scope = secret_context(connection.app_id, connection.name)
    try:
        return [
            secret_mark(box.open(sealed, context=scope))
            for sealed in connection.sealed_webhook_secrets
        ]
    except VaultError as error:
        fail(f"{error}: set BILLHOOK_MASTER_KEYS, the same as the running system's")


def _given() -> list[str]:
    """Read secrets from the environment or standard input: arguments are shown to every user."""
    if listed := os.environ.get("BILLHOOK_CONNECTION_WEBHOOK_SECRETS"):
        lines = listed.split(",")
    elif sys.stdin.isatty():
        lines = [typer.prompt("Webhook secret", hide_input=True, err=True)]
    else:
        lines = sys.stdin.read().splitlines()
    given = [line.strip() for line in lines if line.strip()]
    if not given:
        fail("no secret: set BILLHOOK_CONNECTION_WEBHOOK_SECRETS, or write it to standard input")
    return given
