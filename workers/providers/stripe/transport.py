"""Send the requests of Stripe's SDK by libcurl. The SDK signs and repeats them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe
from requests.utils import get_environ_proxies, select_proxy

from workers.providers.curl_connections import CurlConnections, Headers, NoAnswerError

Response = tuple[bytes, int, Headers]


class CurlClient(stripe.HTTPClient):
    """HTTP client of the SDK.

    Proxies are those of the environment, looked up once; certificate authorities those of the SDK.
    Time-outs and connections: CurlConnections.
    """

    name = "pycurl"

    def __init__(self, *, api_base: str, timeout_s: float) -> None:
        super().__init__()
        self._proxy_url = select_proxy(api_base, get_environ_proxies(api_base)) or ""
        self._connections = CurlConnections(ca_path=stripe.ca_bundle_path, timeout_s=timeout_s)

    def request(  # type: ignore[override]  # as the SDK's own clients do
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # noqa: ANN401 - as the SDK has it
    ) -> Response:
        """Send one request. Raises the SDK's APIConnectionError.

        The SDK sends it again in the thread, under its key, where `should_retry` of the error is
        set: not after a time-out. Another full wait in the thread would exceed the time after which
        the work table sends the job again.
        """
        body = (post_data or "").encode() if method == "post" else None
        try:
            answer = self._connections.request(
                method.upper(), url, headers or {}, body, proxy_url=self._proxy_url
            )
        except NoAnswerError as error:
            raise stripe.APIConnectionError(  # type: ignore[no-untyped-call]
                str(error), should_retry=error.is_maybe_not_sent
            ) from error
        return answer.content, answer.status, answer.headers

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._connections.close()
