"""A provider's customer is one tenant, and one only."""

from typing import Any
from uuid import UUID

import pytest

from domain.billing import Billing
from domain.core import ids
from domain.core.errors import CustomerTaken, StaleWrite
from domain.tenants.commands import SetTenant
from domain.tenants.customer_claim import (
    CustomerClaim,
    CustomerClaimed,
    CustomerClaimedAgain,
    CustomerReleased,
)
from domain.tenants.tenant import Tenant
from tests.domain.core.conflicting_store import ContendedRecorder, contended_billing
from tests.domain.given import START, Given, happened, moment
from tests.domain.subscription_examples import APP_ID, TENANT_ID

OTHER_ID = UUID(int=77)
NOW = moment(60)
CLAIMED = happened(CustomerClaimed)


def _tenant(tenant_id: UUID = TENANT_ID, **customers: str) -> SetTenant:
    return SetTenant(
        app_id=APP_ID, tenant_id=tenant_id, contact_body=None, customers=customers, actor="key:1"
    )


@pytest.fixture
def contended() -> tuple[Billing, ContendedRecorder]:
    return contended_billing()


@pytest.fixture
def billing(contended: tuple[Billing, ContendedRecorder]) -> Billing:
    return contended[0]


def _owner(billing: Billing, customer_id: str, connection: str = "main") -> UUID | None:
    return billing.tenant_of_customer(APP_ID, connection, customer_id)


def test_ones_own_claim_again_leaves_no_event() -> None:
    Given(CustomerClaim, CLAIMED).when(
        lambda claim: claim.claim(TENANT_ID, actor="t", occurred_at=NOW)
    ).then()


def test_another_tenants_customer_is_refused() -> None:
    with pytest.raises(CustomerTaken) as raised:
        Given(CustomerClaim, CLAIMED).when(
            lambda claim: claim.claim(OTHER_ID, actor="t", occurred_at=NOW)
        )
    assert raised.value.facts == {"connection": "main", "customer_id": "cus_1"}


def test_what_was_given_up_can_be_claimed_by_another() -> None:
    (
        Given(CustomerClaim, CLAIMED)
        .when(lambda claim: claim.release(TENANT_ID, actor="t", occurred_at=NOW))
        .then(happened(CustomerReleased, tenant_id=TENANT_ID))
        .showing(tenant_id=None)
        .when(lambda claim: claim.claim(OTHER_ID, actor="t", occurred_at=NOW))
        .then(happened(CustomerClaimedAgain, tenant_id=OTHER_ID))
        .showing(tenant_id=OTHER_ID)
    )


def test_only_the_owner_can_release_a_claim() -> None:
    claimed = Given(CustomerClaim, CLAIMED)
    claimed.when(lambda claim: claim.release(OTHER_ID, actor="t", occurred_at=NOW)).then()


def test_a_tenants_customers_are_claimed_in_the_same_append(
    billing: Billing, contended: tuple[Billing, ContendedRecorder]
) -> None:
    billing.set_tenant(_tenant(main="cus_1", other="cus_1"), occurred_at=START)
    (offered,) = contended[1].offered
    assert offered[0] == ["tenant.created", "customer_claim.created", "customer_claim.created"]
    assert _owner(billing, "cus_1") == _owner(billing, "cus_1", "other") == TENANT_ID
    assert _owner(billing, "cus_2") is None


def test_a_customer_of_another_tenant_is_refused_and_nothing_is_recorded(billing: Billing) -> None:
    billing.set_tenant(_tenant(main="cus_1"), occurred_at=START)
    with pytest.raises(CustomerTaken):
        billing.set_tenant(_tenant(OTHER_ID, main="cus_1"), occurred_at=NOW)
    assert billing.find(Tenant, ids.for_tenant(APP_ID, OTHER_ID)) is None
    billing.set_tenant(_tenant(OTHER_ID, main="cus_2"), occurred_at=NOW)
    with pytest.raises(CustomerTaken):
        billing.set_tenant(_tenant(OTHER_ID, main="cus_1"), occurred_at=NOW)
    assert billing.get(Tenant, ids.for_tenant(APP_ID, OTHER_ID)).customers == {"main": "cus_2"}


def test_a_customer_that_is_replaced_is_free_for_others(billing: Billing) -> None:
    billing.set_tenant(_tenant(main="cus_1"), occurred_at=START)
    billing.set_tenant(_tenant(main="cus_2"), occurred_at=NOW)
    assert _owner(billing, "cus_1") is None
    billing.set_tenant(_tenant(OTHER_ID, main="cus_1"), occurred_at=NOW)
    assert (_owner(billing, "cus_1"), _owner(billing, "cus_2")) == (OTHER_ID, TENANT_ID)


def test_the_customer_that_a_worker_makes_is_claimed_too(billing: Billing) -> None:
    tenant = billing.set_tenant(_tenant(), occurred_at=START)
    linked = billing.link_customer(tenant, "main", "cus_9", occurred_at=NOW)
    assert linked.customers == {"main": "cus_9"}
    assert _owner(billing, "cus_9") == TENANT_ID
    again = billing.link_customer(tenant, "main", "cus_late", occurred_at=NOW)
    assert again.customers == {"main": "cus_9"}
    assert _owner(billing, "cus_late") is None


def test_of_two_who_claim_at_once_one_is_refused(
    contended: tuple[Billing, ContendedRecorder],
) -> None:
    billing, recorder = contended
    recorder.others = [lambda: billing.set_tenant(_tenant(OTHER_ID, main="cus_1"), occurred_at=NOW)]
    with pytest.raises(CustomerTaken):
        billing.set_tenant(_tenant(main="cus_1"), occurred_at=NOW)
    assert _owner(billing, "cus_1") == OTHER_ID


def test_a_new_tenant_that_others_keep_overtaking_is_a_stale_write(
    contended: tuple[Billing, ContendedRecorder],
) -> None:
    billing, recorder = contended

    def come_and_go(customer: Any = "cus_1") -> None:
        billing.set_tenant(_tenant(OTHER_ID, main=customer), occurred_at=NOW)
        billing.set_tenant(_tenant(OTHER_ID, main="cus_elsewhere"), occurred_at=NOW)

    recorder.others = [come_and_go] * 8
    with pytest.raises(StaleWrite):
        billing.set_tenant(_tenant(main="cus_1"), occurred_at=NOW)
