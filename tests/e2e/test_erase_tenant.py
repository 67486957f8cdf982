"""`billhook tenants erase`: a person's data is gone, what was billed stays, others lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from stripe.params.checkout import SessionCreateParams
from typer.testing import CliRunner, Result

from cli.local.files import saved_settings
from cli.main import command_line
from domain.core import ids
from eventlog.bodies import unpack
from projections.tenants import erasure
from tests.support.stripe_account import Account
from tests.support.system import Caller, Json, System, eventually

_EMAIL = "ada.lovelace@shop.example"


@pytest.fixture
def database(system: System) -> Iterator[psycopg.Connection]:
    dsn = saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def billhook(system: System, *arguments: str) -> Result:
    settings = saved_settings(system.data_dir)
    return CliRunner().invoke(command_line(arguments[0]), arguments, env=settings)


def add_person(caller: Caller, customer: str, *, email: str) -> str:
    tenant_id = str(uuid4())
    link = {"connection": caller.demo["stripe_connection"], "customerId": customer}
    answer = caller.http.put(
        f"{caller.app_path}/tenants/{tenant_id}",
        json={
            "name": "Ada Lovelace",
            "email": email,
            "country": "GB",
            "providerCustomers": [link],
        },
        headers=caller.headers("write"),
    )
    assert answer.status_code == 200, answer.text
    return tenant_id


def paid(caller: Caller, tenant_id: str) -> httpx.Response:
    answer = caller.post_invoice(tenant_id)
    assert answer.json()["items"][0]["status"] == "paid"
    return answer


def applied_deliveries(caller: Caller, invoice_id: str) -> list[Json]:
    """Return an invoice's webhooks once it is told to be paid, and all are applied."""

    def look() -> list[Json]:
        found: list[Json] = caller.get("/webhook-deliveries", invoiceId=invoice_id)["items"]
        is_complete = "invoice.paid" in {one["type"] for one in found}
        return found if is_complete and all(one["state"] == "applied" for one in found) else []

    return eventually(look)


def owned(database: psycopg.Connection, caller: Caller, tenant_id: str) -> int:
    stream = ids.for_tenant(UUID(caller.demo["app_id"]), UUID(tenant_id))
    row = database.execute("SELECT count(*) FROM eventlog.bodies WHERE tenant = %s", [stream])
    return int((row.fetchone() or [0])[0])


def stored_about(database: psycopg.Connection, customer: str) -> list[bytes]:
    """Return what is stored, of anybody, with the provider's id of a customer in it."""
    rows = database.execute("SELECT sha256, bytes FROM eventlog.bodies").fetchall()
    bodies = [unpack(packed, sha256=sha256) for sha256, packed in rows]
    return [body for body in bodies if customer.encode() in body]


def payloads(caller: Caller, found: list[Json]) -> list[object]:
    return [caller.get(f"/webhook-deliveries/{one['id']}")["items"][0]["payload"] for one in found]


def test_a_persons_data_is_deleted_and_what_was_billed_stays(
    system: System,
    caller: Caller,
    account: Account,
    database: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasure, "_DELIVERIES", 3)
    customer = account.add_customer()
    person = add_person(caller, customer, email=_EMAIL)
    other = add_person(caller, account.add_customer(), email="charles@shop.example")
    answers = [paid(caller, one) for one in (person, other)]
    items = [answer.json()["items"][0] for answer in answers]
    of_person, of_other = (applied_deliveries(caller, item["id"]) for item in items)
    assert caller.list_after(answers[0], person, q=_EMAIL)
    others_bodies = owned(database, caller, other)
    assert len(stored_about(database, customer)) > len(of_person)

    ended = billhook(system, "tenants", "erase", caller.demo["app_id"], person, "--yes")

    assert ended.exit_code == 0, ended.output
    assert f"delete the customer {customer} at the provider, too" in ended.output
    tenant = caller.get(f"/tenants/{person}")["items"][0]
    assert [tenant[name] for name in ("name", "email", "country", "vatId")] == [None] * 4
    assert owned(database, caller, person) == 0
    assert stored_about(database, customer) == []
    assert payloads(caller, of_person) == [None] * len(of_person)
    assert caller.list_after(answers[0], person, q=_EMAIL) == []
    (kept,) = caller.list_after(answers[0], person)
    assert [kept[name] for name in ("status", "totalMinor", "number")] == [
        items[0][name] for name in ("status", "totalMinor", "number")
    ]
    assert owned(database, caller, other) == others_bodies
    assert None not in payloads(caller, of_other)
    assert caller.get(f"/tenants/{other}")["items"][0]["email"] == "charles@shop.example"
    assert billhook(system, "log", "verify").exit_code == 0
    again = billhook(system, "tenants", "erase", caller.demo["app_id"], person, "--yes")
    assert "erased 0 stored objects and 0 webhook payloads" in again.output


@contextmanager
def a_partition_is_detached(database: psycopg.Connection) -> Iterator[None]:
    """Have the log say that its first events are elsewhere: nobody may read it from the start."""
    database.execute(
        "INSERT INTO eventlog.detached_partitions"
        " SELECT 1, 1, hash, hash, hash, NULL, now() FROM eventlog.events WHERE position = 1"
    )
    yield
    database.execute("DELETE FROM eventlog.detached_partitions")


def expired_page(caller: Caller, account: Account, customer: str) -> Json:
    """Return the webhook about a page that the shop itself opened: no object of ours is named."""
    params: SessionCreateParams = {
        "mode": "setup",
        "customer": customer,
        "currency": "eur",
        "success_url": "https://shop.example/done",
    }
    session = account.v1.checkout.sessions.create(params)
    account.v1.checkout.sessions.expire(session.id)

    def look() -> list[Json]:
        found = caller.get("/webhook-deliveries", type="checkout.session.expired")["items"]
        about = [one for one in found if one["objectId"] == session.id]
        return [one for one in about if one["state"] == "applied"]

    (page,) = eventually(look)
    return page


def test_payloads_about_no_known_object_are_deleted_by_the_customer_they_name(
    system: System, caller: Caller, account: Account, database: psycopg.Connection
) -> None:
    before, customer, others = (account.add_customer() for _ in range(3))
    person = add_person(caller, before, email=_EMAIL)
    relinked = caller.http.put(
        f"{caller.app_path}/tenants/{person}",
        json={
            "providerCustomers": [
                {"connection": caller.demo["stripe_connection"], "customerId": customer}
            ]
        },
        headers=caller.headers("write"),
    )
    assert relinked.status_code == 200, relinked.text
    add_person(caller, others, email="charles@shop.example")
    pages = [expired_page(caller, account, one) for one in (before, customer, others)]

    with a_partition_is_detached(database):
        ended = billhook(system, "tenants", "erase", caller.demo["app_id"], person, "--yes")

    assert ended.exit_code == 0, ended.output
    assert stored_about(database, before) == stored_about(database, customer) == []
    assert [payload is None for payload in payloads(caller, pages)] == [True, True, False]
    for one in (before, customer):
        assert f"delete the customer {one} at the provider, too" in ended.output


def test_an_unknown_tenant_is_told_and_nobody_is_asked(system: System, caller: Caller) -> None:
    ended = billhook(system, "tenants", "erase", caller.demo["app_id"], str(uuid4()))
    assert ended.exit_code == 1
    assert "the app has no tenant" in ended.output
