"""A history is imported from lists, goes on when it was killed, and adds nothing a second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest

from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.commands import SetPrice
from domain.core import ids
from domain.core.errors import StaleWrite
from domain.invoices.events import InvoiceImported
from domain.invoices.payment_events import PaymentFailed
from domain.invoices.view import InvoiceView
from domain.subscriptions.events import SubscriptionStarted
from domain.subscriptions.subscription import Subscription
from domain.tenants.commands import SetTenant
from eventlog.codec import Codec
from tests.workers.history.imports import open_imports
from tests.workers.stripe_harness import Bench
from workers.history.import_run import ImportCheckpoint
from workers.history.stripe import StripeImport

YEAR_S = 365 * 86400


class Start(Protocol):
    """Makes an import as a new process would."""

    def __call__(self, **changes: Any) -> StripeImport:
        """Make it."""


class Killed(Exception):
    """Simulates a SIGKILL at a chosen step."""


@pytest.fixture
def start(bench: Bench) -> Iterator[Start]:
    with open_imports(bench.log.dsn) as imports:
        yield partial(imports.stripe, bench)


def since(bench: Bench) -> int:
    return int(bench.account.admin.clock()["now"]) - YEAR_S - 86400


def views(bench: Bench) -> list[InvoiceView]:
    imported = bench.log.read(0, 10_000, [InvoiceImported.TOPIC])
    return [bench.invoice(UUID(str(entry.originator_id))).view for entry in imported]


def books(bench: Bench) -> dict[str, int]:
    """Return collected and refunded amounts of the imported invoices."""
    known = views(bench)
    return {
        "collected": sum(view.amount_paid_minor for view in known),
        "refunded": sum(view.amount_refunded_minor for view in known),
    }


def ledger(bench: Bench) -> dict[str, int]:
    """The same by the sandbox's own books."""
    sums: Counter[str] = Counter()
    for entry in bench.account.admin.ledger()["entries"]:
        sums[entry["kind"]] += entry["amount"]
    return {"collected": sums["charge"], "refunded": sums["refund"]}


def test_the_sums_are_the_ledgers_and_a_second_run_adds_no_event(
    bench: Bench, start: Start
) -> None:
    made = bench.account.admin.make_history(130, customers=5, failed=0.1, refunded=0.1)
    assert made["failed"]
    assert made["refunded"]
    done = start().run(since(bench))
    assert done.counts["invoices"] == {"new": 130}
    assert books(bench) == ledger(bench)
    statuses = Counter(view.status for view in views(bench))
    assert statuses == {"paid": made["paid"], "failed": made["failed"]}
    head = bench.log.head()
    again = start().run(since(bench))
    assert again.counts["invoices"] == {"known": 130}
    assert bench.log.head() == head


def test_an_import_has_all_lines_and_items_of_long_objects(bench: Bench, start: Start) -> None:
    customer = bench.account.add_customer()
    made = bench.account.v1.invoices.create({"customer": customer, "currency": "eur"}).id
    lines: Any = [{"amount": 100, "description": f"Seat {index}"} for index in range(12)]
    bench.account.v1.invoices.add_lines(made, {"lines": lines})
    bench.account.v1.invoices.finalize_invoice(made)
    prices = [bench.account.add_price(100, recurring={"interval": "month"}) for _ in range(12)]
    params: Any = {"customer": customer, "items": [{"price": price} for price in prices]}
    started = bench.account.v1.subscriptions.create(params).id
    start().run(since(bench))
    assert len(bench.imported(made).view.lines) == 12
    named = ids.for_provider_object(bench.app_id, bench.connection_id, "test", started)
    view = bench.billing.get(Subscription, named).view
    assert (len(view.items), view.monthly_minor) == (12, 1200)


def test_it_only_reads_at_the_provider_and_in_lists(bench: Bench, start: Start) -> None:
    bench.account.admin.make_history(130, customers=5)
    bench.account.admin.forget_requests()
    start().run(since(bench))
    requests = bench.account.admin.requests()
    assert {request["method"] for request in requests} == {"GET"}
    paths = [request["path"] for request in requests]
    assert [path for path in paths if "/invoices/" in path or "/payment_intents/" in path] == []
    assert len(requests) < 60  # windows of a month, each of one or two pages


@pytest.mark.parametrize(
    "killed_at", [3, *(pytest.param(page, marks=pytest.mark.extended) for page in (1, 6, 9))]
)
def test_killed_after_any_page_it_goes_on_and_nothing_is_double(
    bench: Bench, start: Start, killed_at: int
) -> None:
    bench.account.admin.make_history(230, customers=5, refunded=0.1)
    subscribed(bench)
    import_pages: list[str] = []

    def report(checkpoint: ImportCheckpoint, _: float) -> None:
        import_pages.append(checkpoint.phase)
        if len(import_pages) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        start(report=report).run(since(bench))
    seen = list(import_pages)
    done = start(report=lambda checkpoint, _: seen.append(checkpoint.phase)).run(since(bench))
    assert done.finished
    assert len(views(bench)) == len({view.provider_object_id for view in views(bench)}) == 231
    assert books(bench) == ledger(bench)
    assert len(bench.log.read(0, 100, [SubscriptionStarted.TOPIC])) == 1
    assert seen.index("invoices") >= 4  # no phase before it was left out


def test_an_object_that_others_write_meanwhile_is_imported_again_twice(
    bench: Bench, start: Start
) -> None:
    importing = start()
    importing.started = bench.clock()
    made: Any = SimpleNamespace(created_on=importing.started, modified_on=importing.started)

    def conflicting(times: int) -> Callable[[], Any]:
        conflicts = iter([StaleWrite(id=uuid4())] * times)

        def take() -> Any:
            for conflict in conflicts:
                raise conflict
            return made

        return take

    assert importing.outcome(conflicting(2)) == "new"
    with pytest.raises(StaleWrite):
        importing.outcome(conflicting(3))


def subscribed(bench: Bench) -> str:
    customer = bench.account.add_customer()
    monthly = bench.account.add_price(900, recurring={"interval": "month"})
    return str(bench.account.admin.make_subscription(customer, monthly)["id"])


def test_subscriptions_prices_and_tax_rates_come_too(bench: Bench, start: Start) -> None:
    subscription = subscribed(bench)
    price_id, rate_id = bench.account.price, bench.account.tax_rate
    start().run(since(bench))
    (invoice,) = views(bench)
    assert (invoice.subscription_id, invoice.type, invoice.origin) == (
        subscription,
        "subscription",
        "import",
    )
    stream = ids.for_provider_object(bench.app_id, bench.connection_id, "test", subscription)
    running = bench.billing.get(Subscription, stream)
    assert (running.view.status, running.view.monthly_minor) == ("active", 900)
    assert b'"source":"import"' in bench.log.stream(stream)[-1].state.replace(b" ", b"")
    price = bench.billing.get(Price, ids.for_price(bench.app_id, price_id))
    assert (price.name, price.amount_minor, price.interval) == ("Pro Plan", 1999, None)
    rate = bench.billing.get(TaxRate, ids.for_tax_rate(bench.app_id, rate_id))
    assert (rate.rate_ppm, rate.inclusive) == (210_000, False)


def test_a_recorded_price_is_not_changed(bench: Bench, start: Start) -> None:
    own = SetPrice(
        app_id=bench.app_id,
        price_id=bench.account.price,
        name="Ours",
        currency="eur",
        amount_minor=1,
        interval=None,
        interval_count=1,
        actor="t",
    )
    bench.billing.set_price(own, occurred_at=bench.clock())
    start().run(since(bench))
    price = bench.billing.get(Price, ids.for_price(bench.app_id, bench.account.price))
    assert (price.name, price.amount_minor) == ("Ours", 1)


def test_times_are_the_providers_also_of_an_attempt_that_was_refused(
    bench: Bench, start: Start
) -> None:
    bench.account.admin.make_history(12, customers=2, failed=1)
    start().run(since(bench))
    codec = Codec()
    failed = [codec.decode(entry) for entry in bench.log.read(0, 100, [PaymentFailed.TOPIC])]
    assert len(failed) == 12
    listed = {
        intent.id: intent for intent in bench.account.v1.payment_intents.list({"limit": 100}).data
    }
    for event in failed:
        assert isinstance(event, PaymentFailed)
        assert event.as_of == listed[event.payment_id or ""].created
        assert (event.source, event.actor) == ("import", "operator")
    made = {invoice.id: invoice for invoice in bench.account.v1.invoices.list({"limit": 100}).data}
    for view in views(bench):
        there = made[view.provider_object_id or ""]
        assert int(view.created_at.timestamp()) == there.created
        assert view.issued_at is not None
        assert int(view.issued_at.timestamp()) == there.status_transitions.finalized_at


def test_a_dispute_and_a_draft_are_imported(bench: Bench, start: Start) -> None:
    customer = bench.account.add_customer()
    paid = bench.account.admin.make_invoice(customer, amount=700)["id"]
    bench.account.admin.dispute(paid)
    draft = bench.account.admin.make_invoice(customer, amount=800, collect="later")["id"]
    start().run(since(bench))
    assert bench.imported(paid).view.dispute_status == "open"
    assert bench.imported(draft).view.status in ("draft", "open")
    head = bench.log.head()
    start().run(since(bench))
    assert bench.log.head() == head


def test_tenants_are_found_by_their_customers_and_others_stay_unassigned(
    bench: Bench, start: Start
) -> None:
    known, unknown = bench.account.add_customer(), bench.account.add_customer()
    tenant_id = uuid4()
    bench.billing.set_tenant(
        SetTenant(
            app_id=bench.app_id,
            tenant_id=tenant_id,
            contact_body=None,
            customers={bench.connection: known},
            actor="t",
        ),
        occurred_at=bench.clock(),
    )
    for_thread = bench.account.admin.make_invoice(known, amount=700)["id"]
    nobodys = bench.account.admin.make_invoice(unknown, amount=700)["id"]
    done = start().run(since(bench))
    assert bench.imported(for_thread).view.tenant_id == tenant_id
    assert bench.imported(nobodys).view.tenant_id is None
    assert done.counts["customers"] == {"known": 1, "unassigned": 1}


def test_objects_requested_here_or_of_another_app_are_not_imported(
    bench: Bench, start: Start
) -> None:
    bench.charge(bench.request(bench.add_tenant(), tax_rate_id=bench.account.tax_rate))
    customer = bench.account.add_customer()
    bench.account.v1.invoices.create({"customer": customer, "metadata": {"billhook_app": "x"}})
    head = bench.log.head()
    done = start().run(since(bench))
    assert done.counts["invoices"] == {"ours": 1, "elsewhere": 1}
    assert [entry.topic for entry in bench.log.read(head, 100)] == [
        "tax_rate.created",
        "price.created",
    ]


def test_a_dry_run_counts_and_records_nothing(bench: Bench, start: Start) -> None:
    bench.account.admin.make_history(20, customers=2)
    head = bench.log.head()
    done = start(dry_run=True).run(since(bench))
    assert done.counts["invoices"] == {"new": 20}
    assert bench.log.head() == head
    assert start().run(since(bench)).counts["invoices"] == {"new": 20}
