"""Send the SDK's requests by libcurl, which takes a thirtieth of the time of the SDK's default.

The SDK builds, signs, repeats and interprets requests; this module carries bytes. Connections are
kept open and shared by all threads. A GET on a kept connection that the provider closes is sent
again by libcurl itself, on a new one.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import pycurl
import stripe
from requests.utils import get_environ_proxies, select_proxy

from workers.providers.answer_size import TOO_LONG, BoundedBody

_MOST_CONNECTIONS: Final = 64
"""Open connections that are kept; more threads than these open one for each call."""
_MAYBE_NOT_SENT: Final = frozenset(
    {
        pycurl.E_COULDNT_RESOLVE_PROXY,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_SEND_ERROR,
        pycurl.E_SEND_FAIL_REWIND,
        pycurl.E_RECV_ERROR,
        pycurl.E_GOT_NOTHING,
    }
)
"""Errors after which the SDK sends a request again in the thread, under its key."""


class Headers(Mapping[str, str]):
    """The headers of an answer, found by names of any case.

    `parsed`: the answer's content, if it was parsed already.
    """

    parsed: dict[str, Any] | None = None

    def __init__(self, lines: Iterable[bytes]) -> None:
        """Read the headers of the last answer: a proxy's comes before the provider's."""
        self._by_name: dict[str, str] = {}
        for line in b"".join(lines).decode("latin-1").split("\n"):
            name, colon, value = line.partition(":")
            if line.startswith("HTTP/"):
                self._by_name.clear()
            elif colon:
                key, text = name.lower(), value.strip()
                known = self._by_name.get(key)
                self._by_name[key] = text if known is None else f"{known}, {text}"

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


Response = tuple[bytes, int, Headers]


class CurlClient(stripe.HTTPClient):
    """HTTP client of the SDK.

    `timeout_s` bounds a whole request, with its connection; `connect_timeout_s` the connection
    alone. Proxies are those of the environment, looked up once; certificate authorities are those
    of the SDK. Redirects are not followed.
    """

    name = "pycurl"

    def __init__(self, *, api_base: str, connect_timeout_s: float, timeout_s: float) -> None:
        super().__init__()
        self._proxy_url = select_proxy(api_base, get_environ_proxies(api_base)) or ""
        self._connect_timeout_ms = int(connect_timeout_s * 1000)
        self._timeout_ms = int(timeout_s * 1000)
        self._idle: deque[pycurl.Curl] = deque(maxlen=_MOST_CONNECTIONS)

    def request(  # type: ignore[override]  # as the SDK's own clients do
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # noqa: ANN401 - as the SDK has it
    ) -> Response:
        """Send one request. Raises the SDK's APIConnectionError.

        `should_retry` of the error is False after a time-out: another full wait in the thread would
        exceed the time after which the work table sends the job again.
        """
        try:
            curl = self._idle.pop()
        except IndexError:
            curl = self._open()
        body = BoundedBody()
        head: list[bytes] = []
        try:
            self._prepare(curl, method, url, headers or {}, post_data)
            curl.setopt(pycurl.WRITEFUNCTION, body.take)
            curl.setopt(pycurl.HEADERFUNCTION, head.append)
            curl.perform()
        except pycurl.error as error:
            if body.is_too_long:
                raise _error(TOO_LONG, should_retry=False) from error
            raise _connection_error(error, curl) from error
        except ValueError as error:
            # A header has a line break, or is not ASCII; the cause's text may quote a key.
            raise _error("a header cannot be sent", should_retry=False) from error
        status, content = curl.getinfo(pycurl.RESPONSE_CODE), b"".join(body)
        body.clear()  # the handle has it until its next request
        self._idle.append(curl)
        return content, status, Headers(head)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._idle.clear()

    def _open(self) -> pycurl.Curl:
        """Return a handle with the options that all requests have."""
        curl = pycurl.Curl()
        set_option: Callable[[int, object], None] = curl.setopt
        set_option(pycurl.ACCEPT_ENCODING, "gzip, deflate")
        set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        set_option(pycurl.PROXY, self._proxy_url)
        set_option(pycurl.CAINFO, stripe.ca_bundle_path)
        set_option(pycurl.CONNECTTIMEOUT_MS, self._connect_timeout_ms)
        set_option(pycurl.TIMEOUT_MS, self._timeout_ms)
        set_option(pycurl.NOSIGNAL, 1)
        return curl

    def _prepare(
        self,
        curl: pycurl.Curl,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: str | None,
    ) -> None:
        """Set the options of one request; the handle still has those of the one before."""
        set_option: Callable[[int, object], None] = curl.setopt
        set_option(pycurl.URL, url)
        if method == "post":
            set_option(pycurl.POST, 1)
            data = (post_data or "").encode()
            set_option(pycurl.POSTFIELDSIZE, len(data))
            # Of a function, so that libcurl cannot send it again by itself: the SDK counts tries.
            set_option(pycurl.READFUNCTION, io.BytesIO(data).read)
        else:
            set_option(pycurl.HTTPGET, 1)
        if method in ("get", "post"):
            curl.unsetopt(pycurl.CUSTOMREQUEST)
        else:
            set_option(pycurl.CUSTOMREQUEST, method.upper())
        # Without `Expect`, for whose answer libcurl would wait before it sends a large body.
        set_option(pycurl.HTTPHEADER, [*map(_header, headers, headers.values()), "Expect:"])


def _header(name: str, value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError(name)
    return f"{name}: {value}"


def _connection_error(failure: pycurl.error, curl: pycurl.Curl) -> stripe.APIConnectionError:
    code = failure.args[0]
    is_sent = curl.getinfo(pycurl.PRETRANSFER_TIME) > 0
    is_connect_timeout = code == pycurl.E_OPERATION_TIMEDOUT and not is_sent
    should_retry = is_connect_timeout or code in _MAYBE_NOT_SENT
    return _error(f"libcurl: {failure}", should_retry=should_retry)


def _error(message: str, *, should_retry: bool) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(message, should_retry=should_retry)  # type: ignore[no-untyped-call]
