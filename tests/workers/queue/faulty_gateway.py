"""A gateway whose one call raises, and the final errors of a provider that it raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import stripe
from pydantic import SecretStr

from tests.workers.mollie_harness import MollieBench
from tests.workers.queue.test_rate_limited_jobs import MASTER_KEY
from tests.workers.stripe_harness import Bench
from workers.providers.mollie.errors import raise_port_error as raise_for_mollie
from workers.providers.stripe.errors import raise_port_error as raise_for_stripe
from workers.runtime import Runtime, open_runtime
from workers.settings import Settings


def stripe_error(status: int) -> Exception:
    """Return the port's error for a status of Stripe."""
    code = "resource_missing" if status == 404 else "parameter_invalid"
    body = {"error": {"type": "invalid_request_error", "code": code, "message": "No."}}
    kind = stripe.InvalidRequestError if status in (400, 404) else stripe.APIError
    more = {"param": None, "code": code} if kind is stripe.InvalidRequestError else {"code": code}
    made: Any = kind
    return _raised(
        lambda: raise_for_stripe(made("No.", http_status=status, json_body=body, **more))
    )


def mollie_error(status: int) -> Exception:
    """Return the port's error for a status of Mollie."""
    return _raised(lambda: raise_for_mollie(status, {"status": status, "detail": "No."}, {}))


def _raised(act: Callable[[], object]) -> Exception:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - the error is the result
        return error
    raise AssertionError("it raised nothing")


def distinct(errors: Iterable[Exception]) -> list[Exception]:
    """Return one error for each meaning to a job: its class, and whether it is `missing`."""
    kinds = {(type(error), getattr(error, "missing", None)): error for error in errors}
    return list(kinds.values())


class FaultyGateway:
    """A real gateway whose one call raises; notes the calls of the port that are made."""

    def __init__(self, gateway: Any, calls: frozenset[str]) -> None:
        self._gateway = gateway
        self._calls = calls
        self.made: list[str] = []
        self.faulty: str | None = None
        self.error: Exception = ValueError()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._gateway, name)
        if name not in self._calls:
            return call

        def made(*arguments: Any, **named: Any) -> Any:
            self.made.append(name)
            if name == self.faulty:
                raise self.error
            return call(*arguments, **named)

        return made


class FaultyGateways:
    """Returns one gateway for every connection."""

    def __init__(self, gateway: FaultyGateway) -> None:
        self._gateway = gateway
        self.invoicing = self.checkout = self.of = self._open

    def _open(self, *_: object) -> FaultyGateway:
        return self._gateway


@contextmanager
def faulty_runtime(
    bench: Bench | MollieBench, redis_url: str, calls: frozenset[str]
) -> Iterator[tuple[Runtime, FaultyGateway]]:
    settings = Settings(
        database_url=bench.log.dsn,
        redis_url=redis_url,
        master_keys=SecretStr(MASTER_KEY),
        stripe_api_base=bench.account.url,
    )
    gateway = FaultyGateway(bench.gateway, calls)
    with open_runtime(settings) as made:
        gateways: Any = FaultyGateways(gateway)
        yield replace(made, gateways=gateways, callback_urls=_urls(bench, made)), gateway


def _urls(bench: Bench | MollieBench, runtime: Runtime) -> Any:
    return bench.callback_urls if isinstance(bench, MollieBench) else runtime.callback_urls
