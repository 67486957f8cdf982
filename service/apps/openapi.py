"""OpenAPI operations of the app, its keys and connections."""

from http import HTTPStatus as S
from typing import Final

from service.apps import openapi_examples as examples
from service.apps import response_schemas as schemas
from service.apps.api_key_endpoints import NewKeyBody, RotationBody
from service.apps.app_endpoints import AppChanges
from service.apps.connection_endpoints import ConnectionBody
from service.openapi import common as openapi_common
from service.openapi.common import ALWAYS_POSITION, IDEMPOTENCY_KEY, REPLAYED
from service.openapi.declare import JSON, Body, Content, Operation, json_body, json_response
from service.openapi.error_responses import KEYED_ERRORS, READ_ERRORS, WRITE_ERRORS, error_responses

TAG: Final = "The app, its keys and connections"
_APP: Final = "/api/v1/apps/{appUuid}"
_KEYS: Final = _APP + "/api-keys"
_KEY: Final = _APP + "/api-keys/{keyUuid}"
_CONNECTIONS: Final = _APP + "/payment-connections"
_CONNECTION: Final = _APP + "/payment-connections/{name}"
_CONNECTION_TEST: Final = _CONNECTION + "/test"
_ADMIN: Final = (openapi_common.ADMIN_KEY,)
_LAGGING: Final = "read_model_behind"

_SHOWN_APP: Final = json_response(
    "The app.", schemas.Apps, headers=(ALWAYS_POSITION,), an_app=examples.APPS
)
_NEW_KEY: Final = json_response(
    "The new key; its text is returned only once.",
    schemas.NewApiKeys,
    headers=(ALWAYS_POSITION, REPLAYED),
    new=examples.NEW_KEY,
    replayed=examples.REPLAYED_KEY,
)
_CHANGED_CONNECTION: Final = json_response(
    "The connection, without its secrets.",
    schemas.OneConnection,
    headers=(ALWAYS_POSITION,),
    stripe=examples.CONNECTIONS,
)

_OF_APP: Final = (
    Operation(
        method="GET",
        path=_APP,
        id="getApp",
        tag=TAG,
        summary="Retrieve the app",
        security=_ADMIN,
        responses={S.OK: _SHOWN_APP, **error_responses(_APP, *READ_ERRORS)},
    ),
    Operation(
        method="PATCH",
        path=_APP,
        id="updateApp",
        tag=TAG,
        summary="Update the app",
        description="Omitted fields keep their values. A disabled app can be enabled again "
        "with this call.",
        security=_ADMIN,
        body=json_body(AppChanges, some=examples.APP_CHANGES),
        responses={S.OK: _SHOWN_APP, **error_responses(_APP, *WRITE_ERRORS, _LAGGING)},
    ),
)

_OF_KEYS: Final = (
    Operation(
        method="POST",
        path=_KEYS,
        id="createApiKey",
        tag=TAG,
        summary="Create an API key",
        security=_ADMIN,
        headers=(IDEMPOTENCY_KEY,),
        body=json_body(NewKeyBody, for_writing=examples.KEY_BODY),
        responses={S.OK: _NEW_KEY, **error_responses(_KEYS, *KEYED_ERRORS, _LAGGING)},
    ),
    Operation(
        method="GET",
        path=_KEYS,
        id="listApiKeys",
        tag=TAG,
        summary="List the app's API keys",
        security=_ADMIN,
        responses={
            S.OK: json_response("All API keys.", schemas.ApiKeys, one=examples.KEYS),
            **error_responses(_KEYS, *READ_ERRORS),
        },
    ),
    Operation(
        method="DELETE",
        path=_KEY,
        id="revokeApiKey",
        tag=TAG,
        summary="Revoke an API key",
        security=_ADMIN,
        responses={
            S.OK: json_response(
                "The revoked key.",
                schemas.OneApiKey,
                headers=(ALWAYS_POSITION,),
                revoked=examples.ONE_KEY,
            ),
            **error_responses(_KEY, *READ_ERRORS, _LAGGING),
        },
    ),
    Operation(
        method="POST",
        path=_KEY + "/rotate",
        id="rotateApiKey",
        tag=TAG,
        summary="Rotate an API key; the old one expires after an overlap",
        security=_ADMIN,
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            content={
                JSON: Content(
                    model=RotationBody,
                    examples={"an_hour": {"overlapSeconds": 3600}, "a_day": {}},
                )
            },
            required=False,
        ),
        responses={S.OK: _NEW_KEY, **error_responses(_KEY, *KEYED_ERRORS, _LAGGING)},
    ),
)

_OF_CONNECTIONS: Final = (
    Operation(
        method="GET",
        path=_CONNECTIONS,
        id="listConnections",
        tag=TAG,
        summary="List the app's payment connections",
        security=_ADMIN,
        responses={
            S.OK: json_response("All API keys.", schemas.Connections, one=examples.CONNECTIONS),
            **error_responses(_CONNECTIONS, *READ_ERRORS),
        },
    ),
    Operation(
        method="PUT",
        path=_CONNECTION,
        id="putConnection",
        tag=TAG,
        summary="Create a payment connection or replace its credentials",
        description="Secrets are encrypted and never returned. Omitted fields keep their values; "
        "`redirectUrl: null` removes it. The mode is derived from the provider's key.",
        security=_ADMIN,
        body=json_body(ConnectionBody, stripe=examples.CONNECTION_BODY),
        responses={
            S.OK: _CHANGED_CONNECTION,
            **error_responses(_CONNECTION, *WRITE_ERRORS, _LAGGING),
        },
    ),
    Operation(
        method="GET",
        path=_CONNECTION,
        id="getConnection",
        tag=TAG,
        summary="Retrieve a payment connection",
        security=_ADMIN,
        responses={
            S.OK: json_response(
                "The connection.", schemas.OneConnection, stripe=examples.CONNECTIONS
            ),
            **error_responses(_CONNECTION, *READ_ERRORS),
        },
    ),
    Operation(
        method="DELETE",
        path=_CONNECTION,
        id="deleteConnection",
        tag=TAG,
        summary="Delete a payment connection",
        description="Requests that already use it are carried out.",
        security=_ADMIN,
        responses={
            S.OK: _CHANGED_CONNECTION,
            **error_responses(_CONNECTION, *READ_ERRORS, _LAGGING),
        },
    ),
    Operation(
        method="POST",
        path=_CONNECTION_TEST,
        id="testConnection",
        tag=TAG,
        summary="Test a payment connection",
        description="A worker sends one read with the connection's key to the provider. The "
        "response says whether the provider accepted the key, and if not, why.",
        security=_ADMIN,
        responses={
            S.OK: json_response(
                "The result.",
                schemas.ConnectionTests,
                accepted=examples.ACCEPTED_TEST,
                refused=examples.REFUSED_TEST,
            ),
            **error_responses(_CONNECTION_TEST, *READ_ERRORS),
        },
    ),
)

OPERATIONS: Final = (*_OF_APP, *_OF_KEYS, *_OF_CONNECTIONS)
