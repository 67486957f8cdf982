"""The words in which a route is declared for those who call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

Json = dict[str, Any]
Security = Mapping[str, Sequence[str]]

JSON: Final = "application/json"


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header of a request or of an answer. `always`: no answer of this kind lacks it."""

    name: str
    description: str
    schema: Json
    always: bool = False


@dataclass(frozen=True, kw_only=True)
class Content:
    """A document in one media type: a model, or a schema of its own."""

    model: type[BaseModel] | None = None
    schema: Json | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What may come back under one status. With `name` it is described once for all routes."""

    description: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: Sequence[Header] = ()
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """What is sent."""

    content: Mapping[str, Content]
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path of service/routes.py."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str = ""
    security: Sequence[Security] = ()
    query: type[BaseModel] | None = None
    query_words: Mapping[str, str] = field(default_factory=dict)
    """What parameters mean here, where it is not what they mean elsewhere."""
    query_without: Sequence[str] = ()
    """Parameters of the query's model that are refused here."""
    headers: Sequence[Header] = ()
    body: Body | None = None
    answers: Mapping[int, Answer]


def json_body(model: type[BaseModel], **examples: object) -> Body:
    """Declare a JSON body; examples by name, words joined by underscores."""
    return Body(content={JSON: Content(model=model, examples=examples)})


def json_answer(
    description: str,
    model: type[BaseModel],
    *,
    headers: Sequence[Header] = (),
    name: str | None = None,
    **examples: object,
) -> Answer:
    """Declare a JSON document that comes back."""
    content = {JSON: Content(model=model, examples=examples)}
    return Answer(description=description, content=content, headers=headers, name=name)
