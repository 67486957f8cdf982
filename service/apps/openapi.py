"""The app, and who may call it."""

from http import HTTPStatus as S
from typing import Final

from service.apps import openapi_examples as examples
from service.apps import openapi_schemas as apps_openapi_schemas
from service.apps.api_key_endpoints import NewKeyBody, RotationBody
from service.apps.app_endpoints import AppChanges
from service.apps.connection_endpoints import ConnectionBody
from service.openapi import common as openapi_common
from service.openapi.common import ALWAYS_POSITION, IDEMPOTENCY_KEY, REPLAYED
from service.openapi.declare import JSON, Body, Content, Operation, json_answer, json_body
from service.openapi.error_responses import CALLING, WRITING, error_answers

TAG: Final = "The app, its keys and connections"
_APP: Final = "/api/v1/apps/{appUuid}"
_KEYS: Final = _APP + "/api-keys"
_KEY: Final = _APP + "/api-keys/{keyUuid}"
_CONNECTIONS: Final = _APP + "/payment-connections"
_CONNECTION: Final = _APP + "/payment-connections/{name}"
_ADMIN: Final = (openapi_common.ADMIN_KEY,)
_LAGGING: Final = "read_model_behind"

_SHOWN_APP: Final = json_answer(
    "The app.", apps_openapi_schemas.Apps, headers=(ALWAYS_POSITION,), an_app=examples.APPS
)
_NEW_KEY: Final = json_answer(
    "The new key, shown this once.",
    apps_openapi_schemas.NewApiKeys,
    headers=(ALWAYS_POSITION, REPLAYED),
    new=examples.NEW_KEY,
    replayed=examples.REPLAYED_KEY,
)
_CHANGED_CONNECTION: Final = json_answer(
    "The connection, without its secrets.",
    apps_openapi_schemas.OneConnection,
    headers=(ALWAYS_POSITION,),
    stripe=examples.CONNECTIONS,
)

_OF_APP: Final = (
    Operation(
        method="GET",
        path=_APP,
        id="getApp",
        tag=TAG,
        summary="Show the app",
        security=_ADMIN,
        answers={S.OK: _SHOWN_APP, **error_answers(_APP, *CALLING)},
    ),
    Operation(
        method="PATCH",
        path=_APP,
        id="patchApp",
        tag=TAG,
        summary="Change the app",
        description="What is left out stays. A disabled app can still be enabled by this.",
        security=_ADMIN,
        body=json_body(AppChanges, some=examples.APP_CHANGES),
        answers={S.OK: _SHOWN_APP, **error_answers(_APP, *WRITING, _LAGGING)},
    ),
)

_OF_KEYS: Final = (
    Operation(
        method="POST",
        path=_KEYS,
        id="createKey",
        tag=TAG,
        summary="Make a key",
        security=_ADMIN,
        headers=(IDEMPOTENCY_KEY,),
        body=json_body(NewKeyBody, for_writing=examples.KEY_BODY),
        answers={S.OK: _NEW_KEY, **error_answers(_KEYS, *WRITING, "key_reused", _LAGGING)},
    ),
    Operation(
        method="GET",
        path=_KEYS,
        id="listKeys",
        tag=TAG,
        summary="List the app's keys",
        security=_ADMIN,
        answers={
            S.OK: json_answer("All of them.", apps_openapi_schemas.ApiKeys, one=examples.KEYS),
            **error_answers(_KEYS, *CALLING),
        },
    ),
    Operation(
        method="DELETE",
        path=_KEY,
        id="revokeKey",
        tag=TAG,
        summary="Take a key out of use",
        security=_ADMIN,
        answers={
            S.OK: json_answer(
                "The revoked key.",
                apps_openapi_schemas.OneApiKey,
                headers=(ALWAYS_POSITION,),
                revoked=examples.ONE_KEY,
            ),
            **error_answers(_KEY, *CALLING, _LAGGING),
        },
    ),
    Operation(
        method="POST",
        path=_KEY + "/rotate",
        id="rotateKey",
        tag=TAG,
        summary="Make a key in the place of one that ends after an overlap",
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
        answers={S.OK: _NEW_KEY, **error_answers(_KEY, *WRITING, "key_reused", _LAGGING)},
    ),
)

_OF_CONNECTIONS: Final = (
    Operation(
        method="GET",
        path=_CONNECTIONS,
        id="listConnections",
        tag=TAG,
        summary="List the app's connections",
        security=_ADMIN,
        answers={
            S.OK: json_answer(
                "All of them.", apps_openapi_schemas.Connections, one=examples.CONNECTIONS
            ),
            **error_answers(_CONNECTIONS, *CALLING),
        },
    ),
    Operation(
        method="PUT",
        path=_CONNECTION,
        id="putConnection",
        tag=TAG,
        summary="Make a connection, or replace its credentials",
        description="Secrets are sealed and never shown; those that are left out stay. The mode "
        "is read from the key.",
        security=_ADMIN,
        body=json_body(ConnectionBody, stripe=examples.CONNECTION_BODY),
        answers={S.OK: _CHANGED_CONNECTION, **error_answers(_CONNECTION, *WRITING, _LAGGING)},
    ),
    Operation(
        method="GET",
        path=_CONNECTION,
        id="getConnection",
        tag=TAG,
        summary="Show a connection",
        security=_ADMIN,
        answers={
            S.OK: json_answer(
                "The connection.", apps_openapi_schemas.OneConnection, stripe=examples.CONNECTIONS
            ),
            **error_answers(_CONNECTION, *CALLING),
        },
    ),
    Operation(
        method="DELETE",
        path=_CONNECTION,
        id="deleteConnection",
        tag=TAG,
        summary="Take a connection out of use",
        description="What was asked through it goes on.",
        security=_ADMIN,
        answers={S.OK: _CHANGED_CONNECTION, **error_answers(_CONNECTION, *CALLING, _LAGGING)},
    ),
)

OPERATIONS: Final = (*_OF_APP, *_OF_KEYS, *_OF_CONNECTIONS)
