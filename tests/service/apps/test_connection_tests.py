"""Test a connection over HTTP; a worker sends the read."""

from typing import Any

from domain.gateway.errors import GatewayMisconfigured, GatewayRejected, GatewayUnavailable
from eventlog.security.vault import Vault
from tests.service.harness import Shop, admin, item
from tests.service.running_service import MASTER_KEY, Service
from tests.support.credentials_check import CredentialsCheck
from tests.support.provider_lookup_worker import lookup_worker

TEST = "/payment-connections/stripe-1/test"
SECRET = "sk_test_a_part_of_the_key"


def test_the_answer_says_whether_the_provider_accepts_the_key_and_why_not(
    shop: Shop, other_shop: Shop
) -> None:
    gateway: Any = CredentialsCheck()
    with lookup_worker(shop.service.database, gateway, vault=Vault([MASTER_KEY])) as worker:
        accepted = item(admin(shop, "POST", TEST))
        assert (accepted["accepted"], accepted["reason"], accepted["message"]) == (True, None, None)
        assert accepted["durationMs"] >= 0
        assert worker.looked_up == [(shop.app_id, "stripe-1")]
        errors = [
            (GatewayMisconfigured("Stripe rejects our credentials (x)"), "refused", "credentials"),
            (
                GatewayRejected(f"Invalid key {SECRET}", code="bad_request"),
                "refused",
                "bad_request",
            ),
            (GatewayUnavailable("no answer from Mollie"), "unavailable", "no answer from Mollie"),
        ]
        for error, reason, text in errors:
            gateway.error = error
            shown = item(admin(shop, "POST", TEST))
            assert (shown["accepted"], shown["reason"], shown["durationMs"]) == (
                False,
                reason,
                None,
            )
            assert text in shown["message"]
            assert SECRET not in shown["message"]
        reads = gateway.reads
        for path in ("/payment-connections/nothing/test", "/payment-connections/a%20b/test"):
            assert admin(shop, "POST", path).status_code == 404
        other_shop.set_connection("theirs")
        shop.service.wait_for_projection("access")
        assert admin(shop, "POST", "/payment-connections/theirs/test").status_code == 404
        assert gateway.reads == reads


def test_without_an_answer_in_time_the_result_says_so(database: str) -> None:
    with Service(database, projections=True, lookup_timeout_s=0.05) as service:
        shown = item(admin(Shop(service), "POST", TEST))
    assert (shown["accepted"], shown["reason"]) == (False, "unanswered")
    assert "within 0.05 s" in shown["message"]
