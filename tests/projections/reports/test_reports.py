import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from projections.reports.invoice_sums import Part, parts_of
from projections.reports.time_units import quarter_of
from tests.projections.harness import pay, projecting, requested
from tests.projections.random_events import AT
from tests.projections.reports.report_events import (
    bill,
    close,
    dispute,
    fail,
    only,
    refund,
    summary,
)

OTHER_APP = UUID(int=2)
HOUR = timedelta(hours=1)


def test_currencies_and_modes_and_apps_are_never_added_up(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = [
                bill(100),
                bill(20, currency="usd"),
                bill(3, mode="live"),
                bill(5000, app_id=OTHER_APP),
            ]
            for invoice in made:
                pay(invoice, occurred_at=AT)
            await books.append_and_project(*made, requested())
            rows = await summary(books)
            assert [(r.mode, r.currency, r.collected_minor, r.collected_count) for r in rows] == [
                ("live", "eur", 3, 1),
                ("test", "eur", 100, 1),
                ("test", "usd", 20, 1),
            ]
            assert only(await summary(books, OTHER_APP)).collected_minor == 5000
            assert await summary(books, uuid4()) == []

    asyncio.run(scenario())


def test_what_is_owed_is_counted_until_it_is_paid_or_closed(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            paid, failed, voided, untouched = (bill(n) for n in (100, 20, 3, 5000))
            await books.append_and_project(paid, failed, voided, untouched)
            row = only(await summary(books))
            assert (row.outstanding_minor, row.outstanding_count) == (5123, 4)
            pay(paid, occurred_at=AT + HOUR)
            fail(failed, occurred_at=AT + HOUR)
            close(voided, occurred_at=AT + HOUR)
            await books.append_and_project(paid, failed, voided)
            row = only(await summary(books))
            assert (row.outstanding_minor, row.outstanding_count) == (5020, 2)
            assert (row.collected_minor, row.collected_count) == (100, 1)

    asyncio.run(scenario())


def test_what_is_due_is_overdue_then_and_the_rest_a_day_after_its_issue(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            due = bill(100, due_at=int((AT + 10 * HOUR).timestamp()))
            dayless = bill(20)
            await books.append_and_project(due, dayless)
            overdue = [
                only(await summary(books, now=AT + hours * HOUR)).overdue_minor
                for hours in (0, 9.9, 10, 23.9, 24, 1000)
            ]
            assert overdue == [0, 0, 100, 100, 120, 120]
            pay(due, occurred_at=AT + 11 * HOUR)
            await books.append_and_project(due)
            row = only(await summary(books, now=AT + 1000 * HOUR))
            assert (row.overdue_minor, row.overdue_count) == (20, 1)

    asyncio.run(scenario())


def test_money_counts_in_the_quarter_in_which_it_came_or_went(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = bill(100)
            pay(invoice, occurred_at=AT + timedelta(minutes=14))
            refund(invoice, 30, occurred_at=AT + 5 * HOUR, refunded_at=AT + 2 * HOUR)
            refund(invoice, 20, occurred_at=AT + 6 * HOUR)
            await books.append_and_project(invoice)
            row = only(await summary(books))
            assert (row.collected_minor, row.refunded_minor, row.refunded_count) == (100, 50, 2)
            quarter = timedelta(minutes=15)
            for first, end, collected, refunded in (
                (AT, AT + quarter, 100, 0),
                (AT + quarter, AT + 2 * HOUR, 0, 0),
                (AT + quarter, AT + 2 * HOUR + quarter, 0, 30),
                (AT + 3 * HOUR, AT + 9 * HOUR, 0, 20),
            ):
                row = only(await summary(books, first=first, end=end))
                assert (row.collected_minor, row.refunded_minor) == (collected, refunded)
            assert only(await summary(books, first=AT + HOUR)).refunded_minor == 50
            assert only(await summary(books, end=AT + HOUR)).collected_minor == 100

    asyncio.run(scenario())


def test_what_is_disputed_counts_when_it_was_until_it_is_won(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            won, lost = bill(100), bill(20)
            for invoice in (won, lost):
                pay(invoice, occurred_at=AT)
                amount_minor = invoice.view.amount_paid_minor
                dispute(invoice, amount_minor, occurred_at=AT + 3 * HOUR, disputed_at=AT + HOUR)
            dispute(lost, 5, occurred_at=AT + 3 * HOUR, dispute_id="dp_2")
            await books.append_and_project(won, lost)
            row = only(await summary(books))
            assert (row.disputed_minor, row.disputed_count, row.net_minor) == (125, 3, -5)
            assert only(await summary(books, end=AT + 2 * HOUR)).disputed_minor == 120
            for invoice, fact in ((won, m.DisputeWon), (lost, m.DisputeLost)):
                amount_minor = invoice.view.amount_paid_minor
                dispute(
                    invoice,
                    amount_minor,
                    occurred_at=AT + 9 * HOUR,
                    fact=fact,
                    disputed_at=AT + HOUR,
                )
            await books.append_and_project(won, lost)
            row = only(await summary(books))
            assert (row.disputed_minor, row.disputed_count, row.net_minor) == (25, 2, 95)
            assert only(await summary(books, end=AT + 2 * HOUR)).disputed_minor == 20

    asyncio.run(scenario())


def test_the_failure_rate_is_that_of_the_attempts_that_ended(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            refused_twice, paid, waiting, free = bill(100), bill(20), bill(3), bill(0)
            await books.append_and_project(waiting)
            assert only(await summary(books)).failure_rate is None
            fail(refused_twice, occurred_at=AT + 2 * HOUR, as_of=AT)  # reported late
            fail(refused_twice, occurred_at=AT + 3 * HOUR)
            pay(paid, occurred_at=AT + HOUR)
            pay(free, occurred_at=AT + HOUR)  # takes no attempt
            await books.append_and_project(refused_twice, paid, free)
            row = only(await summary(books))
            assert (row.refused_count, row.attempts, row.failure_rate) == (2, 3, 2 / 3)
            assert only(await summary(books, end=AT + HOUR)).failure_rate == 1
            assert only(await summary(books, end=AT + 2 * HOUR)).failure_rate == 1 / 2
            pay(refused_twice, occurred_at=AT + 4 * HOUR)
            await books.append_and_project(refused_twice)
            assert only(await summary(books)).failure_rate == 1 / 2

    asyncio.run(scenario())


def test_unexpected_payments_are_not_collected_revenue(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = bill(100)
            pay(invoice, occurred_at=AT)
            for fact, facts in (
                (pe.UnexpectedPayment, {"provider_object_id": "in_2"}),
                (pe.InvoiceOverpaid, {}),
            ):
                invoice.record_event(
                    fact,
                    occurred_at=AT,
                    actor="worker",
                    amount_minor=30,
                    currency="eur",
                    source="webhook",
                    **facts,
                )
            assert invoice.view.amount_overpaid_minor == 60
            await books.append_and_project(invoice)
            row = only(await summary(books))
            assert (row.collected_minor, row.collected_count) == (100, 1)

    asyncio.run(scenario())


def test_sums_can_be_narrowed_to_a_provider_or_a_connection(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            first = bill(100)
            second, other = bill(20, connection="second"), bill(3, provider="mollie")
            for invoice in (first, second, other):
                pay(invoice, occurred_at=AT)
            owed = bill(4000, connection="second")
            await books.append_and_project(first, second, other, owed)
            assert only(await summary(books)).collected_minor == 123
            assert only(await summary(books, provider="stripe")).collected_minor == 120
            assert only(await summary(books, provider="mollie")).collected_minor == 3
            row = only(await summary(books, connection="second", first=AT))
            assert (row.collected_minor, row.outstanding_minor) == (20, 4000)
            assert row.overdue_minor == 4000
            assert await summary(books, connection="third") == []
            assert await summary(books, mode="live") == []

    asyncio.run(scenario())


def test_a_refund_that_fails_after_all_is_taken_back() -> None:
    invoice = bill(100)
    pay(invoice)
    refund(invoice, 30, occurred_at=AT)
    refunded = Part("eur", "refunded", quarter_of(AT))
    assert parts_of(invoice.view)[refunded] == (30, 1)
    invoice.record_event(
        m.RefundFailed,
        occurred_at=AT,
        actor="worker",
        refund_id=UUID(str(invoice.view.refunds[0].id)),
        provider_refund_id="re_30",
        amount_minor=30,
        code="lost_or_stolen_card",
        message="No",
        source="webhook",
    )
    assert refunded not in parts_of(invoice.view)


def test_any_calendar_is_summed_up_without_raising() -> None:
    for due_at in (0, int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()), 10**18):
        invoice = bill(1, due_at=due_at)
        assert len(parts_of(invoice.view)) == 1
