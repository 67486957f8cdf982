"""Requests of any content, in every dialect, are refused or recorded, and stop no follower.

The bodies are the examples of the API's own document, with random changes of types, sizes and
values.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Any, Final
from uuid import uuid4

import pytest

from eventlog.database.connect import connect_async
from eventlog.follow.positions import follower_states
from service.openapi_document import document
from tests.service.harness import Shop
from tests.service.running_service import Service
from tests.support.fuzzing import fuzz_seed, size
from tests.support.mutations import Json, mutated, stretched
from tests.support.wait_until import until_async
from workers.queue.relay import relay_follower

_WRITING: Final = ("post", "put", "patch")
_PART: Final = 50
# Refused by a limit or late: an answer all the same.
_ANSWERED: Final = frozenset({503, 504})


def operations() -> list[tuple[str, str, Json]]:
    """Return method, path and example of each operation that reads a JSON body."""
    found = []
    for path, methods in document("https://billing.test")["paths"].items():
        for method in set(methods) & set(_WRITING):
            body = methods[method].get("requestBody", {}).get("content", {})
            examples = body.get("application/json", {}).get("examples", {})
            if not path.startswith("/webhooks/"):
                found += [(method.upper(), path, one["value"]) for one in examples.values()]
    return found


def with_own_ids(shop: Shop, example: Json) -> Json:
    """Put the app's own tenant and connection in the place of an example's."""
    own = {
        "tenantUuid": str(shop.tenant_id),
        "tenantId": str(shop.tenant_id),
        "connection_name": shop.connection,
    }
    return example | {name: value for name, value in own.items() if name in example}


def path_of(shop: Shop, path: str, invoice_id: str) -> str:
    """Fill a path's parameters with the app's own objects, or with an unknown one."""
    known = {
        "{appUuid}": str(shop.app_id),
        "{tenantUuid}": str(shop.tenant_id),
        "{tenantId}": str(shop.tenant_id),
        "{paymentProvider}": shop.provider,
        "{invoiceUuid}": invoice_id,
        "{priceId}": f"price_{uuid4().hex}",
        "{taxRateId}": f"txr_{uuid4().hex}",
        "{name}": f"stripe-{uuid4().hex[:8]}",
    }
    if path == "/stripe/invoices":
        return f"{path}?name=shop&connection_name={shop.connection}"
    for name, value in known.items():
        path = path.replace(name, value)
    return "/".join(str(uuid4()) if part.startswith("{") else part for part in path.split("/"))


def send(shop: Shop, source: random.Random, count: int) -> Counter[tuple[str, int]]:
    """Send so many mutated requests; count the answers by path and status."""
    own = shop.headers(content_type="application/json", prefer="respond-async")
    admin = {"api-key": shop.keys["admin"], "content-type": "application/json"}
    line = {"name": "Pro Plan", "amountMinor": 1999, "currency": "eur"}
    body = {"tenantUuid": str(shop.tenant_id), "type": "payment", "lineItems": [line]}
    made = shop.service.request("POST", shop.invoices_url, json=body, headers=own)
    invoice_id = made.json()["items"][0]["id"]
    choices = [(method, path, with_own_ids(shop, body)) for method, path, body in operations()]
    answers = Counter[tuple[str, int]]()
    for start in range(0, count, _PART):
        chosen = [source.choice(choices) for _ in range(min(_PART, count - start))]
        requests_: list[tuple[str, str, dict[str, Any]]] = []
        for method, path, example in chosen:
            change = source.choice([mutated, stretched, stretched, stretched])
            sent = json.dumps(change(source, example)).encode("utf-8", "surrogatepass")
            headers = source.choice([own, admin]) if "{tenant" not in path else own
            url = path_of(shop, path, invoice_id)
            requests_.append((method, url, {"content": sent, "headers": headers}))
        for (_, path, _), answer in zip(chosen, shop.service.requests(requests_), strict=True):
            answers[path, answer.status_code] += 1
    return answers


async def catch_up(database: str) -> None:
    """Run the relay until it and every projection have passed the head; fail if one stops."""
    stop = asyncio.Event()
    running = asyncio.ensure_future(relay_follower(database).run(stop))
    try:
        async with await connect_async(database, application_name="test") as connection:

            async def passed() -> bool:
                states = await follower_states(connection)
                failing = [(one.name, one.failed_position, one.error) for one in states]
                assert not [one for one in failing if one[1] is not None], failing
                at_head = all(one.lag_events == 0 for one in states)
                return at_head and "relay" in {one.name for one in states}

            await until_async(passed, timeout_s=300)
    finally:
        stop.set()
        await running


def check(database: str, *, seed: int, count: int) -> None:
    with Service(database, wait_default_s=0, wait_charged_s=0) as service:
        answers = send(Shop(service), random.Random(seed), count)  # noqa: S311 - repeatable
        wrong = {key: n for key, n in answers.items() if key[1] >= 500}
        assert {key: n for key, n in wrong.items() if key[1] not in _ANSWERED} == {}
        assert sum(n for (_, status), n in answers.items() if status < 300) > count / 10
        asyncio.run(catch_up(database))


def test_mutated_requests_stop_no_follower(database: str) -> None:
    check(database, seed=1, count=80)


@pytest.mark.extended
@pytest.mark.fuzz
def test_thousands_of_mutated_requests_stop_no_follower(database: str) -> None:
    with fuzz_seed() as seed:
        check(database, seed=seed, count=size(700, large=7_000))
