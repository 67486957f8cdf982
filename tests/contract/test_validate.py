"""The checker itself, against a contract made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.stripe_spec import ERROR, FILE, StripeContract
from tests.contract.validate import check

Json = dict[str, Any]

THING: Json = {
    "type": "object",
    "x-resourceId": "thing",
    "required": ["id", "object", "size"],
    "properties": {
        "id": {"type": "string"},
        "object": {"enum": ["thing"], "type": "string"},
        "size": {"type": "integer"},
        "note": {"type": "string", "nullable": True},
        "part": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/obj_Thing"}]},
    },
}

PARAMS: Json = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "kind": {"anyOf": [{"enum": [""], "type": "string"}, {"enum": ["a"], "type": "string"}]},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}

GOOD: Json = {"id": "t_1", "object": "thing", "size": 1, "note": None, "part": "t_2"}
REFUSED: Json = {"error": {"type": "card_error", "message": "no"}}


@pytest.fixture
def contract(tmp_path: Path) -> StripeContract:
    answer = {
        "200": {
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/obj_Thing"}}}
        }
    }
    form = {"application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/P"}}}
    error = {"type": {"enum": ["card_error"], "type": "string"}, "message": {"type": "string"}}
    event = {"properties": {"object": {"type": "string"}, "data": {"type": "object"}}}
    spec = {
        "paths": {
            "/v1/things": {
                "post": {"parameters": [], "requestBody": {"content": form}, "responses": answer}
            },
            "/v1/things/{id}": {
                "get": {
                    "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
                    "responses": answer,
                }
            },
        },
        "components": {
            "schemas": {
                "obj_Thing": THING,
                "obj_Event": {"type": "object", **event},
                "P": PARAMS,
                ERROR: {"type": "object", "properties": error, "required": ["type"]},
            }
        },
    }
    (tmp_path / FILE).write_text(json.dumps(spec))
    return StripeContract(tmp_path)


def exchange(form: str = "size=1", status: int = 200, body: Json = GOOD) -> Json:
    return {"method": "POST", "path": "/v1/things", "form": form, "status": status, "body": body}


@pytest.mark.parametrize(
    "form", ["size=1", "size=2&tags[0]=x&tags[1]=y", "size=1&kind=", "size=1&metadata[a]=b"]
)
def test_what_fits_is_no_violation(contract: StripeContract, form: str) -> None:
    report = check(contract, [exchange(form), exchange(status=402, body=REFUSED)])
    assert report.counts["violations"] == 0
    assert (report.good["POST /v1/things"], report.bad["POST /v1/things"]) == (1, 1)


@pytest.mark.parametrize(
    "form", ["", "size=big", "size=1&more=1", "size=1&tags=x", "size=1&kind=b"]
)
def test_a_form_that_does_not_fit_is_a_violation(contract: StripeContract, form: str) -> None:
    assert check(contract, [exchange(form)]).counts["violations"] == 1
    assert check(contract, [exchange(form, 400, REFUSED)]).counts["violations"] == 0


@pytest.mark.parametrize(
    "change",
    [{"size": None}, {"size": "1"}, {"extra": 1}, {"object": "other"}, {"part": GOOD | {"x": 1}}],
)
def test_an_answer_that_does_not_fit_is_a_violation(contract: StripeContract, change: Json) -> None:
    assert check(contract, [exchange(body=GOOD | change)]).counts["violations"] == 1


def test_expanded_and_deleted_objects_fit(contract: StripeContract) -> None:
    gone = {"id": "t_1", "object": "thing", "deleted": True}
    report = check(contract, [exchange(body=GOOD | {"part": GOOD}), exchange(body=gone)])
    assert report.counts["violations"] == 0


def test_errors_and_events_are_held_to_their_shapes(contract: StripeContract) -> None:
    wrong_error = exchange(status=402, body={"error": {"kind": "card_error"}})
    event = {"object": "event", "data": {"object": GOOD | {"extra": 1}}}
    unknown = {"object": "event", "data": {"object": {"object": "unicorn"}}}
    assert check(contract, [wrong_error]).counts["violations"] == 2
    assert check(contract, [{"webhook": event}]).counts["violations"] == 1
    assert check(contract, [{"webhook": unknown}]).counts["violations"] == 1


def test_an_answered_request_that_the_contract_lacks_is_a_violation(
    contract: StripeContract,
) -> None:
    stray = exchange() | {"path": "/v1/unicorns"}
    assert check(contract, [stray]).counts["violations"] == 1
