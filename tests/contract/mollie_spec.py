"""Mollie's contract, read from outside by path: which operation a request is, and its schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator

from sandbox.stripe.core.forms import parse
from tests.contract.operation import ContractOperation, deepest

Json = dict[str, Any]
Side = Literal["request", "answer"]

FILE = "mollie_openapi.json"
HAL = "application/hal+json"

# Mollie describes ``embed`` in words; the types of its answers do not name what it adds.
EMBEDDING = "GET /v2/payments/{paymentId}"
EMBEDDED = {
    f"{kind}s": {"type": "array", "items": {"$ref": f"#/components/schemas/list-entity-{kind}"}}
    for kind in ("refund", "chargeback", "capture")
}

# What a client may not send, and what a server does not show.
NOT_ITS_OWN: dict[Side, str] = {"request": "readOnly", "answer": "writeOnly"}

_KEPT = {
    "additionalProperties", "const", "maxItems", "maxLength", "maximum", "minItems", "minLength",
    "minimum", "pattern", "type",
}  # fmt: skip


class MollieContract:
    """The contract file, its schemas made strict: a field that it does not name is a violation."""

    def __init__(self, folder: Path) -> None:
        self._spec = json.loads((folder / FILE).read_text())
        self._schemas: Json = self._spec["components"]["schemas"]
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def _operations(self) -> list[ContractOperation]:
        found = []
        # Fixed words before placeholders: /methods/all is not a method.
        for path in sorted(self._spec["paths"], key=lambda path: (path.count("{"), path)):
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
            for method, operation in self._spec["paths"][path].items():
                if method != "parameters":
                    name = f"{method.upper()} {path}"
                    request, answer = self._request(operation, method), _answer(operation)
                    if name == EMBEDDING:
                        answer = _with_embedded(answer)
                    found.append(ContractOperation(name, pattern, request, answer))
        return found

    def operation(self, method: str, path: str) -> ContractOperation | None:
        """Returns the operation of a request."""
        for candidate in self._operations:
            verb = candidate.name.split(" ")[0]
            if verb == method and candidate.pattern.fullmatch(path):
                return candidate
        return None

    def faults_of_request(self, operation: ContractOperation, form: str) -> Iterator[str]:
        """Return the violations of a request (its query if it is a GET, else its body)."""
        if operation.name.startswith("GET "):
            parsed: object = _typed(parse(form), operation.request)
        else:
            parsed = json.loads(form) if form.strip() else {}
        yield from self._faults(f"request {operation.name}", operation.request, parsed, "request")

    def faults_of_answer(self, operation: ContractOperation, body: Json) -> Iterator[str]:
        """Return the violations of a successful response."""
        yield from self._faults(f"answer {operation.name}", operation.answer, body, "answer")

    def faults_of_error(self, body: Json) -> Iterator[str]:
        """Return the violations of an error response."""
        schema = {"$ref": "#/components/schemas/error-response"}
        yield from self._faults("error", schema, body, "answer")

    def faults_of_event(self, event: Json) -> Iterator[str]:
        """Return the violations of an event and of the entity that it carries."""
        schema = {"$ref": "#/components/schemas/entity-webhook-event"}
        yield from self._faults("event", schema, event, "answer")

    def _request(self, operation: Json, method: str) -> Json:
        if method != "get":
            empty = {"type": "object", "properties": {}}
            body = self._resolved(operation.get("requestBody", {}))
            schema: Json = body.get("content", {}).get("application/json", {}).get("schema", empty)
            return schema
        given = [self._resolved(item) for item in operation.get("parameters", [])]
        query = [item for item in given if item["in"] == "query"]
        return {
            "type": "object",
            "properties": {item["name"]: self._resolved(item["schema"]) for item in query},
            "required": [item["name"] for item in query if item.get("required")],
        }

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            found = self._spec
            for part in schema["$ref"].split("/")[1:]:
                found = found[part]
            schema = found
        return schema

    @cached_property
    def _definitions(self) -> Json:
        sides: tuple[Side, Side] = ("request", "answer")
        return {
            f"{side}:{name}": self._part(schema, side)
            for side in sides
            for name, schema in self._schemas.items()
        }

    def _whole(self, schema: Json, side: Side) -> Json:
        """Translates a schema where it is used: nothing may be said that it does not name."""
        done = self._part(schema, side)
        if self._names_fields(schema):
            done["unevaluatedProperties"] = False
        return done

    def _part(self, schema: Json, side: Side) -> Json:
        """Translates a schema that may be one of several which describe the same object."""
        done = {key: value for key, value in schema.items() if key in _KEPT}
        if "$ref" in schema:
            done["$ref"] = f"#/$defs/{side}:{schema['$ref'].rsplit('/', 1)[-1]}"
        if "enum" in schema and schema.get("x-speakeasy-unknown-values") != "allow":
            done["enum"] = schema["enum"]
        if "items" in schema:
            done["items"] = self._whole(schema["items"], side)
        if "allOf" in schema:
            done["allOf"] = [self._part(item, side) for item in schema["allOf"]]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                done["anyOf"] = [self._whole(item, side) for item in schema[keyword]]
        if "properties" in schema:
            done |= self._fields(schema, side)
        return done

    def _fields(self, schema: Json, side: Side) -> Json:
        own = {
            name: self._whole(item, side)
            for name, item in schema["properties"].items()
            if not (item.get(NOT_ITS_OWN[side]) or self._resolved(item).get(NOT_ITS_OWN[side]))
        }
        required = schema.get("required", [])
        # An object that must have an id is described as it is answered, not as it is asked for.
        is_required = side == "answer" or set(required) <= set(own)
        return {"properties": own, "required": required if is_required else []}

    def _names_fields(self, schema: Json) -> bool:
        schema = self._resolved(schema)
        if schema.get("additionalProperties"):
            return False
        within = schema.get("allOf", [])
        return "properties" in schema or any(self._names_fields(item) for item in within)

    def _faults(self, name: str, schema: Json, body: object, side: Side) -> Iterator[str]:
        if name not in self._validators:
            whole = self._whole(schema, side) | {"$defs": self._definitions}
            self._validators[name] = Draft202012Validator(whole)
        for error in self._validators[name].iter_errors(body):
            found = deepest(error)
            yield f"{found.json_path}: {found.message[:200]}"


def _answer(operation: Json) -> Json:
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            schema: Json = answer.get("content", {}).get(HAL, {}).get("schema", {"properties": {}})
            return schema
    raise ValueError(f"{operation['operationId']} has no success")


def _with_embedded(answer: Json) -> Json:
    embedded = {"type": "object", "properties": EMBEDDED}
    return {"allOf": [answer, {"type": "object", "properties": {"_embedded": embedded}}]}


def _typed(form: Any, schema: Json) -> Json:
    """Returns a query with its numbers as numbers."""
    typed: Json = {}
    for name, value in form.items():
        kinds = schema["properties"].get(name, {}).get("type", [])
        number = "integer" in (kinds if isinstance(kinds, list) else [kinds])
        typed[name] = int(value) if number and str(value).isdigit() else value
    return typed
