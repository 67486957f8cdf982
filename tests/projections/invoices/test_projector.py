import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL, Identifier

from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices.events import InvoiceEvent
from domain.invoices.fold import fold
from domain.invoices.view import InvoiceView
from eventlog.codec import Codec
from eventlog.database.connect import connect, connect_async
from eventlog.database.statements import execute_together
from eventlog.reading import RecordedEvent
from projections.engine.errors import VersionGap
from projections.invoices import ordinals
from projections.invoices import projector as invoices_projector
from projections.invoices.facets import exists_at_provider, facet_of
from projections.invoices.search_terms import index_terms, term_sources
from projections.invoices.timeline import is_hidden
from projections.reports.invoice_sums import Amount, Part, parts_of, refusal_in
from projections.reports.time_units import units_of
from tests.projections.crashing_batches import project, split
from tests.projections.harness import confirm, folds, issue, pay, projecting, requested, rows
from tests.projections.random_events import logs

SCHEMA = "read_invoices_g1"
HANDLER = partial(invoices_projector.handler, SCHEMA)


def wipe(database: str) -> None:
    with connect(database, application_name="test") as connection:
        # For so few rows, TRUNCATE, which makes new files, takes many times as long.
        tables = [*(table.name for table in invoices_projector.TABLES), *ordinals.TABLES]
        for table in tables:
            connection.execute(SQL("DELETE FROM {}").format(Identifier(SCHEMA, table)))


@settings(max_examples=25)
@given(log=logs(), boundaries=st.randoms(use_true_random=False))
def test_rows_equal_the_fold_of_each_stream_for_any_batches_and_crashes(
    database: str, log: list[RecordedEvent], boundaries: random.Random
) -> None:
    wipe(database)
    sliced = partial(HANDLER, slice_events=boundaries.choice([1, 2, 250]))
    asyncio.run(project(database, split(log, boundaries), handler=sliced))
    events = [Codec().decode(recorded) for recorded in log]
    assert rows(database) == folds(events)
    assert_columns_follow_the_view(database)
    assert_timeline_shows_each_event_once(database, log)
    assert_words_are_those_of_the_views(database, folds(events))
    assert_counts_are_those_of_the_views(database, folds(events))
    assert_sums_are_those_of_the_events(database, events)


def assert_words_are_those_of_the_views(database: str, views: dict[UUID, InvoiceView]) -> None:
    with connect(database, application_name="test") as connection:
        indexed = connection.execute(
            "SELECT invoice_id, term FROM read.invoice_search_terms"
        ).fetchall()
    for invoice_id, view in views.items():
        assert {(invoice_id, term) for term in index_terms(term_sources(view))} <= set(indexed)


def assert_counts_are_those_of_the_views(database: str, views: dict[UUID, InvoiceView]) -> None:
    facets = Counter((view.app_id, *facet_of(view)) for view in views.values())
    days = Counter(
        (view.app_id, view.connection, view.created_at.date())
        for view in views.values()
        if exists_at_provider(view)
    )
    numbers = {view.id: facet_of(view).number for view in views.values()}
    with connect(database, application_name="test") as connection:
        found = connection.execute(
            "SELECT app_id, provider, connection, mode, type, origin, status, currency,"
            " at_provider, assigned, paid, items FROM read.invoice_facets WHERE items <> 0"
        )
        assert {tuple(key): n for *key, n in found} == facets
        found = connection.execute(
            "SELECT app_id, connection, day, at_provider FROM read.invoice_days"
            " WHERE at_provider <> 0"
        )
        assert {tuple(key): n for *key, n in found} == days
        found = connection.execute(
            "SELECT invoice_id, facet FROM read.invoices JOIN read.invoice_facets"
            " USING (app_id, facet, provider, connection, mode, type, origin, status, at_provider)"
            " WHERE invoices.currency IS NOT DISTINCT FROM invoice_facets.currency"
            " AND assigned = (tenant_id IS NOT NULL) AND paid = (paid_at IS NOT NULL)"
        )
        assert dict(found.fetchall()) == numbers


def assert_sums_are_those_of_the_events(database: str, events: Iterable[object]) -> None:
    """Sums equal those of the final states, after any additions and reversals."""
    sums: dict[Any, tuple[int, int]] = {}
    for view, parts in parts_in(events):
        for part, (amount_minor, items) in parts.items():
            # Of all payment methods and reasons together.
            books = (view.app_id, view.mode, view.provider, view.connection)
            for unit, number in units_of(part.quarter):
                key = (*books, part.currency, part.kind, unit, number)
                known = sums.get(key, (0, 0))
                sums[key] = known[0] + amount_minor, known[1] + items
    with connect(database, application_name="test") as connection:
        found = connection.execute(
            "SELECT app_id, mode, provider, connection, currency, kind, unit, number, amount_minor,"
            " items FROM read.invoice_sums WHERE items <> 0 OR amount_minor <> 0"
        )
        assert {tuple(key): (int(minor), n) for *key, minor, n in found} == sums
        totals = connection.execute(
            "SELECT app_id, mode, provider, connection, currency, kind, amount_minor, items"
            " FROM read.invoice_totals EXCEPT SELECT app_id, mode, provider, connection, currency,"
            " kind, sum(amount_minor), sum(items)::bigint FROM read.invoice_sums"
            " WHERE unit = 'week' GROUP BY 1, 2, 3, 4, 5, 6"
        )
        assert totals.fetchall() == []


def parts_in(events: Iterable[object]) -> Iterator[tuple[InvoiceView, dict[Part, Amount]]]:
    """Contributions of each declined attempt and of each invoice's final state to the sums."""
    views: dict[UUID, InvoiceView] = {}
    for event in events:
        if isinstance(event, InvoiceEvent):
            view = views[event.originator_id] = fold(views.get(event.originator_id), event)
            yield view, refusal_in(event, view)
    for view in views.values():
        yield view, parts_of(view)


def assert_columns_follow_the_view(database: str) -> None:
    with connect(database, application_name="test") as connection:
        differing = connection.execute(
            "SELECT invoice_id FROM read.invoices WHERE (invoice_id::text, app_id::text,"
            " tenant_id::text, provider, mode, type, status, currency, total_minor::text, user_id,"
            " customer, subscription_id, origin, created_at, paid_at, capture_before)"
            " IS DISTINCT FROM"
            " (view->>'id', view->>'app_id', view->>'tenant_id', view->>'provider', view->>'mode',"
            " view->>'type', coalesce(view->>'status', 'requested'), view->>'currency',"
            " view->>'total_minor',"
            " view->>'user_id', view->>'customer', view->>'subscription_id', view->>'origin',"
            " (view->>'created_at')::timestamptz, (view->>'paid_at')::timestamptz,"
            " (view->>'capture_before')::timestamptz)"
        ).fetchall()
    assert differing == []


def assert_timeline_shows_each_event_once(database: str, log: list[RecordedEvent]) -> None:
    expected = set()
    for recorded in log:
        event = Codec().decode(recorded)
        if isinstance(event, InvoiceEvent):
            if is_hidden(event):
                continue
            expected.add((str(event.originator_id), recorded.position, recorded.topic))
        elif isinstance(event, ProviderEventApplied):
            expected |= {
                (entry["invoice"], recorded.position, recorded.topic)
                for entry in event.effects
                if entry["effect"] != "changed"
            }
    with connect(database, application_name="test") as connection:
        found = connection.execute("SELECT subject_id::text, position, type FROM read.timeline")
        assert sorted(found.fetchall()) == sorted(expected)


def test_an_event_whose_predecessor_was_not_folded_is_refused(database: str) -> None:
    invoice = requested()
    issue(invoice)
    codec = Codec()
    events = [codec.encode(event) for event in invoice.collect_events()]
    late = RecordedEvent(
        originator_id=events[1].originator_id,
        originator_version=2,
        topic=events[1].topic,
        state=events[1].state,
        id=2,
    )
    with pytest.raises(VersionGap) as caught:
        asyncio.run(project(database, [([late], False)], handler=HANDLER))
    assert (caught.value.stream, caught.value.version, caught.value.offered) == (invoice.id, 0, 2)


def test_a_slice_that_cannot_be_written_fails_the_whole_batch(database: str) -> None:
    codec = Codec()
    batch = [
        RecordedEvent(id=position, **vars(codec.encode(event)))
        for position, event in enumerate(
            [event for _ in range(3) for event in requested().collect_events()], start=1
        )
    ]
    with connect(database, application_name="test") as connection:
        connection.execute(
            "INSERT INTO read_invoices_g1.timeline"
            " VALUES (%s, 2, NULL, 'x', 'x', now(), 'x', '{}')",
            [batch[1].originator_id],
        )
    handler = partial(HANDLER, slice_events=1)
    with pytest.raises(UniqueViolation):
        asyncio.run(project(database, [(batch, False)], handler=handler))
    assert rows(database) == {}


def test_an_invoice_is_followed_from_request_to_confirmation(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            seen = []
            for step in (None, issue, pay, confirm):
                if step is not None:
                    step(invoice)
                position = await books.append_and_project(invoice)
                row = await books.invoices.get_invoice(invoice.view.app_id, invoice.id)
                assert row is not None
                assert (row.view, row.position) == (invoice.view, position)
                seen.append(row.view.status)
            assert seen == ["requested", "open", "paid", "paid"]

    asyncio.run(scenario())


def log_of_requests(number: int) -> list[RecordedEvent]:
    codec = Codec()
    stored = [
        codec.encode(event)
        for invoice in [requested() for _ in range(number)]
        for event in invoice.collect_events()
    ]
    return [
        RecordedEvent(one.originator_id, one.originator_version, one.topic, one.state, position)
        for position, one in enumerate(stored, 1)
    ]


def test_a_small_batch_is_one_statement_until_invoices_are_to_be_numbered(database: str) -> None:
    log = log_of_requests(ordinals.UNNUMBERED)
    handler = HANDLER(slice_events=ordinals.UNNUMBERED)

    async def scenario() -> None:
        connection = await connect_async(database, application_name="test")
        async with connection, connection.cursor() as cursor:
            assert await handler.fold(cursor, log[:1]) is None  # nothing was counted yet
            await handler(cursor, log[:1])
            writes = await handler.fold(cursor, log[1:-1])
            assert writes is not None
            await execute_together(cursor, writes.statements)
            assert await handler.fold(cursor, log[-1:]) is None
            await handler(cursor, log[-1:])

    asyncio.run(scenario())
    with connect(database, application_name="test") as connection:
        numbered = connection.execute("SELECT count(block) FROM read.invoice_ordinals").fetchone()
    assert numbered == (ordinals.UNNUMBERED,)


def test_a_large_batch_numbers_its_invoices_before_its_last_slices(database: str) -> None:
    log = log_of_requests(ordinals.UNNUMBERED + 40)
    boundaries = [(log[:-20], False), (log[-20:], False)]
    asyncio.run(project(database, boundaries, handler=partial(HANDLER, slice_events=4)))
    with connect(database, application_name="test") as connection:
        places = connection.execute("SELECT block, ordinal FROM read.invoice_ordinals").fetchall()
        bits = connection.execute(
            "SELECT bit_count(bits) FROM read.invoice_bitmaps"
            " WHERE value IN ('numbered', 'type=payment')"
        ).fetchall()
    assert len(places) == len(log)
    given = [ordinal for block, ordinal in places if block is not None]
    assert sorted(given) == list(range(ordinals.UNNUMBERED + 8))  # all but three slices and a batch
    assert bits == [(len(given),)] * 2
