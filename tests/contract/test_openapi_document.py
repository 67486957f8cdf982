"""Check the OpenAPI document itself."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from service.openapi_document import OPERATIONS, document
from service.routes import ROUTES

Json = dict[str, Any]


@cache
def published() -> Json:
    return document("https://billing.example.com")


def operations() -> Iterator[tuple[str, Json]]:
    for path, methods in published()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def answers() -> Iterator[tuple[str, str, Json]]:
    for name, operation in operations():
        for status, answer in operation["responses"].items():
            yield name, status, resolved(answer)


def resolved(known: Json) -> Json:
    while "$ref" in known:
        found: Any = published()
        for part in known["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        known = found
    return known


def contents() -> Iterator[tuple[str, Json]]:
    """Yield all schemas of requests and responses, in every media type."""
    for name, operation in operations():
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} takes {media_type}", content
    for name, status, answer in answers():
        for media_type, content in answer.get("content", {}).items():
            yield f"{name} answers {status} {media_type}", content


def served() -> set[str]:
    assert all(isinstance(route, Route) for route in ROUTES)
    return {
        f"{method} {route.path}"
        for route in ROUTES
        for method in route.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }


def test_every_route_is_declared_and_nothing_else() -> None:
    declared = [f"{known.method} {known.path}" for known in OPERATIONS]
    assert sorted(declared) == sorted(served())


def test_the_document_is_openapi_3_1() -> None:
    assert list(OpenAPIV31SpecValidator(published()).iter_errors()) == []


def test_operation_ids_are_unique_identifiers() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in ids)


def test_no_answer_is_left_to_a_default() -> None:
    for name, operation in operations():
        assert "default" not in operation["responses"], name
        assert any(status < "400" for status in operation["responses"]), name


def test_every_operation_with_a_key_documents_its_401() -> None:
    for name, operation in operations():
        if operation["security"]:
            assert {"401", "403", "500"} <= set(operation["responses"]), name


def test_every_body_and_every_answer_has_an_example() -> None:
    for name, content in contents():
        if name.rpartition(" ")[2] == "application/json" and "openapi.json" not in name:
            assert content["examples"], name


def test_examples_fit_their_schemas() -> None:
    for name, content in contents():
        validator = Draft202012Validator(
            {"components": published()["components"], "allOf": [content["schema"]]},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        for example in content.get("examples", {}).values():
            faults = [
                f"{f.json_path}: {f.message}" for f in validator.iter_errors(example["value"])
            ]
            assert faults == [], name


def test_every_parameter_and_header_is_explained() -> None:
    for name, operation in operations():
        for parameter in operation["parameters"]:
            assert parameter["description"], (name, parameter)
    for name, status, answer in answers():
        for header in answer["headers"].values():
            assert header["description"], (name, status)


def test_every_answer_has_a_request_id() -> None:
    for name, status, answer in answers():
        assert resolved(answer["headers"]["X-Request-Id"])["required"], (name, status)
