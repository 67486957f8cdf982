import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, cast
from uuid import UUID, uuid4

import typer

from cli.common import BY, AsJson, Operator, fail, now, operating, table
from cli.known_apps import AppName, app_named
from domain.apps.api_keys import KEY_BYTES, NewKey, new_key
from domain.apps.app import ApiKeyCreated, ApiKeyReplaced, ApiKeyRevoked
from domain.apps.commands import CreateKey, KeyKind, RevokeKey, RotateKey
from domain.core.errors import Contradiction

keys = typer.Typer(no_args_is_help=True, help="Manage an app's API keys.")

_MAX_OVERLAP_H: Final = 30 * 24
KeyId = Annotated[UUID, typer.Argument(metavar="KEY", help="The key's id.")]


def add_key(operator: Operator, app_id: UUID, *, kind: KeyKind, name: str | None) -> NewKey:
    """Create an API key of an app; only its hash is stored."""
    key, command = _new_key(app_id, kind=kind, name=name)
    operator.billing.create_key(command, occurred_at=now())
    return key


def _new_key(app_id: UUID, *, kind: KeyKind, name: str | None) -> tuple[NewKey, CreateKey]:
    key = new_key(kind, secrets.token_bytes(KEY_BYTES))
    command = CreateKey(
        app_id=app_id,
        key_id=uuid4(),
        kind=kind,
        key_sha256=key.sha256,
        prefix=key.prefix,
        name=name,
        actor=BY,
    )
    return key, command


@keys.command("create")
def create(
    app: AppName,
    kind: Annotated[KeyKind, typer.Argument(help="What the key may do.")],
    *,
    name: Annotated[str | None, typer.Option(help="Who uses the key.")] = None,
) -> None:
    """Create a key and print it, only once."""
    with operating() as operator:
        app_id = app_named(operator, app)
        key = add_key(operator, app_id, kind=kind, name=name)
    typer.echo(key.text)
    typer.echo("It is not shown again.", err=True)


@keys.command("list")
def list_keys(app: AppName, *, as_json: AsJson = False) -> None:
    """List an app's keys by prefix; the keys themselves are not stored."""
    with operating() as operator:
        app_id = app_named(operator, app)
        found: dict[UUID, dict[str, str]] = {}
        for event in operator.stream(app_id):
            match event:
                case ApiKeyCreated():
                    found[event.key_id] = _row(event)
                case ApiKeyReplaced():
                    ends_at = datetime.fromtimestamp(event.expires_at, UTC)
                    found[event.key_id]["ends"] = ends_at.isoformat("T", "seconds")
                case ApiKeyRevoked():
                    found[event.key_id]["revoked"] = event.timestamp.isoformat("T", "seconds")
    if as_json:
        typer.echo(json.dumps(list(found.values())))
    else:
        table(list(found.values()))


@keys.command("rotate")
def rotate(
    app: AppName,
    key_id: KeyId,
    *,
    overlap: Annotated[
        float,
        typer.Option(
            "--overlap-h", help="Hours that the old key stays valid.", min=0, max=_MAX_OVERLAP_H
        ),
    ] = 24,
) -> None:
    """Create a key of the same kind and name and print it, only once; the old key ends later."""
    with operating() as operator:
        app_id = app_named(operator, app)
        old = _find(operator, app_id, key_id)
        key, command = _new_key(app_id, kind=cast("KeyKind", old.kind), name=old.name)
        ends_at = now() + timedelta(hours=overlap)
        rotation = RotateKey(
            app_id=app_id,
            key_id=key_id,
            new_key=command,
            expires_at=int(ends_at.timestamp()),
            actor=BY,
        )
        try:
            operator.billing.rotate_key(rotation, occurred_at=now())
        except Contradiction:
            fail(f"the key {key_id} was revoked, or has been rotated already")
    typer.echo(key.text)
    typer.echo(
        f"It is not shown again. The old key ends at {ends_at.isoformat('T', 'seconds')}.", err=True
    )


def _find(operator: Operator, app_id: UUID, key_id: UUID) -> ApiKeyCreated:
    """Find a key of an app, or exit."""
    created = (event for event in operator.stream(app_id) if isinstance(event, ApiKeyCreated))
    found = next((event for event in created if event.key_id == key_id), None)
    if found is None:
        fail(f"the app has no key {key_id}")
    return found


@keys.command("revoke")
def revoke(app: AppName, key_id: KeyId) -> None:
    """Revoke a key; every process rejects it within 5 s."""
    with operating() as operator:
        app_id = app_named(operator, app)
        _find(operator, app_id, key_id)
        command = RevokeKey(app_id=app_id, key_id=key_id, actor=BY)
        operator.billing.revoke_key(command, occurred_at=now())
    typer.echo(f"revoked {key_id}")


def _row(event: ApiKeyCreated) -> dict[str, str]:
    return {
        "key_id": str(event.key_id),
        "kind": event.kind,
        "key": f"{event.prefix}…",
        "name": event.name or "",
        "created": event.timestamp.isoformat("T", "seconds"),
        "ends": "",
        "revoked": "",
    }
