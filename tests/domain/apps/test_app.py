"""Apps and their keys."""

from typing import Any

import pytest

from domain.apps.app import ApiKeyCreated, ApiKeyRevoked, App, AppChanged, AppCreated
from domain.apps.commands import ChangeApp, CreateApp, CreateKey, RevokeKey
from domain.core.errors import NotFound
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import START, Decided, Given, happened, moment
from tests.domain.other_event_examples import KEY_ID
from tests.domain.subscription_examples import APP_ID, TENANT_ID

CREATED = happened(AppCreated)
KEY = happened(ApiKeyCreated)
REVOKED = happened(ApiKeyRevoked)
NOW = moment(60)


def _change(given: Given[App], **changes: Any) -> Decided[App, None]:
    command = ChangeApp(app_id=APP_ID, actor="operator", **changes)
    return given.when(lambda app: app.change(command, occurred_at=NOW))


def _add_key(given: Given[App], **changes: Any) -> Decided[App, None]:
    command = CreateKey(app_id=APP_ID, **EXAMPLES[ApiKeyCreated] | changes)
    return given.when(lambda app: app.add_key(command, occurred_at=NOW))


def _revoke(given: Given[App], **changes: Any) -> Decided[App, None]:
    arguments: dict[str, Any] = {"app_id": APP_ID, "key_id": KEY_ID, "actor": "operator"}
    command = RevokeKey(**arguments | changes)
    return given.when(lambda app: app.revoke_key(command, occurred_at=NOW))


def test_a_new_app_is_enabled_and_has_neither_keys_nor_defaults() -> None:
    app = App.create(
        CreateApp(app_id=APP_ID, name="Shop", slug="shop", actor="cli"), occurred_at=START
    )
    (
        Given.made(app)
        .when(lambda _: None)
        .then(happened(AppCreated, name="Shop", slug="shop", actor="cli", originator_id=APP_ID))
        .showing(name="Shop", slug="shop", enabled=True, keys={}, default_connections={})
    )


def test_only_what_changes_is_recorded() -> None:
    (
        _change(Given(App, CREATED), name="Shop", enabled=False)
        .then(happened(AppChanged, name=None, enabled=False, default_connections=None))
        .showing(name="Shop", enabled=False)
    )


def test_nothing_new_leaves_no_event() -> None:
    _change(Given(App, CREATED), name="Shop", enabled=True, default_connections={}).then()
    _change(Given(App, CREATED)).then()


def test_a_disabled_app_can_be_enabled_again() -> None:
    given = Given(App, CREATED, happened(AppChanged, enabled=False))
    _change(given, enabled=True).then(happened(AppChanged, enabled=True)).showing(enabled=True)


def test_default_connections_of_other_providers_stay() -> None:
    stripe = happened(AppChanged, default_connections={"stripe": "main"})
    both = {"stripe": "main", "mollie": "dutch"}
    (
        _change(Given(App, CREATED, stripe), default_connections={"mollie": "dutch"})
        .then(happened(AppChanged, default_connections=both))
        .showing(default_connections=both)
    )


def test_a_key_is_recorded_by_its_hash() -> None:
    (
        _add_key(Given(App, CREATED))
        .then(happened(ApiKeyCreated, **EXAMPLES[ApiKeyCreated]))
        .showing(keys={KEY_ID: "write"})
    )


def test_a_key_given_twice_is_one_key() -> None:
    _add_key(Given(App, CREATED, KEY), kind="admin").then().showing(keys={KEY_ID: "write"})


def test_a_revoked_key_admits_nothing_and_revoking_it_again_records_nothing() -> None:
    given = Given(App, CREATED, KEY)
    _revoke(given).then(REVOKED).showing(keys={KEY_ID: "revoked"})
    _revoke(given).then()


def test_a_revoked_key_is_not_given_back() -> None:
    _add_key(Given(App, CREATED, KEY, REVOKED)).then().showing(keys={KEY_ID: "revoked"})


def test_an_unknown_key_can_not_be_revoked() -> None:
    with pytest.raises(NotFound) as refusal:
        _revoke(Given(App, CREATED, KEY), key_id=TENANT_ID)
    assert refusal.value.facts == {"kind": "key", "id": TENANT_ID}
