"""Compare the fields and event types that we use with the installed SDK of Stripe.

An upgrade of the SDK that moves one fails. `stripe_fields.txt` names each field that we read,
with its type in the version that we pin.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

import workers.providers.stripe
import workers.webhooks.fetch_and_apply
import workers.webhooks.parse
from tests.support.stripe_types import (
    UnknownField,
    event_types,
    type_of_field,
)
from workers.providers.stripe.client import API_VERSION
from workers.providers.stripe.event_types import EVENT_TYPES

FIELDS = Path(__file__).with_name("stripe_fields.txt")
GATEWAY = Path(workers.providers.stripe.__path__[0])
# These read no objects of Stripe's API by name, or through the SDK's types, which mypy checks.
READ_OTHERWISE = {"client.py", "errors.py", "demo.py", "demo_company.py", "webhook_endpoints.py"}
READERS = [
    Path(workers.webhooks.parse.__file__),
    Path(workers.webhooks.fetch_and_apply.__file__),
    *(path for path in sorted(GATEWAY.glob("*.py")) if path.name not in READ_OTHERWISE),
]

MODELS = [path for path in READERS if path.stem.endswith("schemas")]


def declared() -> dict[str, str]:
    lines = FIELDS.read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def names_read(source: str) -> Iterator[str]:
    """Yield the names that code looks up in a mapping: `x["name"]` and `x.get("name")`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Subscript(value=ast.Name(id="params" | "Literal")):
                pass  # what we send, and values
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                yield name
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def names_modelled(source: str) -> Iterator[str]:
    """Yield the names of the fields of the models of provider objects."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                match line:
                    case ast.AnnAssign(target=ast.Name(id=name)):
                        yield name


def test_the_sdk_uses_the_pinned_version() -> None:
    assert stripe.api_version == API_VERSION


def test_the_version_is_written_in_one_place() -> None:
    root = Path(__file__).parents[4]
    ours = [path for top in ("domain", "service", "workers") for path in (root / top).rglob("*.py")]
    naming = [path.name for path in ours if API_VERSION in path.read_text()]
    assert naming == ["client.py"]


@pytest.mark.parametrize("path", declared())
def test_a_field_that_we_read_is_as_it_was(path: str) -> None:
    assert type_of_field(path) == declared()[path]


def test_every_field_that_we_read_is_declared_and_no_other() -> None:
    read = {name for path in READERS for name in names_read(path.read_text())}
    read |= {name for path in MODELS for name in names_modelled(path.read_text())}
    segments = {segment for path in declared() for segment in path.split(".")[1:]}
    assert read - segments == set(), "add the field to stripe_fields.txt, with its type"
    assert {path.rpartition(".")[2] for path in declared()} - read == set(), "no longer read"


def test_every_event_type_that_we_register_exists() -> None:
    assert set(EVENT_TYPES) - event_types() == set()
    assert len(set(EVENT_TYPES)) == len(EVENT_TYPES)


@pytest.mark.parametrize(
    "path",
    ["Invoice.paid", "Invoice.status_transitions.nope", "Nothing.id", "PaymentIntent.invoice.id"],
)
def test_the_check_fails_for_a_field_that_is_gone(path: str) -> None:
    with pytest.raises(UnknownField):
        type_of_field(path)


def test_the_check_finds_a_name_that_is_read() -> None:
    source = 'a = data["old"]["deep"]\nb = data.get("gone") or {}\nparams["sent"] = 1\n'
    assert set(names_read(source)) == {"old", "deep", "gone"}
