"""Test a connection on the dashboard."""

from typing import Any

from domain.gateway.errors import GatewayMisconfigured
from eventlog.security.vault import Vault
from tests.service.dashboard.visits import visit
from tests.service.harness import Shop
from tests.service.running_service import MASTER_KEY
from tests.support.credentials_check import CredentialsCheck
from tests.support.provider_lookup_worker import lookup_worker


def test_the_dashboard_shows_the_result(shop: Shop) -> None:
    gateway: Any = CredentialsCheck()
    visitor, path = visit(shop), "/dashboard/connections/stripe-1/test"
    with lookup_worker(shop.service.database, gateway, vault=Vault([MASTER_KEY])):
        page = visitor.act("/dashboard/operations", path)
        assert "Stripe accepts the key of stripe-1, in test mode" in page.text
        gateway.error = GatewayMisconfigured("<b>rejects our credentials")
        page = visitor.act("/dashboard/operations", path)
        assert "&lt;b&gt;rejects our credentials" in page.text
    assert visitor.act("/dashboard/operations", path.replace("-1", "-2")).status_code == 404
    assert path not in visit(shop, "read").get("/dashboard/operations").text
