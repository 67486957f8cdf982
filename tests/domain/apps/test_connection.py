"""Connections: sealed credentials under a name."""

from typing import Any
from uuid import UUID

import pytest

from domain.apps.commands import DeleteConnection, SetConnection
from domain.apps.connection import (
    Connection,
    ConnectionChanged,
    ConnectionCreated,
    ConnectionDeleted,
    secret_context,
)
from domain.core import ids
from domain.core.errors import Contradiction
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import START, Given, happened, moment
from tests.domain.subscription_examples import APP_ID, CONNECTION_ID, TENANT_ID

CREATED = happened(ConnectionCreated)
NOW = moment(60)


def _command(**changes: Any) -> SetConnection:
    facts = {k: v for k, v in EXAMPLES[ConnectionCreated].items() if k != "connection_id"}
    return SetConnection(**facts | changes)


def test_a_connection_is_made_under_the_id_that_app_and_name_give() -> None:
    made = Connection.create(_command(), connection_id=CONNECTION_ID, occurred_at=START)
    (
        Given.made(made)
        .when(lambda _: None)
        .then(happened(ConnectionCreated, originator_id=ids.for_connection(APP_ID, "main")))
        .showing(
            connection_id=CONNECTION_ID,
            provider="stripe",
            mode="test",
            sealed_key="sealed:key",
            sealed_webhook_secrets=["sealed:one", "sealed:two"],
        )
    )


def test_new_credentials_replace_the_old_and_the_webhook_url_stays() -> None:
    command = _command(sealed_key="sealed:new", sealed_webhook_secrets=[], redirect_url=None)
    (
        Given(Connection, CREATED)
        .when(lambda connection: connection.change(command, occurred_at=NOW))
        .then(happened(ConnectionChanged, sealed_key="sealed:new", connection_id=CONNECTION_ID))
        .showing(
            connection_id=CONNECTION_ID,
            sealed_key="sealed:new",
            sealed_webhook_secrets=[],
            redirect_url=None,
        )
    )


@pytest.mark.parametrize("change", [{"provider": "mollie"}, {"mode": "live"}])
def test_provider_and_mode_never_change_under_a_name(change: dict[str, str]) -> None:
    given = Given(Connection, CREATED)
    with pytest.raises(Contradiction) as refusal:
        given.when(lambda connection: connection.change(_command(**change), occurred_at=NOW))
    assert refusal.value.facts["name"] == "main"
    given.when(lambda _: None).then()


def test_secrets_are_sealed_for_one_app_and_name() -> None:
    places: list[tuple[UUID, str]] = [
        (APP_ID, "main"),
        (APP_ID, "other"),
        (TENANT_ID, "main"),
    ]
    assert len({secret_context(*place) for place in places}) == len(places)


def _delete(given: Given[Connection]) -> Any:
    command = DeleteConnection(app_id=APP_ID, name="main", actor="key")
    return given.when(lambda known: known.delete(command, occurred_at=NOW))


def test_a_deleted_connection_keeps_its_credentials_for_open_requests() -> None:
    (
        _delete(Given(Connection, CREATED))
        .then(happened(ConnectionDeleted, app_id=APP_ID, connection_id=CONNECTION_ID))
        .showing(deleted=True, sealed_key="sealed:key")
    )


def test_deleting_twice_is_silent_and_new_credentials_bring_it_back() -> None:
    given = Given(Connection, CREATED, happened(ConnectionDeleted))
    _delete(given).then()
    (
        given.when(lambda known: known.change(_command(), occurred_at=NOW))
        .then(happened(ConnectionChanged, connection_id=CONNECTION_ID))
        .showing(deleted=False)
    )
