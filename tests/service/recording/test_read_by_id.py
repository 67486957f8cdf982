from typing import Any
from uuid import UUID

from tests.service.harness import Shop
from tests.service.invoice_outcomes import complete_invoice
from tests.service.running_service import Service
from tests.service.subscription_fixtures import subscribe

PATIENCE: dict[str, Any] = {"min_position_wait_s": 0.05, "access_max_age_s": 60}


def item(shop: Shop, path: str) -> dict[str, Any]:
    response = shop.get(f"{shop.url}/{path}")
    assert response.status_code == 200, response.text
    (found,) = response.json()["items"]
    return dict(found)


def test_a_get_by_id_is_never_behind_the_log_while_the_projections_are_stopped(
    database: str,
) -> None:
    with Service(database) as service:
        shop = Shop(service)
        invoice = shop.post("requires_action").json()["items"][0]["id"]
        made = subscribe(service.context, shop.app_id, shop.connection_id, tenant_id=shop.tenant_id)
        for projection in ("invoices", "subscriptions", "access", "tenants"):
            wait = service.context.recording.read_model.wait_for(projection, service.head(), 60)
            assert service.call(wait)
    with Service(database, projections=False, **PATIENCE) as stopped:
        shop.service = stopped
        stopped.call(stopped.context.auth.access.look())
        row_position = item(shop, f"invoices/{invoice}")["position"]
        complete_invoice(stopped.context, UUID(invoice), "paid")
        paid = item(shop, f"invoices/{invoice}")
        assert paid["status"] == "paid"
        assert row_position < paid["position"] == stopped.head()
        assert item(shop, f"invoices/{invoice}") == paid

        cancel = f"{shop.url}/subscriptions/{made.id}/cancel"
        assert stopped.request("POST", cancel, headers=shop.headers()).status_code == 200
        for name in (made.id, made.view.provider_subscription_id):
            assert item(shop, f"subscriptions/{name}")["status"] == "canceled"

        tenant = f"tenants/{shop.tenant_id}"
        shop.put(f"{shop.url}/{tenant}", {"name": "Ada GmbH"})
        assert item(shop, tenant)["name"] == "Ada GmbH"


def test_a_get_by_id_reads_an_invoice_that_no_projection_has_seen(database: str) -> None:
    with Service(database) as service:
        shop = Shop(service)
    with Service(database, projections=False, **PATIENCE) as stopped:
        shop.service = stopped
        stopped.call(stopped.context.auth.access.look())
        posted = shop.post("paid").json()["items"][0]
        assert item(shop, f"invoices/{posted['id']}")["status"] == "paid"


def test_a_row_of_the_read_model_has_the_position_of_its_newest_event(service: Service) -> None:
    shop = Shop(service)
    invoice = shop.post("paid").json()["items"][0]["id"]
    service.wait_for_projection("invoices")
    recording = service.context.recording
    row = service.call(recording.read_model.get_invoice(shop.app_id, UUID(invoice)))
    assert row is not None
    assert row.position == service.call(recording.streams.newest(UUID(invoice)))
