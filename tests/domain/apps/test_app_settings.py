"""Test app settings and key rotation."""

from typing import Any

import pytest

from domain.apps.app import (
    ApiKeyCreated,
    ApiKeyReplaced,
    ApiKeyRevoked,
    App,
    AppChanged,
    AppCreated,
    AppSettings,
    AppSettingsChanged,
)
from domain.apps.commands import ChangeApp, CreateKey, EnableTokens, RotateKey
from domain.core.errors import Contradiction, NotFound
from domain.core.idempotency import (
    CreateIdempotencyRecord,
    IdempotencyRecord,
    IdempotencyRecordCreated,
)
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import START, Decided, Given, happened, moment
from tests.domain.other_event_examples import KEY_ID, NEW_KEY_ID
from tests.domain.subscription_examples import APP_ID, TENANT_ID

CREATED = happened(AppCreated, slug="shop")
KEY = happened(ApiKeyCreated)
NOW = moment(60)
SECRET = {"kid": "one", "sealed": "v1.x", "until": None}


def _change(given: Given[App], **settings: Any) -> Decided[App, None]:
    command = ChangeApp(app_id=APP_ID, actor="operator", settings=settings)
    return given.when(lambda app: app.change(command, occurred_at=NOW))


def _rotate(given: Given[App], **changes: Any) -> Decided[App, None]:
    facts = EXAMPLES[ApiKeyCreated] | {"key_id": NEW_KEY_ID}
    arguments: dict[str, Any] = {
        "app_id": APP_ID,
        "key_id": KEY_ID,
        "expires_at": 1000,
        "actor": "key",
    }
    new_key = CreateKey(app_id=APP_ID, **facts)
    command = RotateKey(**arguments | {"new_key": new_key} | changes)
    return given.when(lambda app: app.rotate_key(command, occurred_at=NOW))


def _enable_tokens(given: Given[App]) -> Decided[App, None]:
    command = EnableTokens(app_id=APP_ID, issuer="us", audience="app", secret=SECRET, actor="key")
    return given.when(lambda app: app.enable_tokens(command, occurred_at=NOW))


def test_a_new_app_has_the_defaults() -> None:
    Given(App, CREATED).when(lambda _: None).showing(settings=AppSettings())


def test_settings_are_kept_by_name_and_the_others_stay() -> None:
    given = Given(App, CREATED, happened(AppSettingsChanged, changes={"client_prices": ["p"]}))
    (
        _change(given, time_zone="Asia/Tokyo", client_prices=["p"])
        .then(happened(AppSettingsChanged, changes={"time_zone": "Asia/Tokyo"}))
        .showing(settings=AppSettings(time_zone="Asia/Tokyo", client_prices=["p"]))
    )


def test_settings_that_are_so_already_leave_no_event() -> None:
    given = Given(App, CREATED, happened(AppSettingsChanged, changes={"time_zone": "UTC"}))
    _change(given, time_zone="UTC", slug="shop").then()


def test_a_slug_changes_and_is_no_setting() -> None:
    (
        _change(Given(App, CREATED), slug="tea")
        .then(happened(AppSettingsChanged, changes={"slug": "tea"}))
        .showing(slug="tea", settings=AppSettings())
    )


def test_settings_of_a_newer_version_are_left_out() -> None:
    assert AppSettings.of({"time_zone": "UTC", "colour": "green"}) == AppSettings()


def test_a_default_connection_is_emptied_by_none() -> None:
    known = happened(AppChanged, default_connections={"stripe": "a", "mollie": "b"})
    command = ChangeApp(app_id=APP_ID, default_connections={"stripe": None}, actor="key")
    (
        Given(App, CREATED, known)
        .when(lambda app: app.change(command, occurred_at=NOW))
        .then(happened(AppChanged, default_connections={"mollie": "b"}))
    )


def test_a_rotated_key_gets_a_successor_and_an_end() -> None:
    (
        _rotate(Given(App, CREATED, KEY))
        .then(
            happened(ApiKeyCreated, key_id=NEW_KEY_ID),
            happened(ApiKeyReplaced, key_id=KEY_ID, new_key_id=NEW_KEY_ID, expires_at=1000),
        )
        .showing(keys={KEY_ID: "write", NEW_KEY_ID: "write"}, replaced={KEY_ID: 1000})
    )


def test_the_same_rotation_again_is_silent() -> None:
    given = Given(App, CREATED, KEY)
    _rotate(given)
    _rotate(given).then()


@pytest.mark.parametrize("ended", [happened(ApiKeyRevoked), happened(ApiKeyReplaced)])
def test_a_key_that_has_ended_or_will_is_not_rotated(ended: Any) -> None:
    later = CreateKey(app_id=APP_ID, **EXAMPLES[ApiKeyCreated] | {"key_id": TENANT_ID})
    with pytest.raises(Contradiction):
        _rotate(Given(App, CREATED, KEY, ended), new_key=later)


def test_an_unknown_key_is_not_rotated() -> None:
    with pytest.raises(NotFound):
        _rotate(Given(App, CREATED), key_id=TENANT_ID)


def test_enabling_tokens_sets_missing_settings_only() -> None:
    mine = {"kid": "mine", "sealed": "v1.y", "until": None}
    (
        _enable_tokens(Given(App, CREATED))
        .then(
            happened(
                AppSettingsChanged,
                changes={"token_issuer": "us", "token_audience": "app", "token_secrets": [SECRET]},
            )
        )
        .showing(
            settings=AppSettings(token_issuer="us", token_audience="app", token_secrets=[SECRET])
        )
    )
    given = Given(App, CREATED, happened(AppSettingsChanged, changes={"token_secrets": [mine]}))
    _enable_tokens(given).then(
        happened(AppSettingsChanged, changes={"token_issuer": "us", "token_audience": "app"})
    )
    _enable_tokens(given).then()


def test_an_idempotency_record_keeps_its_response() -> None:
    command = CreateIdempotencyRecord(
        record_id=NEW_KEY_ID, app_id=APP_ID, request_hash="4a54", result={"id": "1"}, actor="key"
    )
    (
        Given.made(IdempotencyRecord.create(command, occurred_at=START))
        .when(lambda _: None)
        .then(happened(IdempotencyRecordCreated, request_hash="4a54", result={"id": "1"}))
        .showing(result={"id": "1"}, app_id=APP_ID)
    )
