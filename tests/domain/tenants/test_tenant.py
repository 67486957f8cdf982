"""Tenants and the customers that providers know them by."""

from typing import Any

from domain.core import ids
from domain.tenants.commands import SetTenant
from domain.tenants.events import (
    ProviderCustomerLinked,
    ProviderCustomerStarted,
    TenantChanged,
    TenantCreated,
)
from domain.tenants.tenant import Tenant
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import AGGREGATE_ID, START, Decided, Given, happened, moment
from tests.domain.subscription_examples import APP_ID, TENANT_ID

CREATED = happened(TenantCreated)
UNLINKED = happened(TenantCreated, customers={})
NOW = moment(60)


def _command(**changes: Any) -> SetTenant:
    return SetTenant(**EXAMPLES[TenantCreated] | changes)


def _change(given: Given[Tenant], **changes: Any) -> Decided[Tenant, None]:
    return given.when(lambda tenant: tenant.change(_command(**changes), occurred_at=NOW))


def test_a_tenant_is_made_under_the_id_that_app_and_tenant_give() -> None:
    (
        Given.made(Tenant.create(_command(), occurred_at=START))
        .when(lambda _: None)
        .then(happened(TenantCreated, originator_id=ids.for_tenant(APP_ID, TENANT_ID)))
        .showing(tenant_id=TENANT_ID, contact_body="9e75", customers={"main": "cus_1"}, starting={})
    )


def test_the_same_again_leaves_no_event() -> None:
    _change(Given(Tenant, CREATED)).then()
    _change(Given(Tenant, CREATED), customers={}).then()


def test_another_person_replaces_the_first_also_by_none() -> None:
    _change(Given(Tenant, CREATED), contact_body="0ther").then(
        happened(TenantChanged, contact_body="0ther")
    )
    _change(Given(Tenant, CREATED), contact_body=None).showing(contact_body=None)


def test_an_unlinked_customer_is_created_again_under_another_key() -> None:
    first, second = (f"billhook:{AGGREGATE_ID}:customer:main:{number}" for number in (1, 2))
    started = happened(ProviderCustomerStarted, connection="main", key=first, contact_body="9e75")
    linked = happened(ProviderCustomerLinked, connection="main")
    unlinked = happened(TenantChanged, customers={})
    again = happened(ProviderCustomerStarted, connection="main", key=second, contact_body="9e75")

    for unlink in ({"unlinks_all": True}, {"unlinked": frozenset({"main"})}):
        given = Given(Tenant, UNLINKED, started, linked)
        _change(given, customers={}, **unlink).then(unlinked).showing(customers={}, starting={})
    (
        Given(Tenant, UNLINKED, started, linked, unlinked)
        .when(lambda tenant: tenant.start_customer("main", occurred_at=NOW))
        .then(again)
        .answering((second, "9e75"))
    )


def test_linked_customers_stay_unless_replaced() -> None:
    given = Given(Tenant, CREATED)
    both = {"main": "cus_1", "other": "cus_2"}
    (
        _change(given, customers={"other": "cus_2"})
        .then(happened(TenantChanged, customers=both))
        .showing(customers=both)
    )
    _change(given, customers={"main": "cus_9"}).showing(customers=both | {"main": "cus_9"})


def test_the_creation_of_a_customer_is_recorded_with_key_and_contact_before_the_call() -> None:
    key = f"billhook:{AGGREGATE_ID}:customer:main:1"
    (
        Given(Tenant, UNLINKED)
        .when(lambda tenant: tenant.start_customer("main", occurred_at=NOW))
        .then(happened(ProviderCustomerStarted, connection="main", key=key, contact_body="9e75"))
        .answering((key, "9e75"))
    )


def test_every_repeat_of_making_a_customer_sends_the_first_person_again() -> None:
    started = happened(ProviderCustomerStarted, key="first", contact_body="9e75")
    changed = happened(TenantChanged, customers={}, contact_body="0ther")
    (
        Given(Tenant, UNLINKED, started, changed)
        .when(lambda tenant: tenant.start_customer("main", occurred_at=NOW))
        .then()
        .answering(("first", "9e75"))
    )


def test_each_connection_has_a_customer_of_its_own() -> None:
    given = Given(Tenant, UNLINKED, happened(ProviderCustomerStarted))
    decided = given.when(lambda tenant: tenant.start_customer("other", occurred_at=NOW))
    decided.then(happened(ProviderCustomerStarted, connection="other"))


def test_the_first_customer_linked_stays() -> None:
    (
        Given(Tenant, UNLINKED)
        .when(lambda tenant: tenant.link_customer("main", "cus_1", occurred_at=NOW))
        .then(happened(ProviderCustomerLinked, connection="main", customer_id="cus_1"))
        .when(lambda tenant: tenant.link_customer("main", "cus_2", occurred_at=NOW))
        .then()
        .showing(customers={"main": "cus_1"})
    )


def test_linking_a_customer_does_not_change_the_command() -> None:
    command = _command(customers={})
    tenant = Tenant.create(command, occurred_at=START)
    tenant.link_customer("main", "cus_1", occurred_at=NOW)
    assert command.customers == {}
