"""Invoices whose history is in a detached partition of the log."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.events import ENDING_TOPICS
from eventlog.errors import EventsDetached, PartitionError
from eventlog.gaps import Range
from eventlog.partitions.attach import attach
from eventlog.partitions.detach import detach
from eventlog.partitions.layout import set_partition_size
from eventlog.security.signed_links import Signer
from eventlog.security.vault import Vault
from projections.generations.rebuild import rebuild
from projections.operations.partition_use import streams_in_use, uses_of
from service.invoices.documents import RETURN
from tests.eventlog.stored_events import stored
from tests.service.harness import Shop, errors, stripe_event
from tests.service.invoices.test_documents import Provider, opened
from tests.service.running_service import MASTER_KEY, Service
from tests.support.provider_lookup_worker import lookup_worker
from tests.support.wait_until import until

_SIZE = 60
_KEY = {"idempotency-key": "order-1"}
_LATER = "2999-01-01T00:00:00Z"


def archive(service: Service) -> None:
    """Fill the first partition and detach it, once every projection has passed it."""
    log = service.context.recording.log
    service.call(log.append_async([stored() for _ in range(_SIZE - service.head() + 1)]))

    def is_detached() -> bool:
        try:
            detach(
                service.database,
                1,
                topics=ENDING_TOPICS,
                uses=partial(uses_of, days=0),
                in_use=streams_in_use,
            )
        except PartitionError as error:
            if "follower" in str(error):
                return False
            raise
        return True

    asyncio.run(until(is_detached))


def assert_its_links_open(service: Service, document_url: str, url: str, shop: Shop) -> None:
    """Open an invoice's document, with and without a key, and the page of who comes back."""
    invoice_id = UUID(url.rpartition("/")[2])
    returned = Signer([MASTER_KEY]).sign(invoice_id, purpose=RETURN)
    assert "it is paid" in service.request("GET", f"/return/{returned}").text
    gateway: Any = Provider()
    with lookup_worker(service.database, gateway, vault=Vault([MASTER_KEY])):
        assert opened(service, document_url).status_code == 302
        assert shop.get(f"{url}/document").status_code == 302
    assert gateway.fetched == ["in_1"]


@pytest.mark.extended
def assert_no_rebuild(database: str) -> None:
    with pytest.raises(EventsDetached, match="positions 1 to 60"):
        rebuild(database, "invoices")
    rebuilding = [sys.executable, "-m", "projections", "rebuild", "invoices"]
    environment = {**os.environ, "BILLHOOK_DATABASE_URL": database}
    ended = subprocess.run(rebuilding, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("not rebuilt: the events at positions 1 to 60 are detached")


def test_an_archived_invoice_is_shown_and_not_changed(database: str) -> None:
    set_partition_size(database, _SIZE)
    with Service(database) as service:
        shop, other = Shop(service), Shop(service)
        paid = shop.post("paid", headers=_KEY).json()["items"][0]["id"]
        open_ = shop.post("open").json()["items"][0]["id"]
        delivered = shop.deliver(stripe_event("evt_1"))
        assert delivered.status_code == 200
        service.wait_for_projection("invoices")
        url, of_other = f"{shop.url}/invoices/{paid}", f"{other.url}/invoices/{paid}"
        before = shop.get(url).json()
        archive(service)

        assert shop.get(url).json() == before
        assert {item["id"] for item in shop.get(f"{shop.url}/invoices").json()["items"]} == {
            paid,
            open_,
        }
        assert shop.get(f"{shop.url}/invoices/{open_}", asOf=_LATER).status_code == 200
        for refused in (
            shop.get(url, asOf=_LATER),
            shop.service.request("POST", f"{url}/void", headers=shop.headers()),
            shop.post("paid", headers=_KEY),
        ):
            assert refused.status_code == 409
            assert [error["code"] for error in errors(refused)] == ["[E4090]"]
        assert other.get(of_other, asOf=_LATER).status_code == 404
        assert shop.post("paid").status_code == 200
        assert_no_rebuild(database)

        assert_its_links_open(service, before["items"][0]["documentUrl"], url, shop)

        attach(database, 1)

        assert shop.get(url, asOf=_LATER).json()["items"] == before["items"]
        assert shop.post("paid", headers=_KEY).json()["items"][0]["id"] == paid


def test_jobs_and_rebuilds_need_the_partition(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "SELECT eventlog.append('{1}', ARRAY[gen_random_uuid()], '{1}', '{x}', '{x}',"
            " '{}', '{}', '{}', '{}')"
        )
        assert uses_of(connection, Range(1, 1), days=0) == []
        assert uses_of(connection, Range(1, 1), days=9) == ["audits read the last 9 days"]
        connection.execute(
            "INSERT INTO work.jobs (key, app, queue, actor, args, opened_at) VALUES ('a:1',"
            " gen_random_uuid(), 'fast', 'charge_invoice', '{}', now() - interval '1 h')"
        )
        # Open for as long as a subscription of Mollie lives, whose stream is kept.
        connection.execute(
            "INSERT INTO work.jobs (key, app, queue, actor, args, opened_at) VALUES ('b:1',"
            " gen_random_uuid(), 'events', 'check_subscription', '{}', now() - interval '2 h')"
        )
        connection.execute(
            "UPDATE read.generations SET state = 'building' WHERE projection = 'access'"
        )
        assert uses_of(connection, Range(1, 1), days=0) == [
            "access is being rebuilt",
            "job a:1 is not finished",
        ]
        assert list(streams_in_use(connection)) == []
        connection.execute(
            "INSERT INTO work.open_items (subject, part, reported_at, due_at)"
            " VALUES (%s, 'dispute:dp_1', now(), now())",
            [UUID(int=7)],
        )
        assert list(streams_in_use(connection)) == [UUID(int=7)]
        connection.rollback()
