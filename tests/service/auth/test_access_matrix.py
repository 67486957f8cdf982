"""Every route, every kind of caller, and what is its own, another tenant's, another app's, none's.

A row says which callers a route lets in. All others are refused alike, whatever the route is asked
for; and whoever is let in finds what is another's just as it finds what does not exist.
"""

from collections.abc import Iterator

import httpx
import orjson
import pytest

from service.http.error_rendering import renderer_of
from service.http.errors import NotFound, Unauthorized, WrongKeyType, problem_of
from service.http.responses import PRIVATE, serialized
from service.routes import ROUTES
from tests.service.auth.access_table import OPEN, OURS, STRANGERS, TABLE, Row
from tests.service.auth.access_world import World
from tests.service.running_service import Service

LET_IN = {200, 202, 504}  # 504: nobody answers for the provider here


@pytest.fixture(scope="module")
def matrix(service_database: str) -> Iterator[Service]:
    with Service(service_database, lookup_timeout_s=0.05) as service:
        yield service


@pytest.fixture(scope="module")
def world(matrix: Service) -> World:
    return World(matrix)


@pytest.fixture(scope="module")
def making(matrix: Service) -> World:
    """Another one, in which things come to be that are not there in the first."""
    return World(matrix)


def expected(row: Row, caller: str, owner: str) -> type[Exception] | None:
    """Return the error that a caller gets; None: admitted."""
    if caller in STRANGERS:
        return expected_of_strangers(row, caller)
    if caller not in row.admits.split():
        knows = caller in ("read", "write") and not row.path.startswith("/admin")
        return WrongKeyType if knows else Unauthorized
    if owner in ("other app", "unknown"):
        return None if row.makes else NotFound
    return NotFound if owner == "other tenant" and caller == "token" else None


def expected_of_strangers(row: Row, caller: str) -> type[Exception] | None:
    """Return the error for another app's caller; a path without an app admits it."""
    if row.path.startswith("/admin") and caller == "their admin":
        return NotFound if "{invoice}" in row.path else None
    if row.path.startswith("/stripe") and caller in ("their lone", "their write"):
        return NotFound
    if row.path.startswith("/stripe") and caller == "their read":
        return WrongKeyType
    if row.path.startswith("/v1") and caller == "their token":
        return NotFound
    return Unauthorized


def is_rejected_with(response: httpx.Response, row: Row, refusal: type[Exception]) -> bool:
    """Return whether an answer is exactly this refusal, with nothing more in it."""
    request_id = response.headers["x-request-id"]
    problem = problem_of(refusal())
    rendered = renderer_of(row.path.partition("?")[0])(problem, request_id=request_id)
    known = {"content-length", "content-type", "x-request-id", "vary", *PRIVATE}
    more = {name for name in response.headers if not name.startswith("ratelimit-")} - known
    return (response.status_code, response.json(), more) == (
        rendered.status,
        orjson.loads(serialized(rendered.document)),
        set(),
    )


@pytest.mark.parametrize("caller", OURS + STRANGERS)
def test_each_caller_reaches_what_is_its_own_and_nothing_else(
    world: World, making: World, caller: str
) -> None:
    for row in TABLE:
        check_row(world, making, row, caller)


def check_row(world: World, making: World, row: Row, caller: str) -> None:
    """Request a route for everybody's objects as one caller, and compare with the table."""
    target = making if row.makes or row.needs else world
    for owner in target.owner(row):
        if owner == "other app" and caller in ("their admin", "their token"):
            continue  # that is its own
        response = target.send(row, caller, owner)
        refusal = expected(row, caller, owner)
        description = f"{row}: {caller} asks for {owner}: {response.status_code} {response.text}"
        if refusal is None:
            assert response.status_code in LET_IN, description
        else:
            assert is_rejected_with(response, row, refusal), description


def test_the_table_has_every_route() -> None:
    def shape(method: str, path: str) -> str:
        parts = path.partition("?")[0].replace("/stripe/invoices", "/{/invoices").split("/")
        kept = ["{}" if part.startswith("{") else part for part in parts]
        return f"{method} {'/'.join(kept)}"

    served = {
        shape(method, route.path)
        for route in ROUTES
        for method in route.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    listed = {shape(row.method, row.path) for row in TABLE}
    assert served == listed | OPEN


def test_what_is_made_under_anothers_name_is_ones_own(making: World) -> None:
    ours, theirs = making.ours, making.theirs
    paths = ["/prices/price-theirs", "/tax-rates/tax-theirs", f"/tenants/{theirs.tenant_id}"]
    before = [theirs.get(f"{theirs.url}{path}").json() for path in paths]
    ours.put(f"{ours.url}{paths[0]}", {"currency": "usd", "amountMinor": 7})
    ours.put(f"{ours.url}{paths[1]}", {"percentage": 7, "inclusive": False})
    ours.put(f"{ours.url}{paths[2]}", {"name": "Ours"})
    assert [theirs.get(f"{theirs.url}{path}").json() for path in paths] == before


def test_lists_have_only_what_is_the_callers(world: World) -> None:
    def ids(path: str, headers: dict[str, str]) -> set[str]:
        response = world.service.request("GET", path, headers=headers)
        items = response.json().get("items") or response.json()["invoices"]
        return {entry.get("id") or entry["_id"] for entry in items}

    invoices = world.things["invoice"]
    own, second, their = invoices["own"], invoices["other tenant"], invoices["other app"]
    url = f"{world.ours.url}/invoices?status=paid"
    assert ids(url, world.headers("read")) == {own, second}
    assert ids(url, world.headers("token")) == {own}
    assert ids(f"{url}&tenantUuid={world.second}", world.headers("token")) == {own}
    admins = ids("/admin/api/invoices?page=1&limit=100", world.headers("admin"))
    assert {own, second} <= admins
    assert their not in admins
    assert ids("/admin/api/invoices?page=1&limit=100", world.headers("their admin")) == {their}
