"""A running system that is asked what schemathesis makes up, and held to its document."""

import hashlib
import hmac
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import requests
from requests.auth import AuthBase
from schemathesis import Case, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from tests.contract.openapi_substitutions import ACCEPTED, ALWAYS_FILLED, Things
from tests.support.system import System

Json = dict[str, Any]
_MISSED_ON_PURPOSE = 8  # of so many cases, one keeps what was made up for ids: 404 is tested too
_WAITED_FOR = 25  # of so many POSTs, one waits for its outcome


class _SignedByStripe(AuthBase):
    """Signs deliveries as the provider would, once their bytes are known."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if request.path_url.startswith("/webhooks/") and request.method == "POST":
            raw = request.body or b""
            raw = raw.encode() if isinstance(raw, str) else raw
            at_s = int(time.time())
            signed = hmac.new(self._secret.encode(), b"%d." % at_s + raw, hashlib.sha256)
            request.headers["stripe-signature"] = f"t={at_s},v1={signed.hexdigest()}"
        return request


class World:
    """Sends cases; counts what is answered. 202 is no outcome, and counts as no success."""

    def __init__(self, system: System) -> None:
        self.things = Things(system)
        self.sent = 0
        self.succeeded: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._callers: dict[str, Iterator[dict[str, str]]] = {}
        (secret,) = system.demo["webhook_secrets"].values()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = _SignedByStripe(secret)

    def close(self) -> None:
        self.things.stock.close()
        self.things.caller.http.close()
        self._session.close()

    def send(self, case: Case, *, surely: bool = False) -> Response:
        """Send a case, and hold the answer to the document.

        `surely`: nothing that was made up is kept which would name what does not exist.
        """
        operation_id = case.operation.definition.raw["operationId"]
        count = self._turns[operation_id]
        self._turns[operation_id] += 1
        filled = surely or count % _MISSED_ON_PURPOSE > 0 or operation_id in ALWAYS_FILLED
        if filled:
            self._fill(case, operation_id, waiting=surely or count % _WAITED_FOR == 0)
        response = case.call(
            base_url=self.things.demo["base_url"],
            session=self._session,
            headers=self._keys(case, operation_id),
            allow_redirects=False,
        )
        self.sent += 1
        refused = response.status_code >= 400 and response.status_code != 402
        self.things.stock.release(used=not refused)
        pending = response.status_code == 202 and operation_id not in ACCEPTED
        if response.status_code < 400 and not pending:
            self.succeeded[case.operation.label] += 1
        # What names nothing may be refused though it is as it should be.
        unfit = [] if filled else [positive_data_acceptance]
        if _is_unsigned_webhook(case, operation_id):
            unfit.append(negative_data_rejection)
        case.validate_response(response, excluded_checks=[ignored_auth, *unfit])
        return response

    def _fill(self, case: Case, operation_id: str, *, waiting: bool) -> None:
        """Put what there is in the place of what was made up, unless that is wrong on purpose."""
        wrong = _wrong_on_purpose(case)
        if ParameterLocation.PATH not in wrong and case.path_parameters:
            case.path_parameters = self.things.path(operation_id, case.path_parameters)
        if ParameterLocation.QUERY not in wrong and case.query:
            case.query = self.things.query(operation_id, case.query)
        if ParameterLocation.BODY not in wrong and isinstance(case.body, dict):
            case.body = self.things.body(operation_id, _written(case.body))
        if ParameterLocation.HEADER not in wrong:
            self._fill_headers(case, waiting=waiting)

    def _fill_headers(self, case: Case, *, waiting: bool) -> None:
        declared = {header.name for header in case.operation.headers}
        filled = {
            "Prefer": "wait=20" if waiting else "respond-async",
            "Idempotency-Key": str(uuid4()),
        }
        for name in declared & filled.keys():
            case.headers[name] = filled[name]

    def _keys(self, case: Case, operation_id: str) -> dict[str, str]:
        """The keys that the operation takes, by turns."""
        if operation_id not in self._callers:
            self._callers[operation_id] = itertools.cycle(self._all_keys(case) or [{}])
        return next(self._callers[operation_id])

    def _all_keys(self, case: Case) -> list[dict[str, str]]:
        demo, kind = self.things.demo, "read" if case.operation.method == "get" else "write"
        known = {
            "appKey": self.things.caller.headers(kind),
            "adminKey": {"api-key": demo["admin_key"]},
            "accessToken": {"authorization": f"Bearer {self.things.token}"},
            "connectionKey": {"x-api-key": demo["write_key"]},
        }
        choices: list[Json] = case.operation.definition.raw["security"]
        return [known[next(iter(choice))] for choice in choices]


def _is_unsigned_webhook(case: Case, operation_id: str) -> bool:
    """Return whether the document promises the same response whatever the request holds."""
    return operation_id == "receiveWebhook" and case.path_parameters.get("provider") == "mollie"


def _written(value: Any) -> Any:
    """Write whole numbers as such: JSON Schema takes 5.0 for an integer; hardly anybody does."""
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_written(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _wrong_on_purpose(case: Case) -> set[ParameterLocation]:
    """Return the parts of a case that break the document's rules by intent."""
    if case.meta is None:
        return set()
    return {
        location
        for location, part in case.meta.components.items()
        if part.mode is GenerationMode.NEGATIVE
    }
