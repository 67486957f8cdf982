from dataclasses import replace
from typing import cast

import orjson
import psycopg
from hypothesis import given, settings

from domain.invoices import events as e
from projections.engine.view_codec import from_json, to_json
from projections.invoices.timeline import event_data
from tests.projections.harness import folds, issue, pay, requested
from tests.projections.random_events import streams


@settings(max_examples=40)
@given(stream=streams())
def test_a_view_comes_back_as_it_was(stream: list[e.InvoiceEvent]) -> None:
    view = folds(stream)[stream[0].originator_id]
    assert from_json(to_json(view)) == view
    assert from_json(orjson.loads(to_json(view))) == view


def test_a_row_of_another_version_is_read_without_what_it_lacks_or_has_besides() -> None:
    invoice = requested()
    issue(invoice)
    pay(invoice)
    stored = orjson.loads(to_json(invoice.view))
    del stored["number"], stored["payments"]
    stored["invented_later"] = 1
    assert from_json(stored) == replace(invoice.view, number=None, payments=[])


def test_a_view_is_stored_without_its_defaults() -> None:
    stored = orjson.loads(to_json(requested().view))
    assert stored.keys().isdisjoint({"gave_up", "refunds", "attempt", "in_progress", "status"})
    assert stored["dialect"] == "002"
    ended = requested()
    ended.view.in_progress = False
    assert orjson.loads(to_json(ended.view))["in_progress"] is False


def test_fields_are_written_in_the_order_in_which_postgresql_stores_them(database: str) -> None:
    invoice = requested(customer="cus_1", off_session=True)
    issue(invoice)
    pay(invoice)
    view = to_json(invoice.view)
    shown = [event_data(cast("e.InvoiceEvent", event)) for event in invoice.collect_events()]
    written = [view, orjson.dumps(orjson.loads(view)["request"]), *map(orjson.dumps, shown)]
    with psycopg.connect(database) as connection:
        for one in written:
            query = "SELECT array_agg(key) FROM jsonb_object_keys(%s::jsonb) AS found (key)"
            row = connection.execute(query, [one.decode()]).fetchone()
            assert row == (list(orjson.loads(one)),)
