"""The checker of Mollie's messages, against a contract made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.mollie_spec import FILE, HAL, MollieContract
from tests.contract.validate import check, provider_of

Json = dict[str, Any]

THING: Json = {
    "allOf": [
        {
            "type": "object",
            "required": ["id", "size"],
            "properties": {
                "id": {"type": "string", "readOnly": True},
                "size": {"type": "integer"},
                "secret": {"type": "string", "writeOnly": True},
                "kind": {"type": ["string", "null"], "enum": ["a", None]},
                "open": {"enum": ["b"], "x-speakeasy-unknown-values": "allow"},
                "metadata": {"oneOf": [{"type": "string"}, {"type": "object"}]},
            },
        },
        {"type": "object", "properties": {"more": {"type": "string"}}},
    ]
}
ERROR: Json = {"type": "object", "properties": {"detail": {"type": "string"}}}
EVENT: Json = {"type": "object", "properties": {"resource": {}, "type": {"type": "string"}}}

GOOD: Json = {"id": "t_1", "size": 1, "kind": None, "open": "c", "metadata": {"x": 1}, "more": "m"}


@pytest.fixture
def contract(tmp_path: Path) -> MollieContract:
    thing = {"$ref": "#/components/schemas/thing"}
    answer = {"200": {"content": {HAL: {"schema": thing}}}}
    limit = {"in": "query", "name": "limit", "schema": {"type": ["integer", "null"]}}
    spec = {
        "paths": {
            "/v2/things": {
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": thing}}},
                    "responses": answer,
                },
                "get": {"parameters": [limit], "responses": answer},
            },
            "/v2/things/{id}": {"delete": {"responses": {"204": {}}}},
        },
        "components": {
            "schemas": {"thing": THING, "error-response": ERROR, "entity-webhook-event": EVENT}
        },
    }
    (tmp_path / FILE).write_text(json.dumps(spec))
    return MollieContract(tmp_path)


def exchange(method: str, form: str, body: Json, *, path: str = "/v2/things") -> Json:
    return {"method": method, "path": path, "form": form, "status": 200, "body": body}


def violations(contract: MollieContract, message: Json) -> int:
    return check(contract, [message]).counts["violations"]


@pytest.mark.parametrize("form", ['{"size": 1}', '{"size": 1, "secret": "s"}', '{"more": "m"}'])
def test_what_fits_is_no_violation(contract: MollieContract, form: str) -> None:
    assert violations(contract, exchange("POST", form, GOOD)) == 0


@pytest.mark.parametrize("body", [{"size": "1"}, {"id": "t_1"}, {"other": 1}, {"kind": "b"}])
def test_a_body_that_does_not_fit_is_a_violation(contract: MollieContract, body: Json) -> None:
    assert violations(contract, exchange("POST", json.dumps(body), GOOD)) > 0


@pytest.mark.parametrize(
    "change", [{"size": None}, {"extra": 1}, {"secret": "s"}, {"kind": "b"}, {"metadata": 1}]
)
def test_an_answer_that_does_not_fit_is_a_violation(contract: MollieContract, change: Json) -> None:
    assert violations(contract, exchange("POST", "{}", GOOD | change)) > 0


@pytest.mark.parametrize(("query", "expected"), [("limit=5", 0), ("limit=x", 1), ("page=1", 1)])
def test_queries_are_held_to_their_parameters(
    contract: MollieContract, query: str, expected: int
) -> None:
    assert violations(contract, exchange("GET", query, GOOD)) == expected


def test_errors_events_and_empty_answers_are_held_to_their_shapes(contract: MollieContract) -> None:
    gone = exchange("DELETE", "", {}, path="/v2/things/t_1")
    assert violations(contract, gone) == 0
    assert violations(contract, gone | {"status": 404, "body": {"words": "no"}}) == 1
    assert violations(contract, {"webhook": {"resource": "event", "type": "a"}}) == 0
    assert violations(contract, {"webhook": {"resource": "event", "kind": "a"}}) == 1


def test_messages_are_attributed_by_provider() -> None:
    assert provider_of(exchange("GET", "", GOOD)) == "mollie"
    assert provider_of(exchange("GET", "", GOOD, path="/v1/things")) == "stripe"
    assert provider_of({"webhook": {"resource": "event"}}) == "mollie"
    assert provider_of({"webhook": {"object": "event"}}) == "stripe"
