"""What deliveries say of an endpoint's secret counts more than the mark that it was made with."""

from __future__ import annotations

from collections.abc import Callable

from domain.apps.connection import Connection, secret_context
from projections.inbox.delivery_evidence import DeliveryEvidence
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.test_registration import BASE, VAULT, registration, wrong
from workers.polling.run import connection_in_use
from workers.webhooks.registration import WebhookRegistration

__all__ = ["registration"]


def test_a_secret_that_was_rolled_at_stripe_is_known_by_what_it_signs(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    first = registration().register(BASE, renew=False)
    roll_secret(bench, first.endpoint)
    assert "signs with a secret that is not stored" in wrong(registration())[0]
    verified = DeliveryEvidence(is_verified=True)
    assert wrong(registration(evidence=verified)) == []
    assert registration(evidence=verified).state().state == "healthy"

    again = registration(evidence=verified).register(BASE, renew=False)

    assert (again.action, again.endpoint, again.deleted) == ("updated", first.endpoint, [])
    assert wrong(registration()) == [], "the endpoint has the mark of the newest secret"


def roll_secret(bench: Bench, endpoint_id: str) -> None:
    """Add the new secret and drop the one with which the endpoint was made."""
    connection = connection_in_use(bench.billing, bench.app_id, "main")
    sealed = VAULT.seal(
        bench.account.admin.roll_secret(endpoint_id), context=secret_context(bench.app_id, "main")
    )
    bench.billing.change(
        Connection,
        connection.id,
        lambda known: known.set_webhook_secrets(
            [sealed], actor="operator", occurred_at=bench.clock()
        ),
    )


def test_an_endpoint_whose_deliveries_are_refused_is_wrong_and_replaced(
    registration: Callable[..., WebhookRegistration],
) -> None:
    first = registration().register(BASE, renew=False)
    refused = DeliveryEvidence(is_refused=True)
    (found,) = registration(evidence=refused).state().problems
    assert found == "sends deliveries that no stored secret verifies"
    assert registration(evidence=refused).state().state == "misconfigured"
    assert found in wrong(registration(evidence=refused))[0]

    replaced = registration(evidence=refused).register(BASE, renew=False)

    assert (replaced.action, replaced.deleted) == ("replaced", [first.endpoint])
