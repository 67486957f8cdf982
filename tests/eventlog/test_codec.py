import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from http import HTTPMethod
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import DecimalAsStr, JSONTranscoder, Mapper, StoredEvent
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.core.aggregate import DomainEvent
from eventlog.codec import Codec, EventTranscoder
from eventlog.errors import EventNotStorable
from eventlog.typed_state import state_reader

# The format's own marker keys are as likely as any other key.
_TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["_type_", "_data_", "uuid_hex", "datetime_iso", "escaped_dict"]
)
_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | _TEXT
    | st.uuids()
    | st.datetimes(timezones=st.none() | st.just(UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(_TEXT, _PLAIN))
@example({"id": uuid4(), "name": "Ä \x00\x1f\x7f\u2028", "lines": [{"amount_minor": 2**64}]})
def test_events_come_back_as_they_were_from_eventsourcing_s_own_format(
    state: dict[str, Any],
) -> None:
    transcoder, original = EventTranscoder(), JSONTranscoder()
    for transcoding in transcoder.types.values():
        original.register(transcoding)
    encoded = transcoder.encode(state)
    assert transcoder.decode(encoded) == state
    assert JSONTranscoder.decode(transcoder, encoded) == state
    assert b"escaped_dict" in encoded or encoded == original.encode(state)


class Sampled(DomainEvent):
    TOPIC: ClassVar[str] = "test.codec.sampled"
    payment_id: str


def _sample(**fields: Any) -> Sampled:
    return Sampled(
        originator_id=uuid4(),
        originator_version=1,
        timestamp=datetime.now(UTC),
        **{"actor": "operator"} | fields,
    )


_MARKED: list[Any] = [
    {"_type_": "boom", "_data_": "x"},
    {"_type_": "uuid_hex", "_data_": "no uuid"},
    {"_type_": "uuid_hex", "_data_": "0" * 32},
    {"_type_": {"nested": 1}, "_data_": []},
    {"_type_": "escaped_dict", "_data_": [["key", "value"]]},
    {"_type_": "datetime_iso", "_data_": "never"},
    {"_type_": "boom"},
]


@pytest.mark.parametrize("value", _MARKED)
def test_a_dict_that_looks_like_a_marker_round_trips(value: dict[str, Any]) -> None:
    transcoder = EventTranscoder()
    state = {"metadata": value, "lines": [value]}
    assert transcoder.decode(transcoder.encode(state)) == state


@pytest.mark.parametrize("value", [_MARKED[0], _MARKED[1], _MARKED[3]])
def test_an_unknown_marker_that_was_written_unescaped_is_a_plain_dict(value: object) -> None:
    written = json.dumps({"metadata": value}).encode()
    assert EventTranscoder().decode(written) == {"metadata": value}


@pytest.mark.parametrize(
    "written", ['{"a":18446744073709551616}', '{"a":1.5,"b":[NaN]}', '{"a":"\\ud800"}', '{"a":{}']
)
def test_what_orjson_reads_otherwise_is_read_by_json(written: str) -> None:
    transcoder = EventTranscoder()

    def read(decode: Callable[[bytes], Any]) -> str:
        try:
            return repr(decode(written.encode()))
        except ValueError as error:
            return repr(error)

    assert read(transcoder.decode) == read(partial(JSONTranscoder.decode, transcoder))


class Noted(DomainEvent):
    TOPIC: ClassVar[str] = "test.codec.noted"
    app_id: UUID
    paid_at: int
    lines: list[dict[str, Any]]
    metadata: dict[str, str]
    name: str | None = None


_NOTED = {
    "timestamp": {"_type_": "datetime_iso", "_data_": "2026-01-01T00:00:00.000001+00:00"},
    "actor": "operator",
    "app_id": {"_type_": "uuid_hex", "_data_": "0" * 31 + "1"},
    "paid_at": 2**70,
    "lines": [{"name": "Tee", "amount_minor": -(2**70)}],
    "metadata": {"a": "b"},
}
_TYPED: list[dict[str, Any]] = [{}, {"name": None}, {"name": "Ä"}, {"lines": [], "metadata": {}}]
_UNTYPED: list[dict[str, Any]] = [
    {"metadata": {"a": "_type_"}},
    {"metadata": {"_type_": "uuid_hex", "_data_": "0" * 32}},
    {"lines": [{"id": {"_type_": "uuid_hex", "_data_": "0" * 32}}]},
    {"lines": [{"id": {"_type_": "escaped_dict", "_data_": [["_type_", 1]]}}]},
    {"app_id": {"_type_": "boom", "_data_": "x"}},
    {"app_id": None, "paid_at": "1", "metadata": [1]},
    {"later_field": 1},
    {"name": "\ud800"},
]


def test_an_event_is_read_by_its_fields_types_or_as_eventsourcing_reads_it() -> None:
    original: Mapper[UUID] = Mapper(transcoder=EventTranscoder())
    read = state_reader(Noted.TOPIC)
    assert read is not None
    for changed, is_typed in ((_TYPED, True), (_UNTYPED, False)):
        for fields in changed:
            state = json.dumps(_NOTED | fields, separators=(",", ":")).encode()
            stored = StoredEvent(uuid4(), 1, Noted.TOPIC, state)
            assert (read(state) is not None) == is_typed, fields
            assert vars(Codec().decode(stored)) == vars(original.to_domain_event(stored)), fields
    assert read(b"{") is None


def test_a_value_that_json_would_change_is_refused() -> None:
    with pytest.raises(EventNotStorable):
        EventTranscoder().encode({"by_number": {1: "one"}})
    with pytest.raises(EventNotStorable):
        EventTranscoder().encode({"name": "\ud800"})


def test_a_field_of_another_type_is_refused_by_its_name_alone() -> None:
    event = _sample(payment_id=["secret"])
    with pytest.raises(EventNotStorable, match="payment_id") as caught:
        Codec().encode(event)
    assert "secret" not in str(caught.value)


def test_an_id_that_no_index_could_hold_is_refused() -> None:
    event = _sample(payment_id="x" * 256)
    with pytest.raises(EventNotStorable, match="longer than 255"):
        Codec().encode(event)


@pytest.mark.parametrize("value", [1.5, float("nan"), [{"deep": [0.1]}], {"a": (1.0,)}])
def test_floats_are_refused_wherever_they_hide(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        EventTranscoder().encode({"amount": value})


def test_decimals_are_refused_though_eventsourcing_registers_them() -> None:
    transcoder = EventTranscoder()
    transcoder.register(DecimalAsStr())
    with pytest.raises(TypeError):
        transcoder.encode({"amount": Decimal("1.5")})


def test_a_kind_of_string_that_would_be_decoded_as_a_plain_one_is_still_stored() -> None:
    assert EventTranscoder().encode({"state": HTTPMethod.GET}) == b'{"state":"GET"}'
