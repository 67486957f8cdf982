"""Payments by method and declines by reason: exact for any period, and read from few rows."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.invoices import payment_events as pe
from domain.invoices.invoice import Invoice
from projections.dashboard.queries import SHARES, DashboardQueries, Share
from projections.reports.invoice_sums import parts_of
from projections.reports.time_units import quarter_of, range_parameters
from tests.projections.generations.rebuilds import rebuilt
from tests.projections.harness import APP, issue, projecting, requested
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.projections.random_events import AT

QUARTER = timedelta(minutes=15)


def paid(method: str | None, *, occurred_at: datetime, currency: str = "eur") -> Invoice:
    invoice = requested()
    issue(invoice, currency=currency)
    pay_by(invoice, method, occurred_at=occurred_at)
    return invoice


def pay_by(invoice: Invoice, method: str | None, *, occurred_at: datetime) -> None:
    invoice.record_event(
        pe.PaymentSucceeded,
        occurred_at=occurred_at,
        actor="worker",
        payment_id="pi_1",
        source="answer",
        as_of=1_767_225_601,
        progress=[3, 1, 1000, 4],
        body="cd" * 32,
        amount_minor=1000,
        method=method,
        paid_at=int(occurred_at.timestamp()),
    )


def decline(invoice: Invoice, reason: str | None, *, occurred_at: datetime) -> None:
    invoice.record_event(
        pe.PaymentFailed,
        occurred_at=occurred_at,
        actor="worker",
        payment_id="pi_0",
        source="answer",
        as_of=int(occurred_at.timestamp()),
        progress=[1, 1, 0, 1],
        body=None,
        amount_minor=1000,
        code="card_declined",
        decline_code=reason,
        message="No",
    )


DAYS = [AT + timedelta(days=day, hours=5) for day in range(6)]


def payments_and_declines() -> list[Invoice]:
    """Return payments by all sorts of methods, and two declines on each of six days."""
    methods = ["card", "ideal", None, "pm_1SZ3xYBillhook", "x" * 500, "card"]
    late = paid(None, occurred_at=DAYS[2])
    invoices = [late, paid("card", occurred_at=DAYS[3], currency="usd")]
    invoices += [paid(method, occurred_at=day) for method, day in zip(methods, DAYS, strict=True)]
    for number, day in enumerate(DAYS):
        decline(invoices[number], "expired_card" if number % 2 else None, occurred_at=day)
        decline(invoices[number], "stolen_card", occurred_at=day)
    pay_by(late, "paypal", occurred_at=DAYS[2])  # its method becomes known with a second report
    return invoices


def test_each_payment_and_each_decline_of_a_period_is_counted_by_name(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*payments_and_declines())
            queries = DashboardQueries(books.pool)

            async def shares(kind: str, *, first: datetime, end: datetime) -> Counter[str]:
                assert kind in ("collected", "refused")
                found = await queries.shares(
                    APP, "test", "eur",
                    "collected" if kind == "collected" else "refused",
                    first=first, end=end,
                )  # fmt: skip
                return Counter({share.name: share.items for share in found})

            all_days = {"first": AT, "end": AT + timedelta(days=6)}
            every = Counter(["card", "card", "ideal", "unknown", "saved method", "x" * 64])
            assert await shares("collected", **all_days) == every + Counter(["paypal"])
            middle = {"first": DAYS[1], "end": DAYS[4]}
            assert await shares("collected", **middle) == Counter(
                ["ideal", "unknown", "saved method", "paypal"]
            )
            declines = Counter({"stolen_card": 5, "card_declined": 3, "expired_card": 2})
            assert await shares("refused", **all_days) == declines
            assert await shares("refused", first=DAYS[0], end=DAYS[0] + QUARTER) == Counter(
                ["stolen_card", "card_declined"]
            )
            assert await queries.shares(
                UUID(int=99), "test", "eur", "refused", **all_days
            ) == []  # fmt: skip
            assert (await rebuilt(database)).differing == 0

    asyncio.run(scenario())


def test_names_beyond_the_most_frequent_are_one(database: str) -> None:
    invoices = [paid("card", occurred_at=AT)]
    for number in range(9):
        decline(invoices[0], f"reason_{number}", occurred_at=AT)
    decline(invoices[0], "reason_8", occurred_at=AT)

    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*invoices)
            found = await DashboardQueries(books.pool).shares(
                APP, "test", "eur", "refused", first=AT, end=AT + QUARTER
            )
            assert found[0] == Share("reason_8", 2)
            assert (len(found), found[-1]) == (7, Share("other", 3))

    asyncio.run(scenario())


_FILL = """
INSERT INTO read_invoices_g1.invoice_shares
SELECT %(app)s, 'test', 'eur', 'stripe', 'main', 'refused', unit, number, 'reason_' || name, 100, 1
FROM (VALUES ('week', 9), ('day', 60), ('hour', 60 * 24), ('quarter', 60 * 96)) AS span (unit, size)
CROSS JOIN LATERAL generate_series(0, size - 1) AS number CROSS JOIN generate_series(1, 5) AS name
"""


def test_a_long_period_reads_its_weeks_and_the_smaller_units_at_its_edges(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_FILL, {"app": APP})
        connection.execute("ANALYZE read_invoices_g1.invoice_shares")
    epoch = datetime.fromtimestamp(0, AT.tzinfo)
    end = epoch + timedelta(days=50, hours=20)
    period = range_parameters([(0, quarter_of(epoch + 5 * QUARTER), quarter_of(end))])
    books = {"app_id": APP, "mode": "test", "currency": "eur", "kind": "refused"}
    plan = explained(database, SHARES, books | period)
    read = [node for node in nodes(plan) if node.get("Relation Name") == "invoice_shares"]
    assert read
    assert not [node for node in read if node["Node Type"] == "Seq Scan"]
    assert read_at_most(plan) <= 5 * (7 + 12 + 46 + 6)


@settings(max_examples=30)
@given(method=st.text(max_size=80))
def test_no_method_is_too_long_for_its_index(method: str) -> None:
    view = paid(method, occurred_at=AT).view
    names = {part.name for part in parts_of(view) if part.kind == "collected"}
    assert names
    assert all(0 < len(name) <= 64 for name in names)
