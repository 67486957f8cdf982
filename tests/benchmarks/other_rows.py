"""Fill subscriptions, tenants, webhook deliveries, drift and work beside very many invoices."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from domain.subscriptions.view import SubscriptionView
from eventlog.bodies import Body
from eventlog.database.connect import connect
from projections.engine.tables import adding
from projections.engine.view_codec import SUBSCRIPTIONS as VIEWS
from projections.reports import recurring_movements, recurring_revenue
from projections.reports.recurring_movements import Kind, Movement, MovementDeltas
from projections.reports.recurring_revenue import RECURRING, SumDeltas, share_of, sum_key_of
from projections.subscriptions.projector import SUBSCRIPTIONS, SubscriptionAccumulator, rows_of
from tests.benchmarks.company import CONNECTIONS, CURRENCIES, END, PERIOD_S, TENANTS, one_of
from tests.benchmarks.list_rows import copy_rows
from tests.benchmarks.report import say

SUBSCRIPTION_SHARE: Final = 10
"""Invoices of the app for each of its subscriptions."""
_BLOCK_ROWS: Final = 5_000
_SEED: Final = 23
_PRICES: Final = (900, 1_900, 2_900, 4_900, 9_900, 19_900, 49_900)

_TENANT_ROWS: Final = """
INSERT INTO {schema}.tenants (app_id, tenant_id, contact_body, customers, created_at, updated_at,
    position)
VALUES (%s, %s, %s, %s, %s, %s, 0)
"""
_BODIES: Final = (
    "INSERT INTO eventlog.bodies (sha256, tenant, bytes, created_at) VALUES (%s, %s, %s, %s)"
)
# Of half a year.
_DELIVERIES: Final = """
INSERT INTO {schema}.deliveries
SELECT gen_random_uuid(), app_id, connection, provider, mode, 'evt_' || position,
    'invoice.paid', 'invoice', provider_object_id, invoice_id, created_at, created_at, created_at,
    encode(sha256(invoice_id::text::bytea), 'hex'), 2,
    CASE WHEN random() < 0.999 THEN 'applied' ELSE 'dead' END,
    NULL, '[]', 1, 0, 0, position
FROM read.invoices WHERE app_id = %(app_id)s AND created_at > clock_timestamp() - interval '180 d'
"""
_DRIFT: Final = """
INSERT INTO {schema}.drift
SELECT gen_random_uuid(), app_id, connection, provider, mode, 'invoice', provider_object_id,
    invoice_id, 'status', 'status', 'open', 'paid', 'event list', NULL,
    CASE WHEN random() < 0.01 THEN 'open' ELSE 'resolved' END, created_at, created_at,
    created_at, 900, position
FROM read.invoices WHERE app_id = %(app_id)s AND random() < 0.005
"""
_JOBS: Final = """
INSERT INTO work.jobs (key, app, queue, actor, args, last_error, gave_up_at, due_at)
SELECT 'filled ' || n, %(app_id)s, 'invoices', 'create_invoice', '{{}}',
    CASE WHEN n %% 4 = 0 THEN 'timeout' END, CASE WHEN n %% 4 = 0 THEN clock_timestamp() END,
    clock_timestamp() + interval '1 day'
FROM generate_series(1, 2000) AS n
"""


def fill_others(dsn: str, template: SubscriptionView, *, invoices: int) -> None:
    """Fill what stands beside so many invoices; no projection may run meanwhile."""
    with connect(dsn, application_name="benchmark fill") as connection:
        say("rows: tenants, deliveries, drift, work")
        _fill_tenants(connection, template.app_id)
        for name, query in (("deliveries", _DELIVERIES), ("drift", _DRIFT), ("work", _JOBS)):
            schema = f"read_{name}_g1"
            text = SQL(query).format(schema=Identifier(schema))
            connection.execute(text, {"app_id": template.app_id})
        say("rows: subscriptions")
        _fill_subscriptions(connection, template, several=invoices // SUBSCRIPTION_SHARE)
        connection.execute("VACUUM ANALYZE")


def _fill_tenants(connection: psycopg.Connection[TupleRow], app_id: UUID) -> None:
    query = SQL(_TENANT_ROWS).format(schema=Identifier("read_tenants_g1"))
    for number in range(1, TENANTS + 1):
        contact = {"name": f"Company {number}", "email": f"billing@{number}.example"}
        body = Body.of(orjson.dumps(contact), UUID(int=number))
        connection.execute(_BODIES, [body.sha256, body.tenant, body.packed, END])
        customers = orjson.dumps({"stripe-1": f"cus_{number:05d}10"}).decode()
        row = [app_id, UUID(int=number), body.sha256.hex(), customers, END, END]
        connection.execute(query, row)


def _fill_subscriptions(
    connection: psycopg.Connection[TupleRow], template: SubscriptionView, *, several: int
) -> None:
    schema = "read_subscriptions_g1"
    sold = _subscriptions(template, several=several)
    for start in range(0, several, _BLOCK_ROWS):
        sums, moved = SumDeltas(), MovementDeltas()
        accumulated = []
        for _ in range(min(_BLOCK_ROWS, several - start)):
            one, movements = next(sold)
            view = one.view
            sums.take({}, share_of(view), position=one.position)
            for step, movement in enumerate(movements):
                sums.add_row(movement.books, position=one.position)
                moved.take(view.id, [movement], position=one.position + step)
            accumulated.append(one)
        copy_rows(connection, schema, SUBSCRIPTIONS, rows_of(accumulated))
        copy_rows(connection, schema, recurring_movements.MOVEMENTS, moved.movement_rows())
        for table, rows, summed in (
            (RECURRING, sums.rows(), recurring_revenue.SUMMED),
            (recurring_movements.SUMS, moved.sum_rows(), recurring_movements.SUMMED),
        ):
            query, parameters = adding(table, rows, summed=summed, schema=schema)
            connection.execute(query, parameters)


def _subscriptions(
    template: SubscriptionView, *, several: int
) -> Iterator[tuple[SubscriptionAccumulator, list[Movement]]]:
    """Yield subscriptions of the last three years with their movements."""
    chance, written = Random(_SEED), VIEWS.to_json(template)  # noqa: S311 - no secret
    for number in range(several):
        view = VIEWS.from_json(written)
        began_at = END - timedelta(seconds=PERIOD_S * (1 - (number + 0.5) / several))
        view.id = UUID(int=chance.getrandbits(128), version=4)
        view.tenant_id = UUID(int=int(TENANTS * chance.random() ** 3) + 1)
        view.connection = one_of(chance, CONNECTIONS)
        view.provider = view.connection.partition("-")[0]
        view.mode = "live" if view.connection == "stripe-live" else "test"
        view.currency = one_of(chance, CURRENCIES)
        view.created_at = began_at.replace(microsecond=0)
        view.provider_subscription_id = f"sub_{number:08d}"
        view.customer = f"cus_{number % TENANTS:05d}10"
        yield _accumulated(chance, view, position=10 * (number + 1))


def _accumulated(
    chance: Random, view: SubscriptionView, *, position: int
) -> tuple[SubscriptionAccumulator, list[Movement]]:
    """Let a subscription begin, perhaps change its price, perhaps end."""
    books, moment = sum_key_of(view), view.created_at
    assert books is not None
    minor, movements = chance.choice(_PRICES), list[Movement]()

    def move(kind: Kind, added_minor: int, before_minor: int) -> None:
        movements.append(Movement(books, kind, moment, added_minor, before_minor))

    move("new", minor, 0)
    for _ in range(2):
        moment = _later(chance, moment)
        if moment < END and chance.random() < 0.3:
            other = chance.choice([price for price in _PRICES if price != minor])
            move("expansion" if other > minor else "contraction", other - minor, minor)
            minor = other
    moment = _later(chance, moment)
    view.status = "past_due" if chance.random() < 0.02 else "active"
    if moment < END and chance.random() < 0.5:
        move("churn", -minor, minor)
        view.status, view.ended_at = "canceled", moment
    view.monthly_minor = minor
    last = movements[-1].moved_at
    return SubscriptionAccumulator(view, 2, position, has_earned=True, moved_at=last), movements


def _later(chance: Random, moment: datetime) -> datetime:
    return moment + timedelta(seconds=int(chance.expovariate(1 / (200 * 24 * 3600))))
