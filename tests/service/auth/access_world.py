"""Two apps, the callers of each, and what each caller sends."""

from uuid import UUID, uuid4

import httpx

from tests.service.auth.access_table import STRANGERS, WHOSE, Names, Row
from tests.service.harness import Shop, admin, item, stripe_event
from tests.service.running_service import Service
from tests.service.subscription_fixtures import subscribe


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
