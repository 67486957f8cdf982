import asyncio
from collections.abc import Sequence
from uuid import UUID

import orjson
from pydantic import Field, field_validator
from starlette.requests import Request
from starlette.responses import Response

from domain.core import ids
from domain.core.errors import CustomerTaken
from domain.tenants.commands import SetTenant
from domain.tenants.tenant import Tenant
from eventlog.bodies import Body
from service.auth.access_cache import AccessCache
from service.auth.authenticate import authenticate
from service.http.envelope import Json
from service.http.errors import BadRequest, FieldError, NotFound
from service.http.requests import path_uuid, read_json
from service.http.response_model import one_item
from service.http.responses import POSITION, document
from service.http.validation import (
    COUNTRY,
    Email,
    Name,
    RequestModel,
    Token,
    invalid,
    validate,
)
from service.tenants import response_schemas as schemas
from service.tenants.context import TenantsContext, context_of


class ProviderCustomer(RequestModel):
    """A provider's customer of the tenant, by the connection's name; null unlinks it."""

    connection: Name
    customer_id: Token | None


class TenantBody(RequestModel):
    """Body of a tenant; omitted fields are removed.

    Customers at providers stay unless `providerCustomers` names them; an empty list unlinks all.
    """

    name: Name | None = None
    email: Email | None = None
    country: str | None = Field(None, pattern=COUNTRY)
    vat_id: Name | None = None
    provider_customers: list[ProviderCustomer] = Field(default_factory=list, max_length=50)

    @field_validator("provider_customers")
    @classmethod
    def _one_each(cls, customers: list[ProviderCustomer]) -> list[ProviderCustomer]:
        if len({customer.connection for customer in customers}) < len(customers):
            raise invalid("has a duplicate connection")
        return customers

    def customers(self) -> dict[str, str]:
        """Return the customers to link, by the connection's name."""
        named = {one.connection: one.customer_id for one in self.provider_customers}
        return {name: customer for name, customer in named.items() if customer is not None}

    def unlinked(self) -> frozenset[str]:
        """Return the names of the connections whose customers are unlinked."""
        customers = self.provider_customers
        return frozenset(one.connection for one in customers if one.customer_id is None)

    def unlinks_all(self) -> bool:
        """Check whether the body has an empty list of customers, and not none."""
        return "provider_customers" in self.model_fields_set and not self.provider_customers

    def contact_body(self) -> bytes:
        """Return the personal data, as JSON to store; it can be erased."""
        known = {
            "name": self.name,
            "email": self.email,
            "country": self.country,
            "vatId": self.vat_id,
        }
        return orjson.dumps(known, option=orjson.OPT_SORT_KEYS)


async def put_tenant(request: Request) -> Response:
    """Create a tenant, or replace its data."""
    context = context_of(request)
    caller = await authenticate(request)
    app_id, tenant_id = caller.app.app_id, path_uuid(request, "tenantUuid")
    given = await read_json(request, context.settings)
    body = validate(TenantBody, given)
    await _require_connections(context.auth.access, app_id, body.provider_customers)
    contact_body = Body.of(body.contact_body(), ids.for_tenant(app_id, tenant_id))
    command = SetTenant(
        app_id=app_id,
        tenant_id=tenant_id,
        contact_body=contact_body.sha256.hex(),
        customers=body.customers(),
        unlinked=body.unlinked(),
        unlinks_all=body.unlinks_all(),
        actor=caller.actor,
    )
    try:
        await asyncio.to_thread(
            context.recording.billing.set_tenant,
            command,
            occurred_at=context.now(),
            bodies=[contact_body],
        )
    except CustomerTaken as error:
        raise BadRequest(_taken(body, error)) from None
    return await _shown(context, app_id, tenant_id)


async def get_tenant(request: Request) -> Response:
    """Return a tenant."""
    caller = await authenticate(request, tokens=True)
    return await _shown(context_of(request), caller.app.app_id, path_uuid(request, "tenantUuid"))


async def _require_connections(
    access: AccessCache, app_id: UUID, customers: Sequence[ProviderCustomer]
) -> None:
    faults = []
    for index, customer in enumerate(customers):
        if await access.connection_named(app_id, customer.connection) is None:
            path = f"providerCustomers.{index}.connection"
            faults.append(FieldError(message=f"{path}: the app has no such connection", path=path))
    if faults:
        raise BadRequest(*faults)


def _taken(body: TenantBody, error: CustomerTaken) -> FieldError:
    """Return the error of a customer that belongs to another tenant."""
    named = [customer.connection for customer in body.provider_customers]
    path = f"providerCustomers.{named.index(str(error.facts['connection']))}.customerId"
    return FieldError(message=f"{path}: is another tenant's customer", path=path)


async def _shown(context: TenantsContext, app_id: UUID, tenant_id: UUID) -> Response:
    found = await context.recording.streams.tenant(app_id, tenant_id)
    if found is None:
        raise NotFound
    tenant, position = found
    contact_body = await context.recording.streams.json_body(tenant.contact_body)
    item = _item(tenant, contact_body or {}, position=position)
    return document(one_item(schemas.Tenants, kind="tenants", item=item), {POSITION: str(position)})


def _item(tenant: Tenant, contact_body: Json, *, position: int) -> schemas.Tenant:
    return schemas.Tenant(
        tenant_uuid=tenant.tenant_id,
        name=contact_body.get("name"),
        email=contact_body.get("email"),
        country=contact_body.get("country"),
        vat_id=contact_body.get("vatId"),
        provider_customers=[
            schemas.TenantCustomer(
                connection=connection,
                customer_id=customer_id,
                deleted_at=tenant.deleted_at.get(connection),
            )
            for connection, customer_id in sorted(tenant.customers.items())
        ],
        created_at=tenant.created_on,
        updated_at=tenant.modified_on,
        position=position,
    )
