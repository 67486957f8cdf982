import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.service.harness import Shop, stripe_event
from tests.service.running_service import Service

DASHBOARD = json.loads(Path("deploy/grafana/billhook.json").read_text())
# Only a system with a fault has these; the tests of the alerts raise the faults.
ONLY_WITH_A_FAULT = {"billhook_connection_breaker_open"}


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def labels_by_sample(service: Service) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(service.request("GET", "/metrics").text):
        found.setdefault(family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_panels_query_metrics_and_labels_that_the_service_has(shop: Shop) -> None:
    shop.post("paid")
    shop.deliver(stripe_event())
    shop.service.wait_for_projection("webhooks")
    known = labels_by_sample(shop.service)
    queried: set[str] = set()
    for title, expression in expressions():
        (metric,) = re.findall(r"billhook_\w+", expression)
        queried.add(metric)
        assert metric in known or metric in ONLY_WITH_A_FAULT, title
        for group in re.findall(r"by \(([^)]*)\)", expression):
            wanted = {label.strip() for label in group.split(",")}
            assert wanted <= known[metric] or metric in ONLY_WITH_A_FAULT, title
    assert len(queried) == len(list(expressions()))


def test_panels_have_units_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"], panel["title"]
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, panel["title"]
                taken.add((x, y))
    assert len({panel["id"] for panel in panels}) == len(panels)
