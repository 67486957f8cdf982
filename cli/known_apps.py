"""The apps of the log, by their ids and slugs."""

from typing import Annotated, Final
from uuid import UUID

import typer

from cli.common import Operator, fail
from domain.apps.app import AppChanged, AppCreated, AppSettingsChanged

AppName = Annotated[str, typer.Argument(metavar="APP", help="The app's slug or id.")]
_TOPICS: Final = (AppCreated.TOPIC, AppChanged.TOPIC, AppSettingsChanged.TOPIC)


def known_apps(operator: Operator) -> dict[UUID, dict[str, str]]:
    """Read all apps, in the order of their creation: app_id, slug, name, enabled."""
    found: dict[UUID, dict[str, str]] = {}
    for event in operator.events(*_TOPICS):
        _apply(found, event)
    return found


def app_named(operator: Operator, text: str) -> UUID:
    """Find an app by its id or slug; ends the command unless exactly one matches."""
    known = known_apps(operator)
    wanted = _as_id(text)
    if wanted in known:
        return wanted
    found = [app_id for app_id, row in known.items() if text == row["slug"]]
    if len(found) > 1:
        fail(f"several apps have the slug {text!r}: give the app's id")
    return found[0] if found else fail(f"there is no app {text!r}; see: billhook apps list")


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


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
