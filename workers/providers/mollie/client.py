"""Call Mollie through the SDK's client with our settings, and check its answers first.

The SDK is in maintenance only; another one would change this file, and the way in which
`gateway.py` names its resources (docs/decisions/0030-mollie-sdk.md).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import orjson
import requests
from mollie.api.client import Client
from mollie.api.error import RequestError

from domain.core.providers import Mode
from domain.gateway.errors import (
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
    ProviderObjectUnreadable,
)
from workers.providers import call_results
from workers.providers.curl_connections import TIMEOUT_S, CurlConnections
from workers.providers.mollie.errors import raise_port_error
from workers.providers.mollie.transport import new_connections, new_session

PAGE: Final = 250
_KEY: Final = re.compile(r"(live|test)_\w+")
_AN_ID: Final = re.compile(r"[a-z]+_\w+")
_NAMED: Final = re.compile(r"[a-z]{1,10}_\w{1,100}")

Json = dict[str, Any]

# Called with the endpoint before each call; may wait, or raise GatewayUnavailable.
AwaitRateLimit = Callable[[str], None]


class MollieClient(Client):
    """The SDK's client. Each call first waits for the rate limit; the SDK's own retries are off.

    Threads must not share one: its session is not thread-safe, `answered_at` is of the last answer.
    """

    # The SDK would send the machine's name and kernel in each request's headers.
    UNAME = "billhook"

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode | None,
        await_rate_limit: AwaitRateLimit | None,
        connections: CurlConnections,
    ) -> None:
        super().__init__(api_endpoint=api_base, retry=0)
        self.set_api_key(api_key)
        self._client = new_session(connections)  # the SDK would make one at its first call
        self.answered_at = 0
        self._mode = mode
        self._turn = await_rate_limit

    def perform_http_call(
        self,
        http_method: str,
        path: str,
        data: Json | None = None,
        params: Json | None = None,
        idempotency_key: str = "",
    ) -> requests.Response:
        """Send one request; raises errors of the port instead of the SDK's.

        Some of the SDK's errors omit the answer's code, and an error without detail is a KeyError.
        """
        if self._turn is not None:
            self._turn(endpoint_of(http_method, path, base=self.api_endpoint))
        try:
            response = super().perform_http_call(http_method, path, data, params, idempotency_key)
        except RequestError as error:
            call_results.record(answered=False)
            raise GatewayUnavailable(f"no answer from Mollie: {error.__context__}") from error
        call_results.record(answered=True)
        self._check_response(response)
        # The SDK would write a warning with our key in it to the root logger.
        response.headers.pop("Idempotent-Replayed", None)
        return response

    def _check_response(self, response: requests.Response) -> None:
        """Reject an answer that is not JSON, is an error, or is of the other mode."""
        status = response.status_code
        if status == HTTPStatus.NO_CONTENT:
            return
        try:
            parsed = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise GatewayUnavailable(f"unreadable answer ({status})") from error
        if not isinstance(parsed, dict):
            raise GatewayUnavailable(f"unreadable answer ({status})")
        if not response.ok:
            raise_port_error(status, parsed, response.headers)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise GatewayUnavailable(f"Mollie answered {status}")
        self.answered_at = _answered_at(response)
        for item in _objects_of(parsed):
            if self._mode and item.get("mode") not in (None, self._mode):
                raise GatewayMisconfigured(
                    f"Mollie answers with objects that are not of {self._mode} mode: "
                    "the key belongs to the other mode"
                )


class MollieClients:
    """SDK clients of a connection, one per thread; they share what libcurl keeps open."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode | None = None,
        await_rate_limit: AwaitRateLimit | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Store what all clients share. Raises GatewayMisconfigured.

        `mode`: a key of the other mode is refused, and so are answers with objects of the other.
        `timeout_s` bounds a whole call.
        """
        named = _KEY.fullmatch(api_key)
        if named is None:
            raise GatewayMisconfigured("the connection's key is not an API key of Mollie")
        if mode and named[1] != mode:
            raise GatewayMisconfigured(
                f"the key is of {named[1]} mode, the connection of {mode} mode"
            )
        connections = new_connections(timeout_s=timeout_s)
        self._local = threading.local()
        self._open: Callable[[], MollieClient] = lambda: MollieClient(
            api_key,
            api_base=api_base,
            mode=mode,
            await_rate_limit=await_rate_limit,
            connections=connections,
        )

    def for_thread(self) -> MollieClient:
        """Return this thread's client."""
        known: MollieClient | None = getattr(self._local, "client", None)
        if known is None:
            known = self._local.client = self._open()
        return known


def endpoint_of(method: str, path: str, *, base: str) -> str:
    """Return the endpoint that a rate limit applies to: `post /v2/payments/*/refunds`."""
    inner = path.removeprefix(f"{base}/v2/").partition("?")[0]
    named = ["*" if _AN_ID.fullmatch(part) else part for part in inner.strip("/").split("/")]
    return f"{method.lower()} /v2/{'/'.join(named)}"


def named(object_id: str) -> str:
    """Check that an id is one of Mollie's before it is put into a path."""
    if _NAMED.fullmatch(object_id) is None:
        raise GatewayRejected("No such object at Mollie.", code="not_found", missing=True)
    return object_id


def items_of(page: Any) -> list[Json]:  # noqa: ANN401 - any of the SDK's lists
    """Return a list page's items. Raises ProviderObjectUnreadable.

    The SDK reads the fields of a page unchecked.
    """
    try:
        return [dict(item) for item in page]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ProviderObjectUnreadable("list._embedded") from None


def pages(first: Any) -> Iterator[Json]:  # noqa: ANN401 - any of the SDK's lists
    """Yield a list's items, newest first, fetching its pages one by one.

    Raises ProviderObjectUnreadable.
    """
    page = first
    while page is not None:
        yield from items_of(page)
        try:
            page = page.get_next()
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ProviderObjectUnreadable("list._links") from None


def _objects_of(parsed: Json) -> Iterator[Json]:
    yield parsed
    embedded = parsed.get("_embedded")
    for items in embedded.values() if isinstance(embedded, dict) else ():
        found = items if isinstance(items, list) else ()
        yield from (item for item in found if isinstance(item, dict))


def _answered_at(response: requests.Response) -> int:
    """Return the time of an answer by Mollie's clock: Unix seconds."""
    try:
        return int(parsedate_to_datetime(response.headers["Date"]).timestamp())
    except (KeyError, ValueError) as error:
        raise GatewayUnavailable("a response without its time") from error
