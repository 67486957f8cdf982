"""Carry requests to a provider by libcurl, in a thirtieth of the time that requests takes.

The SDKs build and interpret requests; adapters beside each SDK's client hand them over. A request
ends within its time-out, however slowly its answer comes.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pycurl

from workers.providers.answer_size import TOO_LONG, BoundedBody

CONNECT_TIMEOUT_S: Final = 3
"""Until a connection is made; name resolution included."""
TIMEOUT_S: Final = 20
"""Of a whole request, with its connection."""
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
        pycurl.E_ABORTED_BY_CALLBACK,  # of _send_once
    }
)


class NoAnswerError(Exception):
    """A request has no answer, or none that can be read.

    `is_maybe_not_sent`: the connection failed. False after a time-out of the answer and for an
    answer that breaks off or is too long.
    """

    def __init__(self, message: str, *, is_maybe_not_sent: bool) -> None:
        super().__init__(message)
        self.is_maybe_not_sent = is_maybe_not_sent


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


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status; `content` is unpacked."""

    status: int
    headers: Headers
    content: bytes


class CurlConnections:
    """Connections that are kept open and shared by all threads.

    `ca_path`: a file of certificate authorities. `timeout_s` bounds a whole request, with its
    connection. Redirects are not followed. A GET on a kept connection that the provider closes is
    sent again by libcurl itself, on a new one.
    """

    def __init__(self, *, ca_path: str, timeout_s: float) -> None:
        self._ca_path = ca_path
        self._timeout_ms = int(timeout_s * 1000)
        self._idle: deque[pycurl.Curl] = deque(maxlen=_MOST_CONNECTIONS)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        proxy_url: str,
    ) -> Answer:
        """Send one request. Raises NoAnswerError.

        `method` in capitals; `body` None: without one. `proxy_url` is empty for none.
        """
        try:
            curl = self._idle.pop()
        except IndexError:
            curl = self._open()
        received = BoundedBody()
        head: list[bytes] = []
        try:
            _prepare(curl, method, url, headers, body)
            curl.setopt(pycurl.PROXY, proxy_url)
            curl.setopt(pycurl.WRITEFUNCTION, received.take)
            curl.setopt(pycurl.HEADERFUNCTION, head.append)
            curl.perform()
        except pycurl.error as error:
            if received.is_too_long:
                raise NoAnswerError(TOO_LONG, is_maybe_not_sent=False) from error
            no_answer = _no_answer(error, curl)
            curl.close()  # at once: an error that is kept would keep the connection
            raise no_answer from error
        except ValueError as error:
            # A header has a line break, or is not ASCII; the cause's text may quote a key.
            raise NoAnswerError("a header cannot be sent", is_maybe_not_sent=False) from error
        status, content = curl.getinfo(pycurl.RESPONSE_CODE), b"".join(received)
        received.clear()  # the handle has it until its next request
        self._idle.append(curl)
        return Answer(status, Headers(head), content)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._idle.clear()

    def _open(self) -> pycurl.Curl:
        """Return a handle with the options that all requests have."""
        curl = pycurl.Curl()
        set_option: Callable[[int, object], None] = curl.setopt
        set_option(pycurl.ACCEPT_ENCODING, "gzip, deflate")
        set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        set_option(pycurl.CAINFO, self._ca_path)
        set_option(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_S)
        set_option(pycurl.TIMEOUT_MS, self._timeout_ms)
        set_option(pycurl.NOSIGNAL, 1)
        return curl


def _prepare(
    curl: pycurl.Curl, method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> None:
    """Set the options of one request; the handle still has those of the one before."""
    set_option: Callable[[int, object], None] = curl.setopt
    set_option(pycurl.URL, url)
    if body is None and method != "POST":
        set_option(pycurl.HTTPGET, 1)
    else:
        set_option(pycurl.POST, 1)
        set_option(pycurl.POSTFIELDSIZE, len(body or b""))
        # Of a function, so that libcurl cannot send it again by itself: the caller counts tries.
        set_option(pycurl.READFUNCTION, io.BytesIO(body or b"").read)
    if method in ("GET", "POST"):
        curl.unsetopt(pycurl.CUSTOMREQUEST)
    else:
        set_option(pycurl.CUSTOMREQUEST, method)
    if method == "GET" or body:
        curl.unsetopt(pycurl.PREREQFUNCTION)
    else:
        set_option(pycurl.PREREQFUNCTION, _send_once())
    # Without `Expect`, for whose answer libcurl would wait before it sends a large body.
    set_option(pycurl.HTTPHEADER, [*map(_header, headers, headers.values()), "Expect:"])


def _send_once() -> Callable[..., int]:
    """Return what lets libcurl send a request once, where there is no body that it lacks then."""
    answers = iter([pycurl.PREREQFUNC_OK])
    return lambda *_: next(answers, pycurl.PREREQFUNC_ABORT)


def _header(name: str, value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError(name)
    return f"{name}: {value}"


def _no_answer(failure: pycurl.error, curl: pycurl.Curl) -> NoAnswerError:
    code = failure.args[0]
    is_sent = curl.getinfo(pycurl.PRETRANSFER_TIME) > 0
    is_connect_timeout = code == pycurl.E_OPERATION_TIMEDOUT and not is_sent
    # The text about a proxy that cannot be used may quote its address, with its password.
    what = f"error {code}" if code == pycurl.E_COULDNT_RESOLVE_PROXY else failure
    return NoAnswerError(
        f"libcurl: {what}", is_maybe_not_sent=is_connect_timeout or code in _MAYBE_NOT_SENT
    )
