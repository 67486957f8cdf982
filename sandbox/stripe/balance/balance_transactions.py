"""Balance transactions: retrieve and list. Each movement of the ledger has one."""

from __future__ import annotations

from sandbox.common.store import Json, equal
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import CreatedPage, NoParams, Text
from sandbox.stripe.core.views import view


class ListTransactions(CreatedPage):
    """GET /v1/balance_transactions."""

    currency: Text | None = None
    source: Text | None = None
    type: Text | None = None


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a balance transaction."""
    return view(call, call.load(_KIND, call.path["transaction"]))


def listing(call: Call, params: ListTransactions) -> Json:
    """Returns a page of the account's balance transactions."""
    filters = equal(currency=params.currency, source=params.source, type=params.type)
    return page(call, _KIND, params, url=_ALL, filters=filters)


_KIND = "balance_transaction"
_ALL = "/v1/balance_transactions"

OPERATIONS: list[Operation] = [
    operation("GET", _ALL, f"list:{_KIND}", ListTransactions, listing),
    operation("GET", f"{_ALL}/{{transaction}}", _KIND, NoParams, retrieve),
]
