"""A signed webhook with a malformed value is parked alone, with the field's path as its reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.malformed_objects import MARKED, Json, Path, changed, long_text

PRICE: Path = ("items", "data", 0, "price")
SUBSCRIPTION_CASES: list[tuple[Path, Any]] = [
    *[
        (("default_tax_rates",), [{"percentage": value, "inclusive": True}])
        for value in ("abc", "Infinity", "NaN", 101, -1, True, [7])
    ],
    *[
        (("discounts",), [{"source": {"coupon": {"percent_off": value}}}])
        for value in ("abc", "NaN", 101, [7])
    ],
    *[(("trial_end",), value) for value in ("soon", [1], {"a": 1}, 1.5, -1, 10**18, True)],
    (("created",), "1767225600"),
    ((*PRICE, "recurring", "interval_count"), 0),
    ((*PRICE, "recurring", "interval_count"), 10**15),
    ((*PRICE, "recurring", "interval"), "century"),
    ((*PRICE, "nickname"), MARKED),
    ((*PRICE, "id"), long_text(1)),
    (("items", "data"), {}),
    (("items",), []),
    (("customer",), long_text(2)),
    (("currency",), long_text(3)),
    (("latest_invoice",), {"id": long_text(4)}),
    (("metadata",), {"billhook_app": ["a"]}),
]
INVOICE_CASES: list[tuple[Path, Any]] = [
    *[
        ((name,), value)
        for name in ("due_date", "period_start", "created")
        for value in ("soon", [1], {"a": 1}, 1.5, 10**18)
    ],
    (("status_transitions", "paid_at"), "soon"),
    (("lines", "data", 0, "metadata"), {"billhook_line": ["a"]}),
    (("lines", "data"), {"a": 1}),
    (("number",), 7),
    (("number",), long_text(5)),
    (("hosted_invoice_url",), MARKED),
    (("hosted_invoice_url",), long_text(6)),
    (("description",), MARKED),
    (("customer",), long_text(7)),
    (("customer",), {"id": ["cus_1"]}),
    (("currency",), long_text(8)),
    (("currency",), "EURO"),
    (("total",), 10**18),
    (("livemode",), "false"),
    (("parent",), {"subscription_details": {"subscription": long_text(9)}}),
    (("parent",), [1]),
]


def wrongly_applied(
    bench: Bench, good: Json, kind: str, cases: list[tuple[Path, Any]]
) -> list[Any]:
    """Apply odd copies of an event in one batch with it; return the cases that were not parked."""
    odd = [
        bench.receive(changed(good, path, value, event_id=f"evt_odd_{number}"), invoice_id=None)
        for number, (path, value) in enumerate(cases)
    ]
    received = bench.receive(good)
    bench.apply(*odd, received)
    assert bench.log.stream(UUID(str(received.originator_id)))[-1].topic != received.topic
    ends = [bench.log.stream(UUID(str(entry.originator_id)))[-1].state.decode() for entry in odd]
    return [
        (case, end)
        for case, end in zip(cases, ends, strict=True)
        if f"unreadable: {kind}.{case[0][0]}" not in end
    ]


def test_an_invoice_with_an_odd_value_is_parked_alone(bench: Bench) -> None:
    bench.charge(bench.request(bench.add_tenant()))
    good = next(e for e in bench.provider_events() if e["type"] == "invoice.paid")
    assert wrongly_applied(bench, good, "invoice", INVOICE_CASES) == []


def test_a_subscription_with_an_odd_value_is_parked_alone(bench: Bench) -> None:
    price = bench.account.add_price(1999, recurring={"interval": "month"})
    bench.charge(bench.subscribe(bench.add_tenant(), price))
    good = bench.events("customer.subscription.")[0]
    assert wrongly_applied(bench, good, "subscription", SUBSCRIPTION_CASES) == []
