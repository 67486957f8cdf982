import json
import re
from typing import Annotated, Final, get_args
from uuid import UUID, uuid4

import typer

from cli.common import BY, AsJson, Operator, fail, now, operating, table
from cli.keys import add_key
from domain.apps.app import AppChanged, AppCreated, AppSettingsChanged
from domain.apps.commands import CreateApp, KeyKind

apps = typer.Typer(no_args_is_help=True, help="Manage apps: the systems whose tenants are billed.")

_TOPICS: Final = (AppCreated.TOPIC, AppChanged.TOPIC, AppSettingsChanged.TOPIC)
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# As in the body of a PATCH of an app.
_LONGEST_NAME: Final = 255
_LONGEST_SLUG: Final = 64


@apps.command("create")
def create(
    name: Annotated[str, typer.Argument(help="The app's display name.")],
    *,
    slug: Annotated[
        str | None, typer.Option(help="Its name in URLs; derived from NAME if omitted.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an app and a key of each kind; the keys are shown only once."""
    slug = slug or "-".join(re.findall(r"[a-z0-9]+", name.lower()))
    if not _SLUG.fullmatch(slug) or len(slug) > _LONGEST_SLUG:
        fail(f"give --slug: at most {_LONGEST_SLUG} small letters, digits and single hyphens")
    if not 1 <= len(name) <= _LONGEST_NAME:
        fail(f"a name has 1 to {_LONGEST_NAME} characters")
    app_id = uuid4()
    with operating() as operator:
        if slug in slugs(operator):
            fail(f"an app with the slug {slug!r} exists")
        command = CreateApp(app_id=app_id, name=name, slug=slug, actor=BY)
        operator.billing.create_app(command, occurred_at=now())
        keys = {
            f"{kind}_key": add_key(operator, app_id, kind=kind, name=None).text
            for kind in get_args(KeyKind)
        }
    shown = {"app_id": str(app_id), "slug": slug, **keys}
    if as_json:
        typer.echo(json.dumps(shown))
        return
    for label, value in shown.items():
        typer.echo(f"{label:<10} {value}")
    typer.echo("The keys are not shown again.", err=True)


@apps.command("list")
def list_apps(*, as_json: AsJson = False) -> None:
    """List all apps."""
    with operating() as operator:
        found = _known(operator)
    if as_json:
        typer.echo(json.dumps(list(found.values())))
    else:
        table(list(found.values()))


def app_named(operator: Operator, text: str) -> UUID:
    """Find an app by its id or slug; ends the command unless exactly one matches."""
    known = _known(operator)
    found = [app_id for app_id, row in known.items() if text in (row["slug"], str(app_id))]
    if len(found) > 1:
        fail(f"several apps have the slug {text!r}: give the app's id")
    return found[0] if found else fail(f"there is no app {text!r}")


def slugs(operator: Operator) -> set[str]:
    """Return the slugs of all apps."""
    return {app["slug"] for app in _known(operator).values()}


def _known(operator: Operator) -> dict[UUID, dict[str, str]]:
    found: dict[UUID, dict[str, str]] = {}
    for event in operator.events(*_TOPICS):
        _apply(found, event)
    return found


def _apply(found: dict[UUID, dict[str, str]], event: object) -> None:
    match event:
        case AppCreated(originator_id=app_id, name=name, slug=slug):
            found[app_id] = {"app_id": str(app_id), "slug": slug, "name": name, "enabled": "yes"}
        case AppChanged(originator_id=app_id, name=name, enabled=enabled):
            row = found[app_id]
            row["name"] = name or row["name"]
            row["enabled"] = {True: "yes", False: "no", None: row["enabled"]}[enabled]
        case AppSettingsChanged(originator_id=app_id, changes=changes):
            found[app_id]["slug"] = changes.get("slug", found[app_id]["slug"])
