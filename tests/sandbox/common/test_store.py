"""Storage of the sandbox: files of an earlier version, and objects found by their columns."""

import sqlite3
from pathlib import Path

import orjson

from sandbox.common.store import Filter, Json, Store, equal

_BEFORE_COLUMNS = """
CREATE TABLE objects (
    position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, kind TEXT NOT NULL,
    id TEXT NOT NULL, owner TEXT, body TEXT NOT NULL, UNIQUE (account, kind, id)
);
CREATE INDEX objects_by_kind ON objects (
    account, kind, position, json_extract(body, '$.created')
);
CREATE INDEX objects_by_payment_intent ON objects (
    account, kind, json_extract(body, '$.payment_intent'), position
) WHERE json_extract(body, '$.payment_intent') IS NOT NULL;
"""
_REFUND: Json = {"id": "re_1", "object": "refund", "created": 7, "payment_intent": "pi_1"}
_PAYMENT: Json = {
    "id": "inpay_1",
    "object": "invoice_payment",
    "created": 8,
    "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
}


def _found(store: Store) -> list[list[Json]]:
    by_payment = equal(payment__payment_intent="pi_1")
    return [
        store.find("acct", "refund", filters=equal(payment_intent="pi_1")),
        store.find("acct", "refund", filters=equal(payment_intent="pi_2")),
        store.find("acct", "refund", filters=[Filter("$.created", ">", 7)]),
        store.find("acct", "invoice_payment", filters=by_payment),
    ]


def test_objects_are_found_by_their_columns() -> None:
    store = Store(None)
    for body in (_REFUND, _PAYMENT):
        store.put("acct", body, owner=None)
    assert _found(store) == [[_REFUND], [], [], [_PAYMENT]]
    changed = _REFUND | {"payment_intent": "pi_2"}
    store.put("acct", changed, owner=None)
    assert _found(store)[:2] == [[], [changed]]
    store.close()


def test_a_file_of_an_earlier_version_gets_the_columns(tmp_path: Path) -> None:
    path = str(tmp_path / "sandbox.sqlite")
    before = sqlite3.connect(path)
    before.executescript(_BEFORE_COLUMNS)
    for body in (_REFUND, _PAYMENT):
        before.execute(
            "INSERT INTO objects (account, kind, id, body) VALUES ('acct', ?, ?, ?)",
            (body["object"], body["id"], orjson.dumps(body).decode()),
        )
    before.commit()
    before.close()
    for _ in range(2):  # the second time there is nothing to change
        store = Store(path)
        assert _found(store) == [[_REFUND], [], [], [_PAYMENT]]
        names = {row["name"] for row in store.rows("SELECT name FROM sqlite_master")}
        assert "objects_by_intent" in names
        assert "objects_by_payment_intent" not in names
        store.close()
