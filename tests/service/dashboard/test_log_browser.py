"""The event log on the dashboard: its entries, and checks of its hash chains."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest

from service.dashboard import log_verifier
from tests.service.dashboard.shown_invoices import invoice_of
from tests.service.dashboard.visits import Visit, visit
from tests.service.harness import Shop
from tests.support.system import eventually

PATH = "/dashboard/operations/log"
_POSITION = re.compile(r'<tr id="p(\d+)-')


def verified(visitor: Visit, **part: str) -> str:
    """Start a check and return its row once it has a result."""
    response = visitor.act(PATH, f"{PATH}/verify", **part)
    assert response.headers["location"] == f"{PATH}#verify", response.text
    rows = eventually(lambda: _finished(visitor.get(PATH).text))
    return rows[0]


def _finished(text: str) -> list[str]:
    checks = text.partition('id="checks"')[2].partition("</table>")[0]
    return [] if ">running<" in checks else re.findall(r"<tr>.*?</tr>", checks, re.DOTALL)[1:]


@contextmanager
def tampered(database: str, stream: UUID) -> Iterator[int]:
    """Change the hash of a stream's second event, as the database's owner can, for a while."""
    update = (
        b"UPDATE eventlog.events SET hash = %s WHERE originator_id = %s AND originator_version = 2"
    )
    with psycopg.connect(database, autocommit=True) as connection:
        found = connection.execute(
            b"SELECT position, hash FROM eventlog.events"
            b" WHERE originator_id = %s AND originator_version = 2",
            [stream],
        ).fetchone()
        assert found is not None
        position, known = found
        alter = "ALTER TABLE eventlog.events {} TRIGGER events_are_append_only"
        connection.execute(alter.format("DISABLE").encode())
        try:
            connection.execute(update, [bytes(32), stream])
            yield position
        finally:
            connection.execute(update, [known, stream])
            connection.execute(alter.format("ENABLE").encode())


def test_entries_are_listed_newest_first_by_page_and_subject_and_only_the_apps_own(
    shop: Shop, other_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = invoice_of(shop), invoice_of(other_shop)
    visitor = visit(shop, "read")
    text = visitor.get(PATH).text
    positions = [int(position) for position in _POSITION.findall(text)]
    assert positions == sorted(positions, reverse=True)
    assert mine in text
    assert theirs not in text
    assert "client_secret" not in text
    monkeypatch.setattr("service.dashboard.log_browser._ROWS", 2)
    seen: list[int] = []
    page = f"{PATH}?about={mine}"
    while page:
        text = visitor.get(page).text
        seen += map(int, _POSITION.findall(text))
        following = re.search(r'href="(\?[^"]+before=[^"]+)">Next page', text)
        page = PATH + following[1].replace("&amp;", "&") if following else ""
    timeline = shop.get(f"{shop.url}/invoices/{mine}/events").json()["items"]
    assert seen == sorted((entry["position"] for entry in timeline), reverse=True)
    assert not _POSITION.search(visitor.get(f"{PATH}?about={theirs}").text)
    for wrong in ("before=0", "before=x", "about=x", "unknown=1"):
        assert visitor.get(f"{PATH}?{wrong}").status_code == 400, wrong


def test_a_sound_range_stream_and_tenant_are_verified(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_verifier, "_CHUNK", 3)
    monkeypatch.setattr(log_verifier, "_STORE_EVERY_S", 0.0)
    invoice_id = invoice_of(shop)
    visitor = visit(shop)
    head = shop.service.head()
    row = verified(visitor, first=str(head - 9), last=str(head))
    assert "sound" in row
    assert "10 of 10 events" in row
    for about in (invoice_id, str(shop.tenant_id)):
        row = verified(visitor, about=about)
        assert "sound" in row
        assert not re.search(r'class="num">0\s+events', row)


def test_the_first_broken_position_is_shown(shop: Shop) -> None:
    invoice_id = invoice_of(shop)
    visitor = visit(shop)
    with tampered(shop.service.database, UUID(invoice_id)) as position:
        row = verified(visitor, first=str(max(position - 20, 1)), last=str(position + 20))
        assert f"broken at position {position:,}" in row
        assert "the hash is not that of the event" in row
        assert f"broken at position {position:,}" in verified(visitor, about=invoice_id)
        assert "sound" in verified(visitor, first="1", last=str(position - 1))


def test_no_second_check_runs_beside_one_and_one_without_its_process_is_marked(
    shop: Shop,
) -> None:
    invoice_of(shop)
    visitor = visit(shop)
    start = (
        "INSERT INTO work.log_checks (id, app, first, last, seen_at)"
        " VALUES (%s, %s, 1, 2, clock_timestamp() - %s * interval '1 second')"
    )
    with psycopg.connect(shop.service.database, autocommit=True) as connection:
        connection.execute(start.encode(), [uuid4(), shop.app_id, 0])
    text = visitor.get(PATH).text
    assert 'hx-trigger="every 1s"' in text
    response = visitor.act(PATH, f"{PATH}/verify", first="1", last="2")
    assert "busy=1" in response.headers["location"]
    assert "A check is running" in visitor.get(f"{PATH}?busy=1").text
    with psycopg.connect(shop.service.database, autocommit=True) as connection:
        connection.execute(
            b"UPDATE work.log_checks SET seen_at = seen_at - interval '1 minute' WHERE app = %s",
            [shop.app_id],
        )
    assert "interrupted" in visitor.get(PATH).text
    assert "sound" in verified(visitor, first="1", last="2")


def test_a_running_check_is_canceled_by_an_admin_of_its_app(shop: Shop, other_shop: Shop) -> None:
    check_id = str(uuid4())
    with psycopg.connect(shop.service.database, autocommit=True) as connection:
        connection.execute(
            b'INSERT INTO work.log_checks (id, app, first, last, "of") VALUES (%s, %s, 1, 9, 9)',
            [check_id, shop.app_id],
        )
    visitor, reader = visit(shop), visit(shop, "read")
    assert f'value="{check_id}"' in visitor.get(PATH).text
    assert f'value="{check_id}"' not in reader.get(PATH).text
    cancel = f"{PATH}/cancel"
    assert reader.act(PATH, cancel, check=check_id).status_code == 403
    assert visitor.act(PATH, cancel, check="x").status_code == 400
    assert visit(other_shop).act(PATH, cancel, check=check_id).status_code == 303
    assert "being canceled" not in visitor.get(PATH).text
    assert visitor.act(PATH, cancel, check=check_id).status_code == 303
    assert "being canceled" in visitor.get(PATH).text
    with psycopg.connect(shop.service.database, autocommit=True) as connection:
        finish = b"UPDATE work.log_checks SET finished_at = now() WHERE id = %s"
        connection.execute(finish, [check_id])
    assert ">canceled<" in visitor.get(PATH).text


def test_wrong_ranges_other_apps_and_read_keys_start_nothing(shop: Shop, other_shop: Shop) -> None:
    theirs = invoice_of(other_shop)
    visitor, reader = visit(shop), visit(shop, "read")
    head = shop.service.head()
    for fields, code in (
        ({"first": "0", "last": "5"}, 400),
        ({"first": "5", "last": "4"}, 400),
        ({"first": str(head + 1)}, 400),
        ({"first": "one"}, 400),
        ({"about": "x"}, 400),
        ({"about": theirs}, 404),
        ({"about": str(other_shop.tenant_id)}, 404),
    ):
        assert visitor.act(PATH, f"{PATH}/verify", **fields).status_code == code, fields
    assert reader.act(PATH, f"{PATH}/verify", first="1").status_code == 403
    assert "Nothing was checked here yet" in visitor.get(PATH).text
