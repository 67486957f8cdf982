"""The operator's commands on a connection's webhooks: `billhook connections …`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    BY,
    AsJson,
    Operator,
    database_url,
    fail,
    now,
    operating,
    print_findings,
    table,
    vault,
    worker_settings,
)
from cli.known_apps import app_named
from domain.apps.connection import WEBHOOK_SECRETS, Connection, secret_context, secret_mark
from domain.inbox.webhook_health import EndpointState
from eventlog.errors import VaultError
from eventlog.security.vault import Vault

if TYPE_CHECKING:
    from workers.webhooks.registration import WebhookRegistration

Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection, such as stripe-1.")]
App = Annotated[str, typer.Option("--app", help="The app: slug or id.")]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        help="The public URL of this installation, or the connection's whole webhook URL.",
        envvar="BILLHOOK_PUBLIC_URL",
    ),
]
Renew = Annotated[
    bool, typer.Option("--renew", help="Create a new endpoint and secret even if one matches.")
]
AddSecret = Annotated[
    bool,
    typer.Option(
        "--add", help="Add one from BILLHOOK_CONNECTION_WEBHOOK_SECRETS or standard input."
    ),
]
DropSecrets = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="MARK", help="Delete one; can be given several times."),
]


def register_webhook(name: Name, *, app: App, url: PublicUrl = None, renew: Renew = False) -> None:
    """Register one webhook endpoint for this connection at Stripe, in our API version.

    An endpoint that exists is updated. Its signing secret is stored and never shown; older secrets
    are still accepted.
    """
    if not url:
        fail("give --url: the public https URL of this installation")
    with operating() as operator, webhook_registration(operator, name, app=app) as registration:
        done = registration.register(url, renew=renew)
    typer.echo(f"{done.action:<11} {done.endpoint}")
    typer.echo(f"url         {done.url}")
    typer.echo(f"version     {done.version}")
    typer.echo(f"events      {done.types} types")
    typer.echo(f"secrets     {done.secrets} are accepted now")
    for endpoint in done.deleted:
        typer.echo(f"deleted     {endpoint}")


def check(name: Name, *, app: App) -> None:
    """Check key, mode and webhook endpoint at Stripe; exits with 1 if a check fails."""
    with operating() as operator, webhook_registration(operator, name, app=app) as registration:
        findings = [(finding.text, finding.remedy) for finding in registration.check()]
    print_findings(findings)


def enable_webhook(name: Name, *, app: App) -> None:
    """Enable a webhook endpoint again that Stripe disabled, for all our event types.

    Events that Stripe did not deliver meanwhile are found by reconciliation.
    """
    with operating() as operator, webhook_registration(operator, name, app=app) as registration:
        for endpoint in registration.enable():
            typer.echo(f"enabled  {endpoint}")
        seen = registration.state()
        record_endpoint_state(operator, operator.connection(app_named(operator, app), name), seen)
    typer.echo(f"state    {seen.state}")
    if seen.problems:
        fail(f"the endpoint {'; '.join(seen.problems)}; run: billhook connections check {name}")


def webhook_secrets(
    name: Name,
    *,
    app: App,
    add: AddSecret = False,
    drop: DropSecrets = None,
    as_json: AsJson = False,
) -> None:
    """List, add and delete the secrets that a connection's webhooks are signed with.

    A delivery is accepted if any of them matches, so that a secret can be replaced without a gap:
    add the new one, switch the provider to it, delete the old one. Secrets are shown as marks, the
    newest first.
    """
    box = vault()
    with operating() as operator:
        connection = operator.connection(app_named(operator, app), name)
        if add or drop:
            added = _read_secrets() if add else []
            connection = _change_secrets(operator, connection, box, added=added, drop=drop or [])
        rows = [{"mark": mark} for mark in _marks(connection, box)]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        table(rows)


@contextmanager
def webhook_registration(
    operator: Operator, name: str, *, app: str
) -> Iterator[WebhookRegistration]:
    """Open the webhook registration of an app's connection."""
    # Imported here: it loads Stripe's SDK.
    from workers.webhooks.health import evidence_of  # noqa: PLC0415
    from workers.webhooks.registration import WebhookRegistration  # noqa: PLC0415

    connection = operator.connection(app_named(operator, app), name)
    yield WebhookRegistration(
        connection,
        billing=operator.billing,
        vault=vault(),
        api_base=worker_settings().stripe_api_base,
        now=now,
        evidence=evidence_of(connection, dsn=database_url()),
    )


def record_endpoint_state(operator: Operator, connection: Connection, seen: EndpointState) -> None:
    """Record an endpoint's state at once, as the next check would."""
    # Imported here: it loads Stripe's SDK.
    from projections.work.checkpoints import Checkpoints  # noqa: PLC0415
    from workers.webhooks.health import HealthDeps, record_state  # noqa: PLC0415

    checkpoints = Checkpoints(database_url())
    checkpoints.open()
    try:
        deps = HealthDeps(
            billing=operator.billing,
            vault=vault(),
            checkpoints=checkpoints,
            api_base=worker_settings().stripe_api_base,
            now=now,
        )
        record_state(connection, seen, deps)
    finally:
        checkpoints.close()


def _change_secrets(
    operator: Operator, connection: Connection, box: Vault, *, added: list[str], drop: list[str]
) -> Connection:
    if unknown := set(drop) - set(_marks(connection, box)):
        fail(f"the connection has no secret {', '.join(sorted(unknown))}")
    context = secret_context(connection.app_id, connection.name)
    sealed = [box.seal(secret, context=context) for secret in added]

    def change(known: Connection) -> None:
        marks = zip(_marks(known, box), known.sealed_webhook_secrets, strict=True)
        kept = [secret for mark, secret in marks if mark not in drop]
        if len(sealed) + len(kept) > WEBHOOK_SECRETS:
            fail(f"at most {WEBHOOK_SECRETS} secrets: drop one first")
        known.set_webhook_secrets([*sealed, *kept], actor=BY, occurred_at=now())

    return operator.billing.change(Connection, connection.id, change)


def _marks(connection: Connection, box: Vault) -> list[str]:
    context = secret_context(connection.app_id, connection.name)
    try:
        return [
            secret_mark(box.open(sealed, context=context))
            for sealed in connection.sealed_webhook_secrets
        ]
    except VaultError as error:
        fail(f"{error}: set BILLHOOK_MASTER_KEYS to the running system's")


def _read_secrets() -> list[str]:
    """Read secrets from the environment or standard input: arguments are visible to every user."""
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
