"""Billing: one method per command, and the one place where stale writes are decided again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from domain.apps.app import App
from domain.apps.commands import ChangeApp, CreateApp, CreateKey, RevokeKey, SetConnection
from domain.apps.connection import Connection, ConnectionCreated
from domain.billing import Billing
from domain.core import ids
from domain.core.effects import Effect
from domain.core.errors import Contradiction, IdOfOtherKind, NotFound, StaleWrite
from domain.invoices.invoice import Invoice
from domain.tenants.commands import SetTenant
from domain.tenants.events import TenantCreated
from domain.tenants.tenant import Tenant
from tests.domain.core.conflicting_store import ContendedRecorder, contended_billing
from tests.domain.event_examples import EXAMPLES, TOTAL
from tests.domain.given import START, moment
from tests.domain.invoices.provider_updates import paid_answer, request_command, snapshot
from tests.domain.other_event_examples import KEY_ID
from tests.domain.subscription_examples import APP_ID, CONNECTION_ID, INVOICE_ID, TENANT_ID

CREATE = CreateApp(app_id=APP_ID, name="Shop", slug="shop", actor="cli")
NOW = moment(60)


@pytest.fixture
def contended() -> tuple[Billing, ContendedRecorder]:
    return contended_billing()


@pytest.fixture
def billing(contended: tuple[Billing, ContendedRecorder]) -> Billing:
    return contended[0]


@pytest.fixture
def recorder(contended: tuple[Billing, ContendedRecorder]) -> ContendedRecorder:
    return contended[1]


def _key(**changes: Any) -> CreateKey:
    facts: dict[str, Any] = {
        "app_id": APP_ID,
        "key_id": KEY_ID,
        "kind": "write",
        "key_sha256": "5a256",
        "prefix": "bh_write_abcdef",
        "actor": "cli",
    }
    return CreateKey(**facts | changes)


def _connection(**changes: Any) -> SetConnection:
    facts = {k: v for k, v in EXAMPLES[ConnectionCreated].items() if k != "connection_id"}
    return SetConnection(**facts | changes)


def _tenant(**changes: Any) -> SetTenant:
    return SetTenant(**EXAMPLES[TenantCreated] | changes)


def _version(billing: Billing, aggregate_id: UUID) -> int:
    return len(list(billing.events.get(aggregate_id)))


def _renamed(billing: Billing, name: str) -> Callable[[], object]:
    return lambda: billing.change_app(
        ChangeApp(app_id=APP_ID, name=name, actor="other"), occurred_at=NOW
    )


def _requested(billing: Billing) -> None:
    billing.save(Invoice.request(request_command(), occurred_at=START))


# What is made is kept.


def test_what_was_saved_is_what_is_loaded(billing: Billing) -> None:
    billing.create_app(CREATE, occurred_at=START)
    billing.create_key(_key(), occurred_at=NOW)
    changed = billing.change_app(
        ChangeApp(app_id=APP_ID, enabled=False, actor="cli"), occurred_at=NOW
    )
    loaded = billing.get(App, APP_ID)
    assert loaded == changed
    assert (loaded.enabled, loaded.keys) == (False, {KEY_ID: "write"})


def test_making_the_same_app_twice_is_silent(billing: Billing) -> None:
    billing.create_app(CREATE, occurred_at=START)
    billing.create_app(CREATE, occurred_at=NOW)
    assert _version(billing, APP_ID) == 1


def test_a_key_can_be_taken_out_of_use(billing: Billing) -> None:
    billing.create_app(CREATE, occurred_at=START)
    billing.create_key(_key(), occurred_at=NOW)
    billing.revoke_key(RevokeKey(app_id=APP_ID, key_id=KEY_ID, actor="cli"), occurred_at=NOW)
    assert billing.get(App, APP_ID).keys == {KEY_ID: "revoked"}


def test_a_connection_keeps_its_random_id_when_its_secrets_change(billing: Billing) -> None:
    billing.create_app(CREATE, occurred_at=START)
    billing.set_connection(_connection(), new_connection_id=CONNECTION_ID, occurred_at=START)
    billing.set_connection(
        _connection(sealed_key="new"), new_connection_id=TENANT_ID, occurred_at=NOW
    )
    loaded = billing.get(Connection, ids.for_connection(APP_ID, "main"))
    assert (loaded.connection_id, loaded.sealed_key) == (CONNECTION_ID, "new")


def test_a_connection_of_another_mode_under_the_same_name_is_refused(billing: Billing) -> None:
    billing.create_app(CREATE, occurred_at=START)
    billing.set_connection(_connection(), new_connection_id=CONNECTION_ID, occurred_at=START)
    with pytest.raises(Contradiction):
        billing.set_connection(
            _connection(mode="live"), new_connection_id=TENANT_ID, occurred_at=NOW
        )


def test_a_connection_needs_its_app(billing: Billing) -> None:
    with pytest.raises(NotFound) as refusal:
        billing.set_connection(_connection(), new_connection_id=CONNECTION_ID, occurred_at=NOW)
    assert refusal.value.facts == {"kind": "app", "id": APP_ID}


def test_a_tenant_is_made_once_and_then_changed(
    billing: Billing, recorder: ContendedRecorder
) -> None:
    billing.set_tenant(_tenant(), occurred_at=START, bodies=["first"])
    billing.set_tenant(_tenant(), occurred_at=NOW, bodies=["same"])
    billing.set_tenant(_tenant(contact_body="0ther"), occurred_at=NOW, bodies=["second"])
    loaded = billing.get(Tenant, ids.for_tenant(APP_ID, TENANT_ID))
    assert loaded.contact_body == "0ther"
    assert recorder.offered == [
        (["tenant.created", "customer_claim.created"], ["first"]),
        (["tenant.changed"], ["second"]),
    ]


# What is not there.


def test_what_does_not_exist_is_not_found(billing: Billing) -> None:
    assert billing.find(App, APP_ID) is None
    with pytest.raises(NotFound) as refusal:
        billing.get(App, APP_ID)
    assert refusal.value.facts == {"kind": "app", "id": APP_ID}
    with pytest.raises(NotFound):
        billing.change_app(ChangeApp(app_id=APP_ID, name="x", actor="cli"), occurred_at=NOW)


def test_an_id_of_another_kind_is_not_found_nor_created(billing: Billing) -> None:
    _requested(billing)
    assert billing.find(App, INVOICE_ID) is None
    with pytest.raises(IdOfOtherKind):
        billing.create_app(
            CreateApp(app_id=INVOICE_ID, name="x", slug="x", actor="cli"), occurred_at=NOW
        )
    assert _version(billing, INVOICE_ID) == 1


# Others were faster.


def test_a_write_that_others_overtook_is_decided_again(
    billing: Billing, recorder: ContendedRecorder
) -> None:
    billing.create_app(CREATE, occurred_at=START)
    recorder.others = [_renamed(billing, "Theirs")]
    app = billing.change_app(ChangeApp(app_id=APP_ID, enabled=False, actor="cli"), occurred_at=NOW)
    assert (app.name, app.enabled) == ("Theirs", False)
    assert billing.get(App, APP_ID) == app


def test_a_decision_that_others_have_taken_meanwhile_is_not_recorded_twice(
    billing: Billing, recorder: ContendedRecorder
) -> None:
    billing.create_app(CREATE, occurred_at=START)
    recorder.others = [_renamed(billing, "Same")]
    billing.change_app(ChangeApp(app_id=APP_ID, name="Same", actor="cli"), occurred_at=NOW)
    assert _version(billing, APP_ID) == 2


@pytest.mark.parametrize(("overtaken", "succeeds"), [(7, True), (8, False)])
def test_eight_tries_are_made_and_no_more(
    billing: Billing, recorder: ContendedRecorder, *, overtaken: int, succeeds: bool
) -> None:
    billing.create_app(CREATE, occurred_at=START)
    tries: list[int] = []
    recorder.others = [_renamed(billing, f"Name {n}") for n in range(overtaken)]

    def decide(app: App) -> None:
        tries.append(app.version)
        app.change(ChangeApp(app_id=APP_ID, enabled=False, actor="cli"), occurred_at=NOW)

    if succeeds:
        billing.change(App, APP_ID, decide)
    else:
        with pytest.raises(StaleWrite) as refusal:
            billing.change(App, APP_ID, decide)
        assert refusal.value.facts == {"id": APP_ID}
    assert tries == [*range(1, 9)]
    assert billing.get(App, APP_ID).enabled is not succeeds


def test_two_that_make_the_same_tenant_make_one(
    billing: Billing, recorder: ContendedRecorder
) -> None:
    recorder.others = [
        lambda: billing.set_tenant(_tenant(customers={"other": "c"}), occurred_at=START)
    ]
    tenant = billing.set_tenant(_tenant(), occurred_at=NOW)
    assert tenant.customers == {"other": "c", "main": "cus_1"}
    assert _version(billing, tenant.id) == 2


def test_two_that_make_the_same_connection_agree_on_its_id(
    billing: Billing, recorder: ContendedRecorder
) -> None:
    billing.create_app(CREATE, occurred_at=START)
    theirs = CONNECTION_ID
    recorder.others = [
        lambda: billing.set_connection(_connection(), new_connection_id=theirs, occurred_at=START)
    ]
    made = billing.set_connection(_connection(), new_connection_id=TENANT_ID, occurred_at=NOW)
    assert made.connection_id == theirs


def test_bodies_go_with_every_try(billing: Billing, recorder: ContendedRecorder) -> None:
    _requested(billing)
    recorder.offered.clear()
    recorder.others = [
        lambda: billing.change(Invoice, INVOICE_ID, lambda i: i.start_step("pay", occurred_at=NOW))
    ]
    effect = billing.record_provider_state(
        INVOICE_ID, paid_answer(), source="answer", actor="worker", occurred_at=NOW, bodies=["raw"]
    )
    paid = ["invoice.issued", "invoice.payment_succeeded"]
    assert effect is Effect.CHANGED
    assert recorder.offered == [(paid, ["raw"]), (["invoice.step_started"], ()), (paid, ["raw"])]


def test_the_effect_is_that_of_the_try_that_was_recorded(
    billing: Billing, recorder: ContendedRecorder
) -> None:
    _requested(billing)

    def pay() -> Effect:
        return billing.record_provider_state(
            INVOICE_ID, snapshot("paid"), source="webhook", actor="webhook:evt_1", occurred_at=NOW
        )

    recorder.others = [pay]
    assert pay() is Effect.CONFIRMED
    view = billing.get(Invoice, INVOICE_ID).view
    assert (view.status, view.amount_paid_minor, len(view.payments)) == ("paid", TOTAL, 1)


def test_a_connection_keeps_what_another_writer_added_while_its_change_was_decided(
    billing: Billing, recorder: ContendedRecorder
) -> None:
    billing.create_app(CREATE, occurred_at=NOW)
    first = _connection(sealed_webhook_secrets=["sealed:1"])
    made = billing.set_connection(first, new_connection_id=CONNECTION_ID, occurred_at=NOW)
    recorder.others.append(
        lambda: billing.change(
            Connection,
            made.id,
            lambda known: known.set_webhook_secrets(
                ["sealed:2", *known.sealed_webhook_secrets], actor="other", occurred_at=NOW
            ),
        )
    )

    def with_a_new_key(known: Connection | None) -> SetConnection:
        kept = [] if known is None else known.sealed_webhook_secrets
        return _connection(sealed_key="sealed:new", sealed_webhook_secrets=kept)

    changed = billing.change_connection(
        first.app_id,
        first.name,
        with_a_new_key,
        new_connection_id=CONNECTION_ID,
        occurred_at=NOW,
    )
    assert changed.sealed_key == "sealed:new"
    assert changed.sealed_webhook_secrets == ["sealed:2", "sealed:1"]
