"""Responses are not validated: no value, of whatever type, turns one into an error."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from service.http.response_model import ResponseModel, optional_field
from service.http.responses import serialized
from service.openapi_document import OPERATIONS

odd = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(codec=None), max_size=9),
        st.binary(max_size=9),
        st.datetimes(),
        st.uuids(),
        st.builds(object),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)


def _subclasses(model: type[ResponseModel]) -> Iterator[type[ResponseModel]]:
    for known in model.__subclasses__():
        yield known
        yield from _subclasses(known)


MODELS = sorted(
    {known for known in _subclasses(ResponseModel) if known.__module__.startswith("service.")},
    key=lambda known: f"{known.__module__}.{known.__name__}",
)


@settings(max_examples=10, deadline=None)
@given(values=st.lists(odd, min_size=4, max_size=9))
def test_a_response_model_is_serialised_for_any_field_values(values: list[Any]) -> None:
    for model in MODELS:
        for shift in range(len(values)):
            turned = values[shift:] + values[:shift]
            names = list(model.model_fields)
            given_values = {name: turned[at % len(turned)] for at, name in enumerate(names)}
            written = orjson.loads(serialized(model(**given_values)))
            assert set(written) == {
                known.alias or name for name, known in model.model_fields.items()
            }


@settings(max_examples=100, deadline=None)
@given(value=odd)
def test_a_document_without_a_model_is_written_too(value: Any) -> None:
    assert "value" in orjson.loads(serialized({"value": value}))


def test_every_model_of_the_document_is_covered() -> None:
    documented = {
        content.model
        for operation in OPERATIONS
        for answer in operation.responses.values()
        for content in answer.content.values()
        if content.model is not None
    }
    assert documented <= set(MODELS)


class Inner(ResponseModel):
    """A part of a document."""

    paid_at: datetime | None


class Outer(ResponseModel):
    """A document."""

    inner_part: Inner
    left_out: str = optional_field()


def test_one_odd_value_leaves_the_rest_of_the_document_as_it_is() -> None:
    at = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    shown = Outer(inner_part=Inner(paid_at=at), left_out="\ud800")
    assert orjson.loads(serialized(shown).replace(rb"\ud800", b"?")) == {
        "innerPart": {"paidAt": "2026-01-31T09:30:00.000Z"},
        "leftOut": "?",
    }


def test_a_stored_document_is_read_back_as_it_was_written() -> None:
    for model in MODELS:
        values = {name: str(uuid4()) for name in model.model_fields}
        written = model(**values).to_json()
        assert model.from_json(written).to_json() == written
        assert set(written) == {known.alias or name for name, known in model.model_fields.items()}
