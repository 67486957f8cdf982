from http import HTTPStatus as S
from typing import Final

from service.apps.openapi_schemas import Tenants
from service.invoices import openapi_examples as invoices_openapi_examples
from service.openapi import common as openapi_common
from service.openapi.common import ALWAYS_POSITION
from service.openapi.declare import Operation, json_answer, json_body
from service.openapi.error_responses import CALLING, WRITING, refused
from service.tenants.endpoints import TenantBody

TAG: Final = "Tenants"
_TENANT: Final = "/api/v1/apps/{appUuid}/tenants/{tenantUuid}"
_KNOWN: Final = json_answer(
    "What is known of the tenant.",
    Tenants,
    headers=(ALWAYS_POSITION,),
    a_tenant=invoices_openapi_examples.TENANTS,
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
        security=openapi_common.OF_APP,
        body=json_body(
            TenantBody, a_company=invoices_openapi_examples.TENANT_BODY, nothing_known={}
        ),
        answers={S.OK: _KNOWN, **refused(_TENANT, *WRITING)},
    ),
    Operation(
        method="GET",
        path=_TENANT,
        id="getTenant",
        tag=TAG,
        summary="Show what is known of a tenant",
        security=openapi_common.OF_TENANT,
        answers={S.OK: _KNOWN, **refused(_TENANT, *CALLING)},
    ),
)
