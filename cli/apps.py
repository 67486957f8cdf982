import json
import re
from typing import Annotated, Final, get_args
from uuid import uuid4

import typer

from cli.common import BY, AsJson, Operator, fail, now, operating, table
from cli.keys import add_key
from cli.known_apps import known_apps
from domain.apps.commands import CreateApp, KeyKind

apps = typer.Typer(no_args_is_help=True, help="Manage apps: the systems whose tenants are billed.")

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
        found = known_apps(operator)
    if as_json:
        typer.echo(json.dumps(list(found.values())))
    else:
        table(list(found.values()))


def slugs(operator: Operator) -> set[str]:
    """Return the slugs of all apps."""
    return {app["slug"] for app in known_apps(operator).values()}
