from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.adapt import Transformer

from eventlog.append.arrays import (
    bytea_array,
    int4_array,
    int8_array,
    read_int4s,
    read_int8s,
    read_uuids,
    text_array,
    uuid_array,
)
from eventlog.database.connect import connect

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
_VALUES = st.tuples(
    st.lists(st.integers(-(2**31), 2**31 - 1)),
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.uuids()),
    st.lists(_TEXT),
    st.lists(st.binary()),
)
_SELECT = b"SELECT $1::int[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[]"
_NULLS = "SELECT '{1, NULL}'::int[], '{NULL, 2}'::bigint[], '{}'::uuid[]"


@settings(max_examples=20)
@given(_VALUES)
def test_the_server_reads_arrays_as_they_were_meant(
    database: str,
    values: tuple[list[int], list[int], list[object], list[str], list[bytes]],
) -> None:
    int4s, int8s, uuids, texts, byteas = values
    arrays = [
        int4_array(int4s),
        int8_array(int8s),
        uuid_array(uuids),  # type: ignore[arg-type] # hypothesis knows no UUID
        text_array(texts),
        bytea_array(byteas),
    ]
    with connect(database, application_name="test") as connection:
        found = connection.pgconn.exec_params(
            _SELECT, arrays, param_formats=[1] * 5, result_format=1
        )
        driver = Transformer(connection)
        driver.set_pgresult(found)
        assert driver.load_row(0, tuple) == values
    assert read_int4s(arrays[0]) == int4s
    assert read_int8s(arrays[1]) == int8s
    assert read_uuids(arrays[2]) == uuids


def test_arrays_of_the_server_are_read_with_their_nulls(database: str) -> None:
    with connect(database, application_name="test") as connection:
        found = connection.pgconn.exec_params(_NULLS.encode(), [], result_format=1)
        int4s, int8s, uuids = (found.get_value(0, column) or b"" for column in range(3))
    assert read_int4s(int4s) == [1, None]
    assert read_int8s(int8s) == [None, 2]
    assert read_uuids(uuids) == []
