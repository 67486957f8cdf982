"""An app, its keys and its connections, for tests of the access projection."""

from typing import Any
from uuid import UUID

from domain.apps.app import App
from domain.apps.commands import CreateApp, CreateKey, SetConnection
from tests.projections.harness import APP
from tests.projections.random_events import AT

KEY, CONNECTION, TENANT = UUID(int=11), UUID(int=12), UUID(int=13)
SHA256 = "5e" * 32


def app(app_id: UUID = APP) -> App:
    return App.create(
        CreateApp(app_id=app_id, name="Shop", slug="shop", actor="op"), occurred_at=AT
    )


def key(**facts: Any) -> CreateKey:
    given: dict[str, Any] = {"app_id": APP, "key_id": KEY, "kind": "write", "key_sha256": SHA256}
    return CreateKey(**given | facts, prefix="bh_write_abc", actor="op")


def connection(**facts: Any) -> SetConnection:
    given: dict[str, Any] = {
        "app_id": APP,
        "name": "main",
        "provider": "stripe",
        "mode": "test",
        "sealed_key": "sealed-1",
        "sealed_webhook_secrets": ["sealed-2"],
        "actor": "op",
    }
    return SetConnection(**given | facts)
