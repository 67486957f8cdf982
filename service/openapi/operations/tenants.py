from http import HTTPStatus as S
from typing import Final

from service.endpoints.tenants import TenantBody
from service.openapi import examples, security
from service.openapi.declaring import Operation, json_answer, json_body
from service.openapi.headers import ALWAYS_POSITION
from service.openapi.refusals import CALLING, WRITING, refused
from service.openapi.shapes_app import Tenants

TAG: Final = "Tenants"
_TENANT: Final = "/api/v1/apps/{appUuid}/tenants/{tenantUuid}"
_KNOWN: Final = json_answer(
    "What is known of the tenant.", Tenants, headers=(ALWAYS_POSITION,), a_tenant=examples.TENANTS
)

OPERATIONS: Final = (
    Operation(
        method="PUT",
        path=_TENANT,
        id="putTenant",
        tag=TAG,
        summary="Make a tenant, or replace what is known of it",
        description="What is left out is not known any more; customers at providers stay until "
        "others are named.",
        security=security.OF_APP,
        body=json_body(TenantBody, a_company=examples.TENANT_BODY, nothing_known={}),
        answers={S.OK: _KNOWN, **refused(_TENANT, *WRITING)},
    ),
    Operation(
        method="GET",
        path=_TENANT,
        id="getTenant",
        tag=TAG,
        summary="Show what is known of a tenant",
        security=security.OF_TENANT,
        answers={S.OK: _KNOWN, **refused(_TENANT, *CALLING)},
    ),
)
