import string
from datetime import UTC, date, datetime
from uuid import UUID

import orjson

from eventlog.database.connect import connect
from projections.engine.copy_rows import copy, packed
from projections.engine.tables import Table

_TABLE = Table(
    "copied",
    key=("id",),
    columns=("id", "text", "other", "number", "day", "at", "flag", "data"),
)
_TEXTS = (
    "",
    "plain",
    "\\N",
    "\\",
    "a\tb",
    "a\nb\r",
    "\\t",
    "\\.",
    "Ä€\U0001f600",
    string.punctuation,
)


def test_every_text_is_copied_as_it_is(database: str) -> None:
    at = datetime(2026, 11, 28, 1, 2, 3, 4, tzinfo=UTC)
    rows = [
        {
            "id": UUID(int=index),
            "text": text,
            "other": None if index % 2 else text,
            "number": -index,
            "day": date(2026, 11, 28),
            "at": at,
            "flag": index % 2 == 0,
            "data": orjson.dumps({"text": text, "list": [text, None]}),
        }
        for index, text in enumerate(_TEXTS)
    ]
    with connect(database, application_name="test") as connection:
        connection.execute("CREATE SCHEMA scratch")
        connection.execute(
            "CREATE TABLE scratch.copied (id uuid, text text, other text, number bigint, day date,"
            " at timestamptz, flag boolean, data jsonb)"
        )
        copy(connection, _TABLE, map(packed, rows), schema="scratch")
        found = connection.execute("SELECT * FROM scratch.copied ORDER BY id").fetchall()
    assert found == [
        tuple(orjson.loads(value) if isinstance(value, bytes) else value for value in row.values())
        for row in rows
    ]
