"""Fuzz the running system: each response matches the OpenAPI document.

The schema is built when the first test needs it: building it while tests are collected would cost
every worker of a run half a minute.
"""

import itertools
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import Phase, given, seed, settings
from schemathesis import APIOperation, Case
from schemathesis.generation import GenerationMode
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.schemas import OpenApiSchema

from service.openapi_document import document
from tests.contract.openapi_system import World
from tests.support.fuzzing import fuzz_seed, size
from tests.support.sandbox import SandboxAdmin
from tests.support.system import DEMO_STRIPE_KEY, Json, System, eventually

REQUESTS = size(7_000, large=10_000)
SUCCESSES = 20
FEW_SUCCESSES = 2
# Generated for each operation; the extended test adds some hundred at the bounds of its values.
GENERATED = 2
QUICK = {
    "getAdminInvoice",
    "getApp",
    "getConnection",
    "getInvoice",
    "listInvoiceEvents",
    "getPaymentMethodSetup",
    "getPrice",
    "getTaxRate",
    "getTenant",
    "openDocument",
    "getReturnPage",
}

Operations = dict[str, APIOperation]

pushed = settings(
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    impatience: Json = {"wait_default_s": 1, "wait_charged_s": 1, "min_position_wait_s": 0.5}
    with System(tmp_path_factory.mktemp("openapi"), **impatience) as system:
        world = World(system)
        # Some thousand deliveries would say again what the provider's answers have said.
        with SandboxAdmin(system.demo["sandbox_url"], DEMO_STRIPE_KEY) as sandbox:
            sandbox.set_webhooks(hold=True)
        yield world
        world.close()


def load_schema() -> OpenApiSchema:
    schema = schemathesis.openapi.from_dict(document("http://127.0.0.1"))
    schema.config.generation.update(with_security_parameters=False)
    # A correct request is accepted with each of the keys that are documented for it, except for a
    # declined card and for an object that does not exist yet.
    schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "302", "402", "503"]
    schema.config.checks.not_a_server_error.expected_statuses += ["503", "504"]
    return schema


@pytest.fixture(scope="module")
def schema() -> OpenApiSchema:
    return load_schema()


@pytest.fixture(scope="module")
def schema_without_bounds() -> OpenApiSchema:
    schema = load_schema()
    schema.config.phases.coverage.enabled = False
    return schema


@pytest.fixture(scope="module")
def operations(schema: OpenApiSchema) -> Operations:
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


def test_generated_requests_are_answered_as_documented(
    schema_without_bounds: OpenApiSchema, world: World
) -> None:
    send_generated(schema_without_bounds, world)


def test_each_operation_succeeds(operations: Operations, world: World) -> None:
    for operation in operations.values():
        succeed(operation, world, times=FEW_SUCCESSES)


@pytest.mark.extended
@pytest.mark.fuzz
def test_thousands_of_requests_are_answered_as_documented(
    schema: OpenApiSchema, operations: Operations, world: World
) -> None:
    """Send those at the bounds of all values, then valid ones; each operation succeeds often.

    One test, since what the first requests made succeed counts, and a second worker of the run
    would start a system of its own.
    """
    send_generated(schema, world)
    eventually(lambda: is_ready(world))
    for operation in operations.values():
        succeed(operation, world, times=SUCCESSES)
    remaining = itertools.cycle(_quick(operations))
    with fuzz_seed() as first:
        for number in itertools.count(first):
            if world.sent >= REQUESTS:
                break
            _push(next(remaining), world, number=number)
    eventually(lambda: is_ready(world))


def is_ready(world: World) -> bool:
    """Check whether the projections have caught up with what was sent, and nothing has failed."""
    return world.things.caller.http.get("/readyz").status_code == 200


def send_generated(schema: OpenApiSchema, world: World) -> None:
    """Send generated requests of each operation; a failure reports its request."""

    def send(case: Case) -> None:
        world.send(case)

    tests = get_all_tests(
        schema=schema,
        test_func=send,
        settings=settings(pushed, max_examples=GENERATED),
        given_kwargs=None,
    )
    for found in tests:
        _, test = found.ok()
        sent_before = world.sent
        test()
        assert world.sent > sent_before


def succeed(operation: APIOperation, world: World, *, times: int) -> None:
    """Send valid requests for an operation until so many of all have succeeded."""

    @settings(pushed, max_examples=times)
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def send_case(case: Case) -> None:
        world.send(case, surely=True)

    for _ in range(SUCCESSES):
        if world.succeeded[operation.label] < times:
            send_case()
    assert world.succeeded[operation.label] >= times, operation.label


def _quick(operations: Operations) -> list[APIOperation]:
    return [
        operation
        for operation in operations.values()
        if operation.definition.raw["operationId"] in QUICK
    ]


def _push(operation: APIOperation, world: World, *, number: int) -> None:
    """Send a hundred requests, other ones for each number."""

    @seed(number)
    @settings(pushed, max_examples=100, derandomize=False)
    @given(operation.as_strategy())
    def send_case(case: Case) -> None:
        world.send(case)

    send_case()
