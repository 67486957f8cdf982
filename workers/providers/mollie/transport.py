"""Send the requests of Mollie's SDK by libcurl, below the session of requests that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_encoding_from_headers, select_proxy

from workers.providers.curl_connections import CurlConnections, NoAnswerError

_SET_BY_LIBCURL: Final = frozenset({"accept-encoding", "connection", "content-length"})


def new_connections(*, timeout_s: float) -> CurlConnections:
    """Return connections for the sessions of all threads; `timeout_s` bounds a whole request."""
    settings = requests.Session().merge_environment_settings("https://", {}, None, None, None)
    ca_path = settings["verify"]  # a path where the environment names one
    return CurlConnections(
        ca_path=ca_path if isinstance(ca_path, str) else DEFAULT_CA_BUNDLE_PATH,
        timeout_s=timeout_s,
    )


def new_session(connections: CurlConnections) -> requests.Session:
    """Return a session that sends all its requests on the connections and follows no redirect."""
    session = requests.Session()
    session.max_redirects = 0  # an error: Mollie has none, and each would be another request
    adapter = _CurlAdapter(connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _CurlAdapter(BaseAdapter):
    """Transport adapter of a session. Time-outs and authorities are those of the connections."""

    def __init__(self, connections: CurlConnections) -> None:
        super().__init__()
        self._connections = connections

    def send(  # noqa: PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002
        timeout: object = None,  # noqa: ARG002
        verify: object = True,  # noqa: ARG002, FBT002
        cert: object = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read its answer. Raises ConnectionError of requests."""
        method, url = str(request.method), str(request.url)
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if not isinstance(body, bytes | None):
            raise TypeError("a body that is read in parts")
        proxy_url = select_proxy(url, dict(proxies or {})) or ""
        try:
            answer = self._connections.request(
                method, url, _headers_of(request), body, proxy_url=proxy_url
            )
        except NoAnswerError as error:
            raise requests.exceptions.ConnectionError(str(error)) from error
        response = requests.Response()
        response.request = request
        response.url = url
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response._content = answer.content  # noqa: SLF001 - as its own adapters' answers once read
        return response

    def close(self) -> None:
        """Leave the connections to the other sessions that have them."""


def _headers_of(request: requests.PreparedRequest) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.decode("latin-1")
        for name, value in request.headers.items()
        if name.lower() not in _SET_BY_LIBCURL
    }
