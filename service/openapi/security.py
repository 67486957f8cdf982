"""Who may call, as OpenAPI says it. Header names are read without regard to case."""

from typing import Final

from service.openapi.declaring import Json, Security

SCHEMES: Final[Json] = {
    "appKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY",
        "description": "One of the app's keys; goes with X-API-KEY-TYPE and X-CLIENT-ID.",
    },
    "appKeyType": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY-TYPE",
        "description": "The kind of the key: `read` for GET, `write` for every other method.",
    },
    "clientId": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CLIENT-ID",
        "description": "The app's UUID.",
    },
    "adminKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Api-Key",
        "description": "An admin key of the app: reaches every tenant of it, with any method.",
    },
    "connectionKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A write key of the app, alone; the app's slug is in the query.",
    },
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token: reaches one tenant of one app. Made by "
        "`POST …/tenants/{tenantUuid}/access-tokens`, or signed by the app itself. The header may "
        "also be called Authentication.",
    },
}

APP_KEY: Final[Security] = {"appKey": [], "appKeyType": [], "clientId": []}
ADMIN_KEY: Final[Security] = {"adminKey": []}
ACCESS_TOKEN: Final[Security] = {"accessToken": []}
CONNECTION_KEY: Final[Security] = {"connectionKey": []}

OF_APP: Final = (APP_KEY, ADMIN_KEY)
OF_TENANT: Final = (APP_KEY, ADMIN_KEY, ACCESS_TOKEN)
