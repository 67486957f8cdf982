"""Test the connections under Stripe's SDK: what is kept, repeated, refused and sent by a proxy."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import stripe

from domain.gateway.errors import GatewayUnavailable
from tests.support.canned_server import serve_canned
from workers.providers.answer_size import LONGEST_ANSWER_BYTES
from workers.providers.stripe.client import call_stripe, json_of, open_client
from workers.providers.stripe.transport import CurlClient

KEY = "sk_test_notToBeSeen"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVary: A\r\nvary: B\r\n\r\n{}"


@contextmanager
def serve_connections(*answers: list[bytes]) -> Iterator[tuple[str, list[int]]]:
    """Accept one connection per list, send one of its answers for each request, and close it.

    Yields the URL, and the numbers of requests of the connections.
    """
    counts: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for sent in answers:
                connection, _ = server.accept()
                counts.append(0)
                with connection:
                    for answer in sent:
                        if connection.recv(65536):
                            counts[-1] += 1
                            connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", counts
        thread.join(10)
        assert not thread.is_alive()


def new_client(api_base: str) -> CurlClient:
    return CurlClient(api_base=api_base, timeout_s=20)


def test_a_connection_is_kept() -> None:
    with serve_connections([OK, OK, OK]) as (url, counts):
        client = new_client(url)
        answers = [client.request("post", f"{url}/v1/a", {"A": "b"}, "c=d") for _ in range(3)]
    assert [(body, status) for body, status, _ in answers] == [(b"{}", 200)] * 3
    assert answers[0][2]["Vary"] == "A, B"
    assert counts == [3]


def test_headers_whose_lines_end_without_carriage_return_are_read() -> None:
    with serve_connections([OK.replace(b"\r", b"")]) as (url, _):
        _, _, headers = new_client(url).request("get", f"{url}/v1/a", {})
    assert headers["vary"] == "A, B"


def test_a_get_is_repeated_where_a_kept_connection_ends_and_a_post_is_left_to_the_sdk() -> None:
    with serve_connections([OK, b""], [OK, b""], [OK]) as (url, counts):
        client = new_client(url)
        client.request("post", f"{url}/v1/a", {}, "c=d")
        with pytest.raises(stripe.APIConnectionError) as raised:
            client.request("post", f"{url}/v1/a", {}, "c=d")
        assert raised.value.should_retry
        assert counts == [2]
        client.request("get", f"{url}/v1/a", {})
        client.request("get", f"{url}/v1/a", {})
    assert counts == [2, 2, 1]


@pytest.mark.parametrize(("method", "post_data"), [("post", ""), ("delete", None)])
def test_a_request_without_a_body_is_not_repeated_where_a_kept_connection_ends(
    method: str, post_data: str | None
) -> None:
    with serve_connections([OK, b""], [OK], [OK]) as (url, counts):
        client = new_client(url)
        client.request("get", f"{url}/v1/a", {})
        with pytest.raises(stripe.APIConnectionError) as raised:
            client.request(method, f"{url}/v1/a", {}, post_data)
        assert raised.value.should_retry
        client.request("get", f"{url}/v1/a", {})
    assert counts == [2, 0, 1]  # libcurl opened a connection, and was not let send on it


def test_an_answer_that_breaks_off_is_not_requested_again() -> None:
    with (
        serve_connections([OK[:-1]]) as (url, counts),
        pytest.raises(stripe.APIConnectionError) as raised,
    ):
        new_client(url).request("get", f"{url}/v1/a", {})
    assert not raised.value.should_retry
    assert counts == [1]


def test_headers_with_line_breaks_are_not_sent() -> None:
    with serve_canned() as canned:
        client = open_client(f"{KEY}\r\nX: y", api_base=canned.url)
        with pytest.raises(GatewayUnavailable) as raised:
            call_stripe(lambda: client.v1.prices.retrieve("price_1"))
    assert canned.seen == []
    assert KEY not in str(raised.value)


def test_redirects_are_not_followed_and_compressed_answers_are_read() -> None:
    with serve_canned() as canned:
        client = open_client(KEY, api_base=canned.url)
        canned.answer(302, b"moved", {"Location": f"{canned.url}/other"})
        with pytest.raises(GatewayUnavailable):
            call_stripe(lambda: client.v1.prices.retrieve("price_1"))
        assert len(canned.seen) == 1
        canned.answer(
            200, gzip.compress(json.dumps({"id": "p"}).encode()), {"Content-Encoding": "gzip"}
        )
        assert json_of(call_stripe(lambda: client.v1.prices.retrieve("price_1"))) == {"id": "p"}


def test_an_answer_that_is_too_long_is_given_up_packed_or_not() -> None:
    text = b'{"id": "p"' + b" " * LONGEST_ANSWER_BYTES + b"}"
    with serve_canned() as canned:
        client = open_client(KEY, api_base=canned.url)
        for body, headers in (
            (text, {}),
            (gzip.compress(text, 1), {"Content-Encoding": "gzip"}),
        ):
            canned.answer(200, body, headers)
            with pytest.raises(GatewayUnavailable):
                call_stripe(lambda: client.v1.prices.retrieve("price_1"))
            assert len(canned.seen) == 1
        canned.answer(200, b'{"id": "p"}')
        assert json_of(call_stripe(lambda: client.v1.prices.retrieve("price_1"))) == {"id": "p"}


def test_the_password_of_a_proxy_is_not_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:notToBeSeen@[::bad:1")
    with pytest.raises(stripe.APIConnectionError) as raised:
        new_client("http://stripe.test").request("get", "http://stripe.test/v1/a", {})
    assert "notToBeSeen" not in str(raised.value)


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    target = "http://stripe.test/v1/a"
    with serve_canned() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        _, status, _ = new_client("http://stripe.test").request("get", target, {})
        monkeypatch.setenv("NO_PROXY", "stripe.test,127.0.0.1")
        new_client(proxy.url).request("delete", f"{proxy.url}/v1/b", {})
    assert status == 200
    assert [request[:2] for request in proxy.requests] == [("GET", target), ("DELETE", "/v1/b")]
