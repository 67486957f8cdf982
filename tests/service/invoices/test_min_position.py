"""Reads that have at least what their caller has seen."""

from typing import Any

from tests.service.harness import Shop, errors
from tests.service.running_service import Service


def test_an_invoice_can_be_read_at_once_though_no_projection_runs(
    database: str,
) -> None:
    with Service(database) as service:
        shop = Shop(service)
    patience: dict[str, Any] = {"min_position_wait_s": 0.05, "access_max_age_s": 60}
    with Service(database, projections=False, **patience) as behind:
        shop.service = behind
        behind.call(behind.context.auth.access.look())
        posted = shop.post("paid")
        assert posted.status_code == 200
        found = shop.get(posted.headers["location"]).json()["items"][0]
        assert found["status"] == "paid"
        assert found["position"] == posted.json()["items"][0]["position"]
        listed = shop.get(f"{shop.url}/invoices", minPosition=found["position"])
        assert (listed.status_code, errors(listed)[0]["code"]) == (503, "[E5030]")
        assert "retry-after" in listed.headers


def test_a_list_waits_until_it_has_what_the_caller_has_seen(service: Service) -> None:
    shop = Shop(service)
    for expected in range(1, 6):
        position = shop.post("paid").headers["x-billhook-position"]
        found = shop.get(f"{shop.url}/invoices", minPosition=position).json()
        assert found["totalItems"] == expected
        assert found["items"][0]["status"] == "paid"


def test_what_the_caller_has_seen_is_never_taken_back(service: Service) -> None:
    """The read model catches up while it is asked: the row that it had before does not count."""
    shop = Shop(service)
    for _ in range(40):
        posted = shop.post("declined")
        (found,) = shop.get(posted.headers["location"]).json()["items"]
        assert found["status"] == "failed"
