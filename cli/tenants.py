"""`billhook tenants erase`: delete a tenant's personal data, and keep what was billed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import typer

from cli.common import BY, Operator, database_url, fail, now, operating
from cli.known_apps import AppName, app_named
from domain.core import ids
from domain.tenants.commands import SetTenant
from domain.tenants.customer_claim import CustomerClaim
from domain.tenants.events import ProviderCustomerLinked, TenantChanged, TenantCreated
from domain.tenants.tenant import Tenant
from eventlog.errors import EventsDetached
from projections.tenants.erasure import TenantBodies
from projections.work.sessions import WorkUnavailable

tenants = typer.Typer(no_args_is_help=True, help="Erase tenants' personal data.")

# Projections that tell what a tenant has.
_READ_FROM: Final = frozenset({"invoices", "subscriptions", "deliveries", "emails", "tenants"})
_GENERATION: Final = re.compile(r"_g\d+$")
_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class _Erased:
    """Numbers of what was deleted. `waiting`: webhooks that are not applied yet, and stay.

    `customers`: the tenant's, as pairs of connection and provider's id.
    """

    objects: int
    payloads: int
    waiting: int
    customers: set[tuple[str, str]]


@tenants.callback()
def _group() -> None:
    """Keep `erase` a command of its own name, also while it is the only one."""


@tenants.command("erase")
def erase(
    app: AppName,
    tenant: Annotated[UUID, typer.Argument(metavar="TENANT", help="The tenant's UUID.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a tenant's name, e-mail, country, VAT id, provider objects and webhook payloads.

    Invoices stay with their amounts, times, ids, lines, descriptions and metadata; so do the
    customers at the providers. May be repeated, for webhooks that came later.
    """
    with operating() as operator, _tenant_bodies() as bodies:
        app_id = app_named(operator, app)
        known = operator.billing.find(Tenant, ids.for_tenant(app_id, tenant))
        if known is None:
            fail(f"the app has no tenant {tenant}")
        if not yes:
            typer.confirm(f"Delete what is stored of the person of tenant {tenant}?", abort=True)
        command = SetTenant(
            app_id=app_id, tenant_id=tenant, contact_body=None, customers={}, actor=BY
        )
        operator.billing.set_tenant(command, occurred_at=now())
        _await_read_model(operator)
        erased = _erase(operator, bodies, known)
    typer.echo(f"erased {erased.objects} stored objects and {erased.payloads} webhook payloads")
    if erased.waiting:
        typer.echo(f"{erased.waiting} webhooks are not applied yet: repeat this when they are")
    for connection, customer in sorted(erased.customers):
        typer.echo(f"{connection}: delete the customer {customer} at the provider, too")


@contextmanager
def _tenant_bodies() -> Iterator[TenantBodies]:
    bodies = TenantBodies(database_url())
    bodies.open()
    try:
        yield bodies
    except WorkUnavailable as error:
        fail(f"{error}; repeat the command, it goes on with what is left")
    finally:
        bodies.close()


def _await_read_model(operator: Operator) -> None:
    """Wait until the read model has what the log has now; ends the command if it stays behind."""
    head, deadline_s = operator.log.head(), time.monotonic() + _PATIENCE_S
    while True:
        behind = sorted(
            state.name
            for state in operator.log.follower_states()
            if _GENERATION.sub("", state.name) in _READ_FROM and state.position < head
        )
        if not behind:
            return
        if time.monotonic() > deadline_s:
            fail(
                f"{', '.join(behind)} did not catch up with the log: name and e-mail are removed, "
                "nothing else is deleted; see billhook doctor, and repeat the command"
            )
        time.sleep(_POLL_S)


def _erase(operator: Operator, bodies: TenantBodies, tenant: Tenant) -> _Erased:
    app_id, tenant_id = tenant.app_id, tenant.tenant_id
    found = bodies.objects(app_id, tenant_id)
    customers = _customers_of(operator, tenant)
    unowned = [sha256 for one in found for sha256 in _bodies_of(operator, one.id)]
    deliveries = list(
        bodies.deliveries(
            app_id,
            streams=[one.id for one in found],
            objects=[one.object for one in found if one.object],
            customers=[customer for _, customer in customers],
        )
    )
    return _Erased(
        objects=bodies.delete_owned(tenant.id) + bodies.delete_unowned(unowned),
        payloads=bodies.delete_unowned([one.body for one in deliveries if not one.is_waiting]),
        waiting=sum(one.is_waiting for one in deliveries),
        customers=customers,
    )


def _customers_of(operator: Operator, tenant: Tenant) -> set[tuple[str, str]]:
    """Return the customers that the tenant has or had, without those of another tenant now."""
    named = set(tenant.customers.items())
    for event in operator.stream(tenant.id):
        match event:
            case TenantCreated() | TenantChanged():
                named.update(event.customers.items())
            case ProviderCustomerLinked():
                named.add((event.connection, event.customer_id))
    return {one for one in named if _owner(operator, tenant, *one) in (None, tenant.tenant_id)}


def _owner(operator: Operator, tenant: Tenant, connection: str, customer: str) -> UUID | None:
    claim = operator.billing.find(
        CustomerClaim, ids.for_customer(tenant.app_id, connection, customer)
    )
    return None if claim is None else claim.tenant_id


def _bodies_of(operator: Operator, stream: UUID) -> list[str]:
    """Return the hashes of bodies that a stream's events name; events that are detached have none.

    Those are older than any body is kept.
    """
    try:
        named = [getattr(event, "body", None) for event in operator.stream(stream)]
    except EventsDetached:
        return []
    return [sha256 for sha256 in named if sha256]
