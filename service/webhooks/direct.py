"""Store Stripe's deliveries as soon as they have arrived, without a task for each."""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.routing import Route
from starlette.types import Scope

from eventlog.errors import Conflict
from projections.access.queries import ConnectionRow
from service.http.direct import DirectRequest
from service.http.limits import head_bytes
from service.http.requests import parsed_uuid
from service.http.responses import POSITION
from service.operations.request_log import Exchange, logs_routine
from service.webhooks.context import WebhooksContext
from service.webhooks.endpoint import RECEIVED, RECEIVED_HEADERS
from service.webhooks.inbox import count_stored, start_to_store
from service.webhooks.large_bodies import LARGE_BYTES

_PATH: Final = "/webhooks/stripe/"
_SIGNATURE: Final = b"stripe-signature"
_HEADER_LINES: Final = b"".join(b"%s: %s\r\n" % header for header in RECEIVED_HEADERS)
_POSITION_LINE: Final = POSITION.encode() + b": %d\r\n"
_REQUEST_ID_LINE: Final = b"x-request-id: %s\r\n"


class DirectDeliveries:
    """The `DirectEndpoint` of deliveries that are verified and small, of a known connection.

    It has the effects of `receive_webhook` behind the middleware: the same checks, counts and
    response. What is refused, or has to wait for anything but its commit, is left to those.
    """

    def __init__(self, context: WebhooksContext, *, route: Route) -> None:
        self._context = context
        self._route = route
        self._header_limit_bytes = context.settings.header_limit_bytes
        self._dashboard_port = context.settings.dashboard_port
        self._logs_routine = logs_routine()

    def matches(self, scope: Scope) -> bool:
        """Return whether the head is that of a delivery."""
        path: str = scope["path"]
        return path.startswith(_PATH) and scope["method"] == "POST"

    def start(self, scope: Scope, body: bytes) -> DirectRequest | None:
        """Verify a delivery and start to append it. Raises what the application raises, too."""
        exchange = Exchange(scope)
        connection = self._connection(scope)
        is_small = len(body) <= LARGE_BYTES and head_bytes(scope) <= self._header_limit_bytes
        if connection is None or not is_small or self._is_on_dashboard_port(scope):
            return None
        header = next((value for name, value in scope["headers"] if name == _SIGNATURE), b"")
        done = start_to_store(self._context, connection, body, header=header.decode("latin-1"))
        if done is None:
            return None
        respond = partial(self._respond, scope, exchange, connection, done, size_bytes=len(body))
        return DirectRequest(done, respond)

    def _respond(
        self,
        scope: Scope,
        exchange: Exchange,
        connection: ConnectionRow,
        done: asyncio.Future[list[int]],
        *,
        size_bytes: int,
    ) -> tuple[bytes, bytes] | None:
        """Count a stored delivery as the application does, and return its response."""
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, Conflict):
            # The application tries the delivery again, and counts it.
            self._context.budgets.give_back(connection, size_bytes=size_bytes)
            return None
        position_line = b"" if error is not None else _POSITION_LINE % done.result()[0]
        count_stored(self._context, connection, is_known=error is not None)
        scope["route"] = self._route
        exchange.status = int(HTTPStatus.OK)  # an HTTPStatus would be another value in the log
        exchange.finish(self._context.recording.metrics, logs_routine=self._logs_routine)
        request_id_line = _REQUEST_ID_LINE % exchange.request_id.encode()
        return _HEADER_LINES + position_line + request_id_line, RECEIVED

    def _connection(self, scope: Scope) -> ConnectionRow | None:
        """Return the connection of the URL if it is cached; None for any other."""
        found = self._context.access.cached_connection(parsed_uuid(scope["path"][len(_PATH) :]))
        is_usable = found is not None and (
            not found.deleted and found.provider == "stripe" and found.sealed_webhook_secrets
        )
        return found if is_usable else None

    def _is_on_dashboard_port(self, scope: Scope) -> bool:
        port = self._dashboard_port
        return port is not None and scope["server"] is not None and scope["server"][1] == port
