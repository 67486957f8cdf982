"""Requests without TLS: for TLS, each client would read all certificate authorities (25 ms)."""

import ssl
from typing import Any, Final

import httpx

_NO_AUTHORITIES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(**options: Any) -> httpx.Client:
    """Make a client for URLs on the loopback."""
    return httpx.Client(verify=_NO_AUTHORITIES, trust_env=False, **options)


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, verify=_NO_AUTHORITIES, trust_env=False, **options)


def post(url: str, **options: Any) -> httpx.Response:
    return httpx.post(url, verify=_NO_AUTHORITIES, trust_env=False, **options)
