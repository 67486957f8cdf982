"""Test access to the admin APIs."""

import asyncio

import httpx
import pytest
from starlette.types import Scope

from sandbox.common.admin_guard import AdminGuard
from tests.support import plain_http
from tests.support.sandbox import SandboxProcess

PATHS = ["/_admin", "/_admin/health", "/_admin/reset", "/_admin/mollie", "/_admin/mollie/reset"]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8090"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example:1"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8080"},
    ],
)
def test_requests_of_web_pages_are_refused(
    sandbox: SandboxProcess, headers: dict[str, str]
) -> None:
    for path in PATHS:
        for method in ("GET", "POST"):
            assert httpx.request(method, f"{sandbox.url}{path}", headers=headers).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8090"])
def test_loopback_names_are_accepted(sandbox: SandboxProcess, host: str) -> None:
    answer = plain_http.get(f"{sandbox.url}/_admin/health", headers={"host": host})
    assert answer.status_code == 200


def test_requests_of_other_machines_are_refused() -> None:
    async def status() -> int:
        transport = httpx.ASGITransport(AdminGuard(_admin), client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get("/_admin/health")).status_code

    assert asyncio.run(status()) == 403


async def _admin(scope: Scope, *_: object) -> None:
    raise AssertionError(f"{scope['path']} was reached")


def test_the_providers_own_apis_have_no_such_rule(sandbox: SandboxProcess) -> None:
    headers = {"host": "api.stripe.example", "origin": "https://shop.example"}
    headers["authorization"] = "Bearer sk_test_guard"
    assert plain_http.get(f"{sandbox.url}/v1/customers", headers=headers).status_code == 200
