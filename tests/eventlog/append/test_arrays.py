import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.append.arrays import (
    ByteaArray,
    Int4Array,
    Int8Array,
    TextArray,
    UuidArray,
    register_arrays,
)
from eventlog.database.connect import connect_async

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
_VALUES = st.tuples(
    st.lists(st.integers(-(2**31), 2**31 - 1)),
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.uuids()),
    st.lists(_TEXT),
    st.lists(st.binary()),
)


@settings(max_examples=20)
@given(_VALUES)
def test_the_server_reads_arrays_as_they_were_meant(
    database: str, values: tuple[list[object], ...]
) -> None:
    arrays = [
        array(items)
        for array, items in zip(
            (Int4Array, Int8Array, UuidArray, TextArray, ByteaArray), values, strict=True
        )
    ]

    async def select() -> list[list[object]]:
        async with await connect_async(database, application_name="test") as connection:
            register_arrays(connection)
            cursor = await connection.execute("SELECT %b, %b, %b, %b, %b", arrays)
            return list(await cursor.fetchone() or ())

    assert asyncio.run(select()) == list(values)
