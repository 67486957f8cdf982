"""Call Stripe through the SDK's client with our settings, and read its raw answers.

Only this module names the version of Stripe's API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import orjson
import stripe

from domain.core.providers import Mode
from domain.gateway.errors import GatewayMisconfigured, GatewayUnavailable, ProviderObjectUnreadable
from workers.providers import call_results
from workers.providers.curl_connections import TIMEOUT_S
from workers.providers.stripe.errors import raise_port_error
from workers.providers.stripe.transport import CurlClient, Response

API_VERSION: Final = "2026-10-28.endive"
NETWORK_RETRIES: Final = 1
_AN_ID: Final = re.compile(r"[A-Z0-9]")
_KEY_MODE: Final = re.compile(r"[a-z]+_(live|test)_")

# Called with the endpoint before each call; may wait, or raise GatewayUnavailable.
AwaitRateLimit = Callable[[str], None]


class Answer(Protocol):
    """Any object of the SDK; it keeps the response that it was read from."""

    @property
    def last_response(self) -> Any:  # noqa: ANN401 - the SDK does not export its type
        """The answer's body, headers and status."""


def open_client(
    api_key: str,
    *,
    api_base: str,
    mode: Mode | None = None,
    await_rate_limit: AwaitRateLimit | None = None,
    timeout_s: float = TIMEOUT_S,
    builds_objects: bool = True,
) -> stripe.StripeClient:
    """Create a client with our API version, time-outs, retries and rate limit.

    `mode`: a key of the other mode is refused, and so are answers with objects of the other.
    `builds_objects`: False where answers are read by `json_of` and its like alone; the SDK then
    gets an empty object instead of the answer, which it would make an object of each part of.
    Raises GatewayMisconfigured.
    """
    named = _KEY_MODE.match(api_key)
    if mode and named and named[1] != mode:
        raise GatewayMisconfigured(f"the key is of {named[1]} mode, the connection of {mode} mode")
    stripe.enable_telemetry = False  # telemetry writes an id below the home folder and sends it
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base.rstrip("/")},
        stripe_version=API_VERSION,
        max_network_retries=NETWORK_RETRIES,
        http_client=_HttpClient(
            api_base=api_base,
            mode=mode,
            await_rate_limit=await_rate_limit,
            timeout_s=timeout_s,
            builds_objects=builds_objects,
        ),
    )


def endpoint_of(method: str, url: str) -> str:
    """Return the endpoint that a rate limit applies to: `post /v1/invoices/*/pay`."""
    segments = urlsplit(url).path.strip("/").split("/")
    named = ["*" if _AN_ID.search(segment) else segment for segment in segments[1:]]
    return f"{method.lower()} /{'/'.join([*segments[:1], *named])}"


class _HttpClient(CurlClient):
    """The SDK's HTTP client; each try first waits for the rate limit, each answer is checked."""

    def __init__(
        self,
        *,
        api_base: str,
        mode: Mode | None,
        await_rate_limit: AwaitRateLimit | None,
        timeout_s: float,
        builds_objects: bool,
    ) -> None:
        super().__init__(api_base=api_base, timeout_s=timeout_s)
        self._mode = mode
        self._turn = await_rate_limit
        self._builds_objects = builds_objects

    def request(  # type: ignore[override]  # as the SDK's own clients do
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # noqa: ANN401 - as the SDK has it
    ) -> Response:
        """Send one request; raises the errors of the SDK's client and of the port."""
        if self._turn is not None:
            self._turn(endpoint_of(method, url))
        try:
            content, status, answered = super().request(method, url, headers, post_data)
        except stripe.APIConnectionError:
            call_results.record(answered=False)
            raise
        call_results.record(answered=True)
        parsed = self._check_response(content, status)
        if self._builds_objects or status >= HTTPStatus.BAD_REQUEST:
            return content, status, answered
        answered.parsed = parsed
        return b"{}", status, answered

    def _check_response(self, content: bytes, status: int) -> dict[str, Any]:
        """Parse an answer. Rejects one that is not JSON or is of the other mode."""
        try:
            parsed = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise _unreadable(status) from error
        if not isinstance(parsed, dict):
            raise _unreadable(status)
        if status >= HTTPStatus.BAD_REQUEST:
            if not isinstance(parsed.get("error"), dict):
                raise _unreadable(status)
            return parsed
        listed = parsed.get("data") if parsed.get("object") == "list" else None
        items = listed if isinstance(listed, list) else []
        for item in [parsed, *(item for item in items if isinstance(item, dict))]:
            if self._mode and item.get("livemode") not in (None, self._mode == "live"):
                raise GatewayMisconfigured(
                    f"Stripe answers with objects that are not of {self._mode} mode: "
                    "the key belongs to the other mode"
                )
        return parsed


def _unreadable(status: int) -> GatewayUnavailable:
    return GatewayUnavailable(f"unreadable answer ({status})")


def call_stripe(call: Callable[[], Answer]) -> Answer:
    """Call Stripe; raise the port's errors instead of the SDK's."""
    try:
        return call()
    except stripe.StripeError as error:
        raise_port_error(error)


def json_of(answer: Answer) -> dict[str, Any]:
    """Parse the bytes that Stripe sent, not the SDK's objects."""
    response = answer.last_response
    known: dict[str, Any] | None = response.headers.parsed
    return orjson.loads(response.body) if known is None else known


def is_repeated(answer: Answer) -> bool:
    """Return whether an answer is that of an earlier call with the same idempotency key."""
    headers: Mapping[str, str] = answer.last_response.headers
    return headers.get("Idempotent-Replayed") == "true"


def answered_at(answer: Answer) -> int:
    """Return the time of an answer by Stripe's clock: Unix seconds."""
    headers: Mapping[str, str] = answer.last_response.headers
    try:
        return int(parsedate_to_datetime(headers["Date"]).timestamp())
    except (KeyError, ValueError) as error:
        raise GatewayUnavailable("a response without its time") from error


def page_of(answer: Answer) -> tuple[list[dict[str, Any]], str | None]:
    """Return a list page's objects, and the id that the next page starts after, None if none does.

    Raises ProviderObjectUnreadable.
    """
    page = json_of(answer)
    found, has_more = page.get("data"), page.get("has_more")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ProviderObjectUnreadable("list.data")
    if not isinstance(has_more, bool):
        raise ProviderObjectUnreadable("list.has_more")
    if not has_more:
        return found, None
    last = found[-1].get("id") if found else None
    if not isinstance(last, str):
        raise ProviderObjectUnreadable("list.data.id")
    return found, last


def object_in(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object in a field of an object. Raises ProviderObjectUnreadable."""
    found = data.get(name)
    if not isinstance(found, dict):
        raise ProviderObjectUnreadable(name)
    return found


def pages(service: Any, params: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: ANN401 - any of the SDK's services that list
    """Fetch a whole list, page by page."""
    found: list[dict[str, Any]] = []
    wanted = params
    while True:
        listed, last = page_of(call_stripe(partial(service.list, wanted)))
        found += listed
        if last is None:
            return found
        wanted = {**params, "starting_after": last}
