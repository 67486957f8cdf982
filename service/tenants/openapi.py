from http import HTTPStatus as S
from typing import Final

from service.apps import openapi as apps_openapi
from service.openapi import common as openapi_common
from service.openapi.common import ALWAYS_POSITION
from service.openapi.declare import JSON, Body, Content, Operation, json_body, json_response
from service.openapi.error_responses import READ_ERRORS, WRITE_ERRORS, error_responses
from service.tenants import openapi_examples as examples
from service.tenants.access_token_endpoints import TokenBody
from service.tenants.endpoints import TenantBody
from service.tenants.response_schemas import AccessTokens, Tenants

TAG: Final = "Tenants"
_TENANT: Final = "/api/v1/apps/{appUuid}/tenants/{tenantUuid}"
_TOKENS: Final = _TENANT + "/access-tokens"
_KNOWN: Final = json_response(
    "The tenant.",
    Tenants,
    headers=(ALWAYS_POSITION,),
    a_tenant=examples.TENANTS,
)

OPERATIONS: Final = (
    Operation(
        method="PUT",
        path=_TENANT,
        id="putTenant",
        tag=TAG,
        summary="Create or replace a tenant",
        description="Omitted fields are removed, but customers at providers stay until they "
        "are replaced. A `customerId` of null unlinks that connection's customer, "
        "an empty list unlinks all: the next invoice then creates a new customer.",
        security=openapi_common.OF_APP,
        body=json_body(TenantBody, a_company=examples.TENANT_BODY, nothing_known={}),
        responses={S.OK: _KNOWN, **error_responses(_TENANT, *WRITE_ERRORS)},
    ),
    Operation(
        method="GET",
        path=_TENANT,
        id="getTenant",
        tag=TAG,
        summary="Retrieve a tenant",
        security=openapi_common.OF_TENANT,
        responses={S.OK: _KNOWN, **error_responses(_TENANT, *READ_ERRORS)},
    ),
    Operation(
        method="POST",
        path=_TOKENS,
        id="createAccessToken",
        tag=apps_openapi.TAG,
        summary="Create an access token for a tenant",
        description="For browsers. Tokens are not stored: each call signs a new one, and an "
        "Idempotency-Key is ignored.",
        security=openapi_common.OF_APP,
        body=Body(
            content={
                JSON: Content(
                    model=TokenBody,
                    examples={"for_a_user": examples.TOKEN_BODY, "for_an_hour": {}},
                )
            },
            required=False,
        ),
        responses={
            S.OK: json_response("The token.", AccessTokens, signed=examples.TOKENS),
            **error_responses(_TOKENS, *WRITE_ERRORS, "read_model_behind"),
        },
    ),
)
