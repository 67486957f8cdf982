"""Every route, every kind of caller, and what is its own, another tenant's, another app's, none's.

A row says which callers a route lets in. All others are refused alike, whatever the route is asked
for; and whoever is let in finds what is another's just as it finds what does not exist.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from service.http.error_rendering import renderer_of
from service.http.errors import NotFound, Unauthorized, WrongKeyType, problem_of
from service.http.responses import PRIVATE, serialized
from service.routes import ROUTES
from tests.service.harness import Service, Shop, admin, item, stripe_event
from tests.service.subscription_fixtures import subscribe

APP = "/api/v1/apps/{app}"
TENANT = APP + "/tenants/{tenant}"
Names = dict[str, str]


@dataclass(frozen=True)
class Row:
    """A route; `admits` names its callers; `makes`: what is not there is made.

    `needs`: how an invoice has to stand for what is asked of it, or work that gave up, or a
    subscription.
    """

    method: str
    path: str
    admits: str
    body: Callable[[Names], Any] | None = None
    makes: bool = False
    needs: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def charge(_: Names) -> dict[str, Any]:
    return {"price": "price_1", "taxRate": "txr_1", "mode": "payment", "quantity": 1}


def invoice(named: Names) -> dict[str, Any]:
    line = {"name": "Tea", "amountMinor": 1, "currency": "eur"}
    return {"tenantUuid": named["tenant"], "lineItems": [line], "type": "payment"}


def draft(_: Names) -> dict[str, Any]:
    return {"items": [{"name": "Tea", "amount": 1}], "customer": "cus_1"}


def put(**body: Any) -> Callable[[Names], Any]:
    return lambda _: body


READ, WRITE, ADMIN = "read admin", "write admin", "admin"
OUR_READ = READ + " token"
TABLE = [
    Row("GET", APP, ADMIN),
    Row("PATCH", APP, ADMIN, put()),
    Row("GET", APP + "/api-keys", ADMIN),
    Row("POST", APP + "/api-keys", ADMIN, put(kind="read")),
    Row("DELETE", APP + "/api-keys/{key}", ADMIN),
    Row("POST", APP + "/api-keys/{key}/rotate", ADMIN),
    Row("GET", APP + "/payment-connections", ADMIN),
    Row("GET", APP + "/payment-connections/{connection}", ADMIN),
    Row(
        "PUT",
        APP + "/payment-connections/{connection}",
        ADMIN,
        put(provider="stripe", secretKey="sk_test_1"),
        makes=True,
    ),
    Row("DELETE", APP + "/payment-connections/{connection}", ADMIN),
    Row("POST", APP + "/payment-connections/{connection}/test", ADMIN),
    Row("GET", APP + "/events", READ),
    Row("GET", APP + "/work", READ),
    Row("POST", APP + "/work/{work}/resend", WRITE, needs="work"),
    Row("GET", APP + "/reports/summary", READ),
    Row("GET", APP + "/reports/revenue", READ),
    Row("GET", APP + "/reports/mrr-movement", READ),
    Row("GET", APP + "/reports/drift", READ),
    Row("GET", APP + "/invoices", OUR_READ),
    Row("GET", APP + "/invoices/{invoice}", OUR_READ),
    Row("GET", APP + "/invoices/{invoice}/events", OUR_READ),
    Row("GET", APP + "/invoices/{invoice}/document", OUR_READ),
    Row("POST", APP + "/invoices/{invoice}/retry", WRITE, needs="open"),
    Row("POST", APP + "/invoices/{invoice}/void", WRITE, needs="open"),
    Row("POST", APP + "/invoices/{invoice}/finalize", WRITE, needs="draft"),
    Row("POST", APP + "/invoices/{invoice}/mark-uncollectible", WRITE, needs="open"),
    Row("POST", APP + "/invoices/{invoice}/capture", WRITE, needs="authorized"),
    Row("POST", APP + "/invoices/{invoice}/refunds", WRITE, needs="paid"),
    Row("GET", APP + "/subscriptions", OUR_READ),
    Row("GET", APP + "/subscriptions/{subscription}", OUR_READ),
    Row("GET", APP + "/subscriptions/{subscription}/events", OUR_READ),
    Row("POST", APP + "/subscriptions/{subscription}/cancel", WRITE, needs="subscription"),
    Row(
        "POST",
        APP + "/subscriptions/{subscription}/change",
        WRITE,
        put(lineItems=[{"price": "price_1"}], when="now"),
        needs="subscription",
    ),
    Row("GET", TENANT + "/subscriptions", OUR_READ),
    Row("GET", TENANT, OUR_READ),
    Row("PUT", TENANT, WRITE, put(), makes=True),
    Row("POST", TENANT + "/access-tokens", WRITE),
    Row("POST", TENANT + "/payment-methods/setup", WRITE, put(provider="stripe")),
    Row("GET", TENANT + "/payment-methods/setup/{setup}", OUR_READ),
    Row("GET", TENANT + "/invoices", OUR_READ),
    Row("GET", TENANT + "/payment-providers/stripe/invoices", OUR_READ),
    Row("POST", TENANT + "/payment-providers/stripe/invoices", WRITE, invoice),
    Row("GET", APP + "/webhook-deliveries", READ),
    Row("GET", APP + "/webhook-deliveries/{delivery}", READ),
    Row("POST", APP + "/webhook-deliveries/{delivery}/replay", WRITE),
    Row("POST", APP + "/webhook-deliveries/replay", WRITE, put(reason="unknown invoice")),
    Row("GET", APP + "/prices/{price}", READ),
    Row("PUT", APP + "/prices/{price}", WRITE, put(currency="eur", amountMinor=1), makes=True),
    Row("GET", APP + "/tax-rates/{tax}", READ),
    Row("PUT", APP + "/tax-rates/{tax}", WRITE, put(percentage=1, inclusive=True), makes=True),
    Row("POST", "/v1/tenants/{tenant}/stripe-invoices", "write token", charge),
    Row("POST", "/api/v1/tenants/{tenant}/stripe-invoices", "write", charge),
    Row("GET", "/admin/api/invoices?page=1&limit=5", ADMIN),
    Row("GET", "/admin/api/invoices/{invoice}", ADMIN),
    Row("POST", "/admin/api/invoices", ADMIN, draft),
    Row(
        "POST",
        "/stripe/invoices?name=ours&connection_name={connection}",
        "write lone",
        put(customer="cus_1"),
    ),
]
# Whoever has the address is let in; what it names can't be guessed.
OPEN = {
    "POST /webhooks/{}/{}",
    "GET /d/{}",
    "GET /return/{}",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/redoc.standalone.js",
}
OURS = ["nobody", "read", "write", "admin", "lone", "token", "revoked"]
STRANGERS = ["their read", "their write", "their admin", "their lone", "their token"]
WHOSE = ["own", "other tenant", "other app", "unknown"]
LET_IN = {200, 202, 504}  # 504: nobody answers for the provider here


class World:
    """Our app with two tenants, their app, and what each of them has."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.ours, self.theirs = Shop(service), Shop(service)
        self.second = uuid4()
        self.ours.set_tenant(self.second)
        self.tokens = {shop.app_id: self._token(shop) for shop in (self.ours, self.theirs)}
        self.revoked = str(item(admin(self.ours, "POST", "/api-keys", {"kind": "read"}))["key"])
        newest = admin(self.ours, "GET", "/api-keys").json()["items"][0]["id"]
        admin(self.ours, "DELETE", f"/api-keys/{newest}")
        self.theirs.set_connection("theirs")
        for shop, slug in ((self.ours, "ours"), (self.theirs, "theirs")):
            shop.change(settings={"slug": slug})
            body = {"currency": "eur", "amountMinor": 1}
            shop.put(f"{shop.url}/prices/price-{slug}", body)
            shop.put(f"{shop.url}/tax-rates/tax-{slug}", {"percentage": 1, "inclusive": True})
        self.things = self._things()
        service.wait_for_projection("access")
        service.wait_for_projection("invoices")
        service.wait_for_projection("subscriptions")

    def _token(self, shop: Shop) -> str:
        shop.change(settings={"client_prices": ["price_1"], "client_tax_rates": ["txr_1"]})
        path = f"{shop.tenant_url}/access-tokens"
        made = shop.service.request("POST", path, json={"userId": "u"}, headers=shop.headers())
        return str(item(made)["token"])

    def _invoice(self, shop: Shop, tenant_id: UUID, stands: str = "paid") -> str:
        url = shop.invoices_url.replace(str(shop.tenant_id), str(tenant_id))
        body = shop.body(stands, tenantUuid=str(tenant_id))
        response = shop.service.request("POST", url, json=body, headers=shop.headers())
        return str(item(response)["id"])

    def _subscription(self, shop: Shop, tenant_id: UUID) -> str:
        context = self.service.context
        return str(subscribe(context, shop.app_id, shop.connection_id, tenant_id=tenant_id).id)

    def _setup(self, shop: Shop, tenant_id: UUID) -> str:
        path = f"{shop.url}/tenants/{tenant_id}/payment-methods/setup"
        body = {"provider": "stripe", "redirectUrl": "https://shop.test/open"}
        response = shop.service.request("POST", path, json=body, headers=shop.headers())
        return str(item(response)["id"])

    def _given_up(self, shop: Shop) -> str:
        headers = {"prefer": "respond-async"}
        invoice_id = shop.post("never", headers=headers).json()["items"][0]["id"]
        shop.given_up(invoice_id)
        return f"invoice:{invoice_id}"

    def _delivered(self, shop: Shop) -> str:
        event = stripe_event()
        assert shop.deliver(event).status_code == 200
        return str(shop.received(event["id"])[0].originator_id)

    def _things(self) -> dict[str, dict[str, str]]:
        """Name what each has; what is an app's own is no tenant's."""
        ours, theirs = self.ours, self.theirs
        invoices = [(ours, ours.tenant_id), (ours, self.second), (theirs, theirs.tenant_id)]
        named: dict[str, list[object]] = {
            "tenant": [ours.tenant_id, self.second, theirs.tenant_id],
            "invoice": [self._invoice(shop, tenant) for shop, tenant in invoices],
            "setup": [self._setup(shop, tenant) for shop, tenant in invoices],
            "key": ["made when asked", None, theirs.key_ids["read"]],
            "connection": [ours.connection, None, "theirs"],
            "price": ["price-ours", None, "price-theirs"],
            "tax": ["tax-ours", None, "tax-theirs"],
            "subscription": [self._subscription(shop, tenant) for shop, tenant in invoices],
            "work": ["made when asked", None, self._given_up(theirs)],
            "delivery": [self._delivered(ours), None, self._delivered(theirs)],
        }
        return {
            kind: {
                owner: str(name)
                for owner, name in zip(WHOSE, [*names, uuid4()], strict=True)
                if name is not None
            }
            for kind, names in named.items()
        }

    def owner(self, row: Row) -> list[str]:
        """Return the owners whose objects a route can be called for."""
        kinds = [kind for kind in self.things if f"{{{kind}}}" in row.path]
        return list(self.things[kinds[0]]) if kinds else ["own"]

    def send(self, row: Row, caller: str, owner: str) -> httpx.Response:
        named = {kind: each.get(owner, "") for kind, each in self.things.items()}
        if caller in row.admits.split():
            named |= self._spare(row, owner)
        path = row.path.format(app=self.ours.app_id, **named)
        options = {} if row.body is None else {"json": row.body(named)}
        headers = {"prefer": "respond-async"} | self.headers(caller)
        return self.service.request(row.method, path, headers=headers, **options)

    def _spare(self, row: Row, owner: str) -> Names:
        """Make what a route takes out of use, so that the next one has its own."""
        tenants = {"own": self.ours.tenant_id, "other tenant": self.second}
        if row.needs == "work" and owner == "own":
            return {"work": self._given_up(self.ours)}
        if row.needs and owner in tenants:
            return self._needed(row, tenants[owner])
        if owner != "own":
            return {}
        if "{key}" in row.path:
            return {"key": item(admin(self.ours, "POST", "/api-keys", {"kind": "read"}))["id"]}
        if row.method == "DELETE":
            name = f"spare-{uuid4().hex[:8]}"
            body = {"provider": "stripe", "secretKey": "sk_test_1", "default": False}
            item(admin(self.ours, "PUT", f"/payment-connections/{name}", body))
            return {"connection": name}
        return {}

    def _needed(self, row: Row, tenant_id: UUID) -> Names:
        if row.needs == "subscription":
            return {"subscription": self._subscription(self.ours, tenant_id)}
        return {"invoice": self._invoice(self.ours, tenant_id, row.needs)}

    def headers(self, caller: str) -> dict[str, str]:
        """Return the headers of a caller; each selects our app."""
        shop = self.theirs if caller in STRANGERS else self.ours
        kind = caller.removeprefix("their ")
        if kind == "admin":
            return {"api-key": shop.keys["admin"]}
        if kind == "token":
            return {"authorization": f"Bearer {self.tokens[shop.app_id]}"}
        if kind == "lone":
            return {"x-api-key": shop.keys["write"]}
        if kind == "nobody":
            return {}
        key = self.revoked if kind == "revoked" else shop.keys[kind]
        given = {"x-api-key": key, "x-api-key-type": "read" if kind == "revoked" else kind}
        return given | {"x-client-id": str(self.ours.app_id)}


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
