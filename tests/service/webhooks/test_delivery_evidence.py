"""What a connection's deliveries say about the secret that its provider signs with."""

import asyncio
from datetime import UTC, datetime, timedelta

from projections.inbox.delivery_evidence import REFUSED_IN_A_ROW, DeliveryEvidence
from projections.inbox.delivery_evidence import delivery_evidence as read_evidence
from tests.service.harness import Shop, stripe_event
from tests.support.wait_until import until

LONG_AGO = datetime.now(UTC) - timedelta(days=1)


def forge(shop: Shop, several: int) -> None:
    for _ in range(several):
        assert shop.deliver(stripe_event(), secret="whsec_of_nobody").status_code == 400


def test_verified_and_refused_deliveries_tell_whether_the_secret_is_stored(
    shop: Shop, service_database: str
) -> None:
    def evidence(since: datetime = LONG_AGO) -> DeliveryEvidence:
        return read_evidence(service_database, shop.connection_id, since=since)

    assert evidence() == DeliveryEvidence()
    assert shop.deliver(stripe_event()).status_code == 200
    asyncio.run(until(lambda: evidence() == DeliveryEvidence(is_verified=True)))
    forge(shop, REFUSED_IN_A_ROW)
    asyncio.run(until(lambda: evidence() == DeliveryEvidence(is_verified=True, is_refused=True)))
    changed_at = datetime.now(UTC)
    assert evidence(changed_at) == DeliveryEvidence(), "the connection was changed since"
    assert shop.deliver(stripe_event()).status_code == 200
    asyncio.run(until(lambda: evidence(changed_at) == DeliveryEvidence(is_verified=True)))
    assert evidence() == DeliveryEvidence(is_verified=True), "a verified one came after the others"
    forge(shop, REFUSED_IN_A_ROW - 1)
    assert evidence() == DeliveryEvidence(is_verified=True), "so few may be an accident"
