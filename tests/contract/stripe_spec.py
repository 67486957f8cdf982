"""Stripe's contract, read from outside by path: which operation a request is, and its schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from sandbox.stripe.core.forms import parse
from tests.contract.operation import ContractOperation, deepest
from tests.contract.requests import misfits

Json = dict[str, Any]

FILE = "stripe_openapi_16.1.0.json"

# Stripe counts the first page of an invoice's lines; the types of its SDK do not name the field.
COUNTED = {"total_count": {"type": "integer"}}

DELETED = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string"},
        "deleted": {"enum": [True]},
    },
    "required": ["id", "object", "deleted"],
    "additionalProperties": False,
}

# What stands in an error is what a payment intent remembers of its last one.
ERROR = "obj_PaymentIntent_LastPaymentError"


class StripeContract:
    """The contract file, its schemas made strict: a field that it does not name is a violation."""

    def __init__(self, folder: Path) -> None:
        self._spec = json.loads((folder / FILE).read_text())
        self.schemas: Json = self._spec["components"]["schemas"]
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def _operations(self) -> list[ContractOperation]:
        found = []
        # Fixed words before placeholders: /invoices/create_preview is not an invoice's id.
        for path in sorted(self._spec["paths"], key=lambda path: (path.count("{"), path)):
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
            for method, operation in self._spec["paths"][path].items():
                answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
                name = f"{method.upper()} {path}"
                found.append(ContractOperation(name, pattern, _request(operation), answer))
        return found

    def operation(self, method: str, path: str) -> ContractOperation | None:
        """Returns the operation of a request."""
        for candidate in self._operations:
            verb = candidate.name.split(" ")[0]
            if verb == method and candidate.pattern.fullmatch(path):
                return candidate
        return None

    @cached_property
    def _definitions(self) -> Json:
        return {name: strict(schema) for name, schema in self.schemas.items()}

    @cached_property
    def _by_object(self) -> dict[str, str]:
        return {
            schema["x-resourceId"]: name
            for name, schema in self.schemas.items()
            if "x-resourceId" in schema
        }

    def faults_of_request(self, operation: ContractOperation, form: str) -> Iterator[str]:
        """Return the violations of a request's parameters."""
        yield from misfits(operation.request, parse(form), self.schemas)

    def faults_of_answer(self, operation: ContractOperation, body: Json) -> Iterator[str]:
        """Return the violations of a successful response."""
        schema = DELETED if body.get("deleted") is True else strict(operation.answer)
        yield from self._faults(operation.name, schema, body)

    def faults_of_error(self, body: Json) -> Iterator[str]:
        """Return the violations of an error response."""
        schema = {
            "type": "object",
            "properties": {"error": {"$ref": f"#/$defs/{ERROR}"}},
            "required": ["error"],
            "additionalProperties": False,
        }
        yield from self._faults("error", schema, body)

    def faults_of_event(self, event: Json) -> Iterator[str]:
        """Return the violations of an event and of the object that it carries."""
        yield from self._faults("event", {"$ref": "#/$defs/obj_Event"}, event)
        body = event.get("data", {}).get("object", {})
        component = self._by_object.get(body.get("object", ""))
        if component is None:
            yield f"an event carries an unknown object {body.get('object')!r}"
        else:
            yield from self._faults(component, {"$ref": f"#/$defs/{component}"}, body)

    def _faults(self, name: str, schema: Json, body: Json) -> Iterator[str]:
        key = f"{name} {schema is DELETED}"
        if key not in self._validators:
            self._validators[key] = Draft202012Validator(schema | {"$defs": self._definitions})
        for error in self._validators[key].iter_errors(body):
            found = deepest(error)
            yield f"{found.json_path}: {found.message[:200]}"


def _request(operation: Json) -> Json:
    body = operation.get("requestBody")
    if body is not None:
        schema: Json = body["content"]["application/x-www-form-urlencoded"]["schema"]
        return schema
    query = [item for item in operation["parameters"] if item["in"] == "query"]
    return {
        "type": "object",
        "properties": {item["name"]: item["schema"] for item in query},
        "required": [item["name"] for item in query if item.get("required")],
    }


def strict(schema: Any) -> Any:
    """Translates an OpenAPI schema to JSON Schema that refuses unnamed fields."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    done = {key: strict(value) for key, value in schema.items() if key in _KEPT}
    if "properties" in schema:
        done["properties"] = {name: strict(item) for name, item in schema["properties"].items()}
        if schema.get("x-list"):
            done["properties"] |= COUNTED
        done.setdefault("additionalProperties", False)
    if "$ref" in schema:
        done["$ref"] = schema["$ref"].replace("#/components/schemas/", "#/$defs/")
    if "enum" in schema and not schema.get("x-open-enum"):
        done["enum"] = schema["enum"]
    if schema.get("nullable"):
        return {"anyOf": [{"type": "null"}, done]}
    return done


_KEPT = {"type", "required", "items", "anyOf", "additionalProperties"}
