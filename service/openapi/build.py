"""Build the OpenAPI document from the declared operations and their models."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from service.openapi import common as openapi_common
from service.openapi import common as service_openapi_common
from service.openapi.common import RATES, REQUEST_ID
from service.openapi.declare import Content, DeclaredResponse, Header, Json, Operation

_REF: Final = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """JSON Schema of a model, without titles and null defaults."""

    def dict_schema(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        """Reject keys that do not match the pattern, as the model does."""
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False
        return made

    def default_schema(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        """Leave out null defaults."""
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
    """Schemas of all models of a document, by name."""

    def __init__(self, models: Iterable[type[BaseModel]]) -> None:
        wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
            (model, "validation") for model in dict.fromkeys(models)
        ]
        refs, made = models_json_schema(wanted, ref_template=_REF, schema_generator=_Plain)
        self._refs = {model: ref for (model, _), ref in refs.items()}
        self.all: Json = made.get("$defs", {})

    def ref(self, model: type[BaseModel]) -> Json:
        """Return a reference to a model's schema."""
        return dict(self._refs[model])

    def take(self, model: type[BaseModel]) -> Json:
        """Remove and return a model's schema: queries are documented as parameters."""
        return cast("Json", self.all.pop(self._refs[model]["$ref"].rpartition("/")[2]))


_ABOUT: Final = (
    "One billing API over Stripe and Mollie. Requests are recorded in an append-only log and "
    "carried out by workers; provider responses and webhooks decide the state."
)


def build(operations: Sequence[Operation], *, tags: Mapping[str, str], public_url: str) -> Json:
    """Build an OpenAPI 3.1 document."""
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
    """Build operations; collect their shared components."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._schemas = Schemas(chain.from_iterable(map(_models, operations)))
        queries = dict.fromkeys(known.query for known in operations if known.query)
        self._queries = {query: self._schemas.take(query) for query in queries}
        self._responses: Json = {}

    def operation(self, known: Operation) -> Json:
        """Build one operation."""
        written: Json = {
            "operationId": known.id,
            "tags": [known.tag],
            "summary": known.summary,
            "description": known.description,
            "security": [dict(choice) for choice in known.security],
            "parameters": list(self._parameters(known)),
            "responses": {
                str(int(status)): self._response(response, counted=bool(known.security))
                for status, response in known.responses.items()
            },
        }
        if known.body is not None:
            written["requestBody"] = {
                "required": known.body.required,
                "content": self._content(known.body.content),
            }
        return {name: value for name, value in written.items() if value != ""}

    def components(self) -> Json:
        """Return the components that the operations refer to."""
        return {
            "schemas": self._schemas.all,
            "responses": self._responses,
            "securitySchemes": service_openapi_common.SCHEMES,
        }

    def _parameters(self, known: Operation) -> Iterator[Json]:
        yield from openapi_common.of_path(known.path)
        if known.query is not None:
            query = openapi_common.of_query(
                self._queries[known.query], known.parameter_descriptions
            )
            yield from (
                wanted for wanted in query if wanted["name"] not in known.excluded_parameters
            )
        yield from map(openapi_common.of_header, known.headers)

    def _response(self, response: DeclaredResponse, *, counted: bool) -> Json:
        shared = (REQUEST_ID, *RATES) if counted and response.name is None else (REQUEST_ID,)
        written: Json = {
            "description": response.description,
            "headers": dict(map(_header, (*shared, *response.headers))),
        }
        if response.content:
            written["content"] = self._content(response.content)
        if response.name is None:
            return written
        if self._responses.setdefault(response.name, written) != written:
            raise ValueError(f"two responses are named {response.name}")
        return {"$ref": f"#/components/responses/{response.name}"}

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
    contents = [response.content for response in known.responses.values()]
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
