"""From models to the schemas of a document."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from service.openapi import common as openapi_common
from service.openapi import common as service_openapi_common
from service.openapi.common import RATES, REQUEST_ID
from service.openapi.declare import Answer, Content, Header, Json, Operation

_REF: Final = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """Says what is so, and nothing twice."""

    def dict_schema(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        """Refuse, as the model does, keys that are not as they must be."""
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False
        return made

    def default_schema(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        """Leave out that what is not given is not given."""
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's signature
        return False

    def generate_inner(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        made = super().generate_inner(schema)
        made.pop("title", None)
        return made


class Schemas:
    """The schemas of all models of a document, each by its name."""

    def __init__(self, models: Iterable[type[BaseModel]]) -> None:
        asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [
            (model, "validation") for model in dict.fromkeys(models)
        ]
        refs, made = models_json_schema(asked, ref_template=_REF, schema_generator=_Plain)
        self._refs = {model: ref for (model, _), ref in refs.items()}
        self.all: Json = made.get("$defs", {})

    def ref(self, model: type[BaseModel]) -> Json:
        """Refer to a model's schema."""
        return dict(self._refs[model])

    def take(self, model: type[BaseModel]) -> Json:
        """Take a model's schema out: a query is written as parameters, not as a schema."""
        return cast("Json", self.all.pop(self._refs[model]["$ref"].rpartition("/")[2]))


# The OpenAPI document, from the declarations.

_ABOUT: Final = (
    "One billing API over Stripe and Mollie. A request only asks; what the provider answers and "
    "what its webhooks say decides; an append-only log remembers every step."
)


def build(operations: Sequence[Operation], *, tags: Mapping[str, str], public_url: str) -> Json:
    """Put the declarations together as OpenAPI 3.1."""
    builder = _Builder(operations)
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = builder.operation(
            operation
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Billhook",
            "version": version("billhook"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url.rstrip("/")}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": builder.components(),
    }


class _Builder:
    """Writes operations; keeps what they share."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._schemas = Schemas(chain.from_iterable(map(_models, operations)))
        queries = dict.fromkeys(known.query for known in operations if known.query)
        self._queries = {query: self._schemas.take(query) for query in queries}
        self._answers: Json = {}

    def operation(self, known: Operation) -> Json:
        """Write one operation."""
        written: Json = {
            "operationId": known.id,
            "tags": [known.tag],
            "summary": known.summary,
            "description": known.description,
            "security": [dict(choice) for choice in known.security],
            "parameters": list(self._parameters(known)),
            "responses": {
                str(int(status)): self._answer(answer, counted=bool(known.security))
                for status, answer in known.answers.items()
            },
        }
        if known.body is not None:
            written["requestBody"] = {
                "required": known.body.required,
                "content": self._content(known.body.content),
            }
        return {word: value for word, value in written.items() if value != ""}

    def components(self) -> Json:
        """Write what the operations written so far refer to."""
        return {
            "schemas": self._schemas.all,
            "responses": self._answers,
            "securitySchemes": service_openapi_common.SCHEMES,
        }

    def _parameters(self, known: Operation) -> Iterator[Json]:
        yield from openapi_common.of_path(known.path)
        if known.query is not None:
            query = openapi_common.of_query(self._queries[known.query], known.query_words)
            yield from (asked for asked in query if asked["name"] not in known.query_without)
        yield from map(openapi_common.of_header, known.headers)

    def _answer(self, answer: Answer, *, counted: bool) -> Json:
        shared = (REQUEST_ID, *RATES) if counted and answer.name is None else (REQUEST_ID,)
        written: Json = {
            "description": answer.description,
            "headers": dict(map(_header, (*shared, *answer.headers))),
        }
        if answer.content:
            written["content"] = self._content(answer.content)
        if answer.name is None:
            return written
        if self._answers.setdefault(answer.name, written) != written:
            raise ValueError(f"two answers are named {answer.name}")
        return {"$ref": f"#/components/responses/{answer.name}"}

    def _content(self, content: Mapping[str, Content]) -> Json:
        return {media_type: self._document(known) for media_type, known in content.items()}

    def _document(self, known: Content) -> Json:
        schema = known.schema if known.model is None else self._schemas.ref(known.model)
        written: Json = {"schema": schema or {}}
        if known.examples:
            written["examples"] = {
                name: {"summary": name.replace("_", " "), "value": value}
                for name, value in known.examples.items()
            }
        return written


def _models(known: Operation) -> Iterator[type[BaseModel]]:
    contents = [answer.content for answer in known.answers.values()]
    if known.body is not None:
        contents.append(known.body.content)
    for content in chain.from_iterable(each.values() for each in contents):
        if content.model is not None:
            yield content.model
    if known.query is not None:
        yield known.query


def _header(header: Header) -> tuple[str, Json]:
    return header.name, {
        "description": header.description,
        "required": header.always,
        "schema": header.schema,
    }
