from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import DecimalAsStr, JSONTranscoder
from hypothesis import given
from hypothesis import strategies as st

from eventlog.codec import EventTranscoder

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT | st.uuids() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=8,
)


@given(st.dictionaries(_TEXT, _PLAIN))
def test_what_events_may_carry_comes_back_as_it_was(state: dict[str, Any]) -> None:
    transcoder = EventTranscoder()
    assert transcoder.decode(transcoder.encode(state)) == state


@pytest.mark.parametrize("value", [1.5, float("nan"), [{"deep": [0.1]}], {"a": (1.0,)}])
def test_floats_are_refused_wherever_they_hide(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        EventTranscoder().encode({"amount": value})


def test_decimals_are_refused_though_eventsourcing_registers_them() -> None:
    transcoder = EventTranscoder()
    transcoder.register(DecimalAsStr())
    with pytest.raises(TypeError):
        transcoder.encode({"amount": Decimal("1.5")})


def test_it_is_eventsourcing_s_own_format() -> None:
    state = {"id": uuid4(), "name": "Ä", "lines": [{"amount_minor": 100}]}
    original = JSONTranscoder()
    for transcoding in EventTranscoder().types.values():
        original.register(transcoding)
    assert EventTranscoder().encode(state) == original.encode(state)
