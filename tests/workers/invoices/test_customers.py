"""The tenant's customer at the provider: made on first use, once."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest

from domain.core import ids
from domain.tenants.commands import SetTenant
from domain.tenants.tenant import Tenant
from eventlog.bodies import Body
from tests.workers.stripe_harness import Bench


def add_contact(bench: Bench, **contact_body: str) -> UUID:
    """A tenant that no provider knows yet."""
    tenant_id = uuid4()
    body = Body.of(orjson.dumps(contact_body), tenant_id)
    command = SetTenant(
        app_id=bench.app_id,
        tenant_id=tenant_id,
        contact_body=body.sha256.hex(),
        customers={},
        actor="key:test",
    )
    bench.billing.set_tenant(command, occurred_at=bench.clock(), bodies=[body])
    return tenant_id


def test_a_tenant_becomes_a_customer_once_with_name_email_and_country(bench: Bench) -> None:
    contact_body = {
        "name": "Ada",
        "email": "ada@example.com",
        "country": "GB",
        "vatId": "GB123456789",
    }
    tenant_id = add_contact(bench, **contact_body)

    for _ in range(2):
        bench.charge(bench.request(tenant_id))

    tenant = bench.billing.get(Tenant, ids.for_tenant(bench.app_id, tenant_id))
    customer = bench.account.v1.customers.retrieve(tenant.customers[bench.connection])
    assert (customer.name, customer.email) == ("Ada", "ada@example.com")
    assert customer.address is not None
    assert customer.address.country == "GB"
    assert customer.metadata is not None
    assert customer.metadata["billhook_tenant"] == str(tenant_id)
    assert len(bench.account.v1.customers.list().data) == 1


def test_after_a_customer_was_deleted_and_unlinked_the_next_invoice_makes_one_once(
    bench: Bench,
) -> None:
    tenant_id = add_contact(bench, name="Ada")
    deleted = bench.charge(bench.request(tenant_id)).view.customer or ""
    bench.account.v1.customers.delete(deleted)
    refused = bench.charge(bench.request(tenant_id)).view
    assert (refused.status, refused.failure and refused.failure.code) == (
        "rejected",
        "customer_deleted",
    )

    unlink = SetTenant(
        app_id=bench.app_id,
        tenant_id=tenant_id,
        contact_body=None,
        customers={},
        unlinks_all=True,
        actor="key:test",
    )
    bench.billing.set_tenant(unlink, occurred_at=bench.clock())
    assert bench.billing.tenant_of_customer(bench.app_id, bench.connection, deleted) is None
    made = {bench.charge(bench.request(tenant_id)).view.customer for _ in range(2)}

    assert len(made) == 1
    assert made != {deleted}
    assert len(bench.account.v1.customers.list().data) == 1


def test_a_customer_that_was_made_is_claimed_for_its_tenant(bench: Bench) -> None:
    tenant_id = add_contact(bench, name="Ada")

    invoice = bench.charge(bench.request(tenant_id))

    customer = invoice.view.customer
    assert customer is not None
    owner = bench.billing.tenant_of_customer(bench.app_id, bench.connection, customer)
    assert owner == tenant_id


def test_a_customer_whose_contact_data_are_erased_before_its_link_is_made_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = add_contact(bench, name="Ada")
    invoice_id = bench.request(tenant_id)
    create = bench.gateway.create_customer

    def create_and_die(*args: Any, **named: Any) -> None:
        create(*args, **named)
        raise ProcessLookupError

    with monkeypatch.context() as patch:
        patch.setattr(bench.gateway, "create_customer", create_and_die)
        with pytest.raises(ProcessLookupError):
            bench.charge(invoice_id)
    with psycopg.connect(bench.log.dsn) as connection:
        connection.execute("DELETE FROM eventlog.bodies WHERE tenant = %s", [tenant_id])

    after = bench.charge(invoice_id).view

    (customer,) = bench.account.v1.customers.list().data
    assert after.customer == customer.id
