"""Test that a tenant's changed name and e-mail reach its customer at the provider, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
import pytest

from domain.apps.app import App
from domain.apps.commands import ChangeApp, CreateApp
from domain.core import ids
from domain.tenants.commands import SetTenant
from domain.tenants.events import (
    ProviderCustomerDeleted,
    ProviderCustomerUpdated,
    ProviderCustomerUpdateRefused,
    TenantEvent,
)
from domain.tenants.tenant import Tenant
from eventlog.bodies import Body
from eventlog.codec import Codec
from tests.workers.crash_points import Died
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench
from workers.tenants.update_customers import UpdateCustomersDeps, update_customers

AnyBench = Bench | MollieBench
ADA: Final = {"name": "Ada", "email": "ada@example.com"}
EVE: Final = {"name": "Eve", "email": "eve@example.com"}


def put_tenant(
    bench: AnyBench, tenant_id: UUID, customer: str | None = None, **contact: str | None
) -> UUID:
    """Create or replace a tenant as its endpoint does; return its stream."""
    stream = ids.for_tenant(bench.app_id, tenant_id)
    body = Body.of(orjson.dumps(contact), stream)
    command = SetTenant(
        app_id=bench.app_id,
        tenant_id=tenant_id,
        contact_body=body.sha256.hex(),
        customers={} if customer is None else {bench.connection: customer},
        actor="key:test",
    )
    bench.billing.set_tenant(command, occurred_at=bench.clock(), bodies=[body])
    return stream


def add_app(bench: AnyBench) -> None:
    if bench.billing.find(App, bench.app_id) is None:
        command = CreateApp(app_id=bench.app_id, name="Shop", slug="shop", actor="operator")
        bench.billing.save(App.create(command, occurred_at=bench.clock()))


def changed_contact(bench: AnyBench, after: dict[str, str] = EVE) -> UUID:
    """Return a tenant whose linked customer has an earlier name and e-mail."""
    add_app(bench)
    is_stripe = isinstance(bench, Bench)
    customer = bench.account.add_customer() if is_stripe else str(bench.account.customer().id)
    tenant_id = uuid4()
    put_tenant(bench, tenant_id, customer, **ADA)
    return put_tenant(bench, tenant_id, **after)


def run(bench: AnyBench, stream: UUID, gateway: Any = None) -> Tenant:
    """Run the job."""
    deps = UpdateCustomersDeps(
        billing=bench.billing,
        bodies=bench.log,
        gateway_of=lambda _app, _connection: gateway or bench.gateway,
        now=bench.clock,
    )
    update_customers(stream, deps)
    return bench.billing.get(Tenant, stream)


def of_kind(bench: AnyBench, stream: UUID, kind: type[TenantEvent]) -> list[Any]:
    events = [Codec().decode(entry) for entry in bench.log.stream(stream)]
    return [event for event in events if isinstance(event, kind)]


def at_stripe(bench: Bench, tenant: Tenant) -> tuple[str | None, str | None]:
    found = bench.account.v1.customers.retrieve(tenant.customers[bench.connection])
    return found.name, found.email


def updates_sent(bench: Bench, tenant: Tenant) -> list[str]:
    """Return the idempotency keys of our calls that updated the customer."""
    path = f"/v1/customers/{tenant.customers[bench.connection]}"
    found = bench.account.admin.requests(method="POST", path=path)
    keys = [one["idempotency_key"] for one in found]
    return [key for key in keys if key.startswith("billhook:")]


class DyingGateway:
    """A gateway whose update dies before or after the provider carried it out."""

    def __init__(self, gateway: Any, *, before: bool) -> None:
        self._gateway, self._before = gateway, before

    def update_customer(self, *args: Any, **named: Any) -> None:
        if not self._before:
            self._gateway.update_customer(*args, **named)
        raise Died


def test_a_changed_name_and_email_are_set_once_and_removed_ones_are_cleared(bench: Bench) -> None:
    stream = changed_contact(bench)
    for _ in range(2):
        tenant = run(bench, stream)
    assert at_stripe(bench, tenant) == ("Eve", "eve@example.com")
    assert len(of_kind(bench, stream, ProviderCustomerUpdated)) == 1
    assert len(updates_sent(bench, tenant)) == 1

    put_tenant(bench, tenant.tenant_id, name="Eve", email=None)
    assert at_stripe(bench, run(bench, stream)) == ("Eve", None)
    put_tenant(bench, tenant.tenant_id, **EVE)
    assert at_stripe(bench, run(bench, stream)) == ("Eve", "eve@example.com")
    assert len(set(updates_sent(bench, tenant))) == 3


def test_an_update_survives_a_crash_at_any_point_under_one_key(bench: Bench) -> None:
    for before in (True, False):
        for gap in (timedelta(0), timedelta(hours=25)):
            stream = changed_contact(bench)
            with pytest.raises(Died):
                run(bench, stream, DyingGateway(bench.gateway, before=before))
            bench.clock.added += gap
            bench.account.admin.set_clock(advance_s=gap.total_seconds())
            tenant = run(bench, stream)
            assert at_stripe(bench, tenant) == ("Eve", "eve@example.com"), (before, gap)
            assert len(set(updates_sent(bench, tenant))) == 1
            assert len(of_kind(bench, stream, ProviderCustomerUpdated)) == 1
            assert (tenant.updates, tenant.outdated_customers()) == ({}, [])


def test_an_app_can_turn_updates_off(bench: Bench) -> None:
    stream = changed_contact(bench)
    command = ChangeApp(app_id=bench.app_id, settings={"update_customers": False}, actor="admin")
    bench.billing.change(
        App, bench.app_id, lambda app: app.change(command, occurred_at=bench.clock())
    )
    assert updates_sent(bench, run(bench, stream)) == []


def test_a_customer_that_the_app_names_keeps_what_it_has_until_a_change(bench: Bench) -> None:
    add_app(bench)
    stream = put_tenant(bench, uuid4(), bench.account.add_customer(), **EVE)
    assert updates_sent(bench, run(bench, stream)) == []


def test_a_refused_email_is_recorded_and_the_next_change_is_sent(bench: Bench) -> None:
    stream = changed_contact(bench, {"name": "Eve", "email": "eve@example..com"})
    tenant = run(bench, stream)
    (refused,) = of_kind(bench, stream, ProviderCustomerUpdateRefused)
    assert refused.code == "email_invalid"
    assert (tenant.updates, tenant.outdated_customers()) == ({}, [])
    put_tenant(bench, tenant.tenant_id, **EVE)
    assert at_stripe(bench, run(bench, stream)) == ("Eve", "eve@example.com")


def test_a_deleted_customer_is_shown_and_updated_no_more(bench: Bench) -> None:
    stream = changed_contact(bench)
    tenant = bench.billing.get(Tenant, stream)
    customer = tenant.customers[bench.connection]
    bench.account.v1.customers.delete(customer)
    (deletion,) = bench.events("customer.deleted")
    received = bench.receive(deletion)
    bench.apply(received)
    for _ in range(2):
        bench.fetch(received)
    (deleted,) = of_kind(bench, stream, ProviderCustomerDeleted)
    assert (deleted.customer_id, deleted.actor) == (customer, f"webhook:{deletion['id']}")
    tenant = run(bench, stream)
    assert (updates_sent(bench, tenant), list(tenant.deleted_at)) == ([], [bench.connection])


def test_a_customer_that_an_update_finds_deleted_is_shown_as_deleted(mollie: MollieBench) -> None:
    add_app(mollie)
    tenant_id, client = uuid4(), mollie.account.client
    customer = client.customers.create(ADA).id
    stream = put_tenant(mollie, tenant_id, customer, **ADA)
    put_tenant(mollie, tenant_id, **EVE)
    run(mollie, stream)
    known = client.customers.get(customer)
    assert (known.name, known.email) == ("Eve", "eve@example.com")
    client.customers.delete(customer)
    put_tenant(mollie, tenant_id, **ADA)
    assert list(run(mollie, stream).deleted_at) == [mollie.connection]
    assert len(of_kind(mollie, stream, ProviderCustomerDeleted)) == 1
