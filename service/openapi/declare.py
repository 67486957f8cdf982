"""Types of the declarations of operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

Json = dict[str, Any]
Security = Mapping[str, Sequence[str]]

JSON: Final = "application/json"


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header of a request or a response. `always`: it is required."""

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
class DeclaredResponse:
    """A response of one status. With `name` it is a component shared by all routes."""

    description: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: Sequence[Header] = ()
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request body."""

    content: Mapping[str, Content]
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation: a method of a path in service/routes.py."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str = ""
    security: Sequence[Security] = ()
    query: type[BaseModel] | None = None
    parameter_descriptions: Mapping[str, str] = field(default_factory=dict)
    """What parameters mean here, where it is not what they mean elsewhere."""
    excluded_parameters: Sequence[str] = ()
    """Parameters of the query's model that are refused here."""
    headers: Sequence[Header] = ()
    body: Body | None = None
    responses: Mapping[int, DeclaredResponse]


def json_body(model: type[BaseModel], **examples: object) -> Body:
    """Declare a JSON body; examples by name, words joined by underscores."""
    return Body(content={JSON: Content(model=model, examples=examples)})


def json_response(
    description: str,
    model: type[BaseModel],
    *,
    headers: Sequence[Header] = (),
    name: str | None = None,
    **examples: object,
) -> DeclaredResponse:
    """Declare a JSON response."""
    content = {JSON: Content(model=model, examples=examples)}
    return DeclaredResponse(description=description, content=content, headers=headers, name=name)
