"""`python -m tests.contract.dialects_page`: write docs/dialects.md from the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.contract.field_table import PARTS, Part, Row

PAGE: Final = Path(__file__).parents[2] / "docs" / "dialects.md"

_HEAD: Final = """\
# The five dialects

Programs written for five published interfaces work with Billhook after a change of base URL and
keys. This page lists each field of the five documents and its source. `make dialects` generates it
from the table that the contract tests read.

| dialect | request | keys |
| --- | --- | --- |
| 000 | `POST /v1/tenants/{tenantId}/stripe-invoices` | `X-API-KEY`, `X-API-KEY-TYPE: write`, \
`X-CLIENT-ID`, or an access token in `Authorization` |
| 001 | `POST /api/v1/tenants/{tenantId}/stripe-invoices` | `X-API-KEY`, `X-API-KEY-TYPE: write`, \
`X-CLIENT-ID` |
| 002 | `POST /api/v1/apps/{appUuid}/tenants/{tenantUuid}/payment-providers/{paymentProvider}/\
invoices` | `x-api-key`, `x-api-key-type`, `x-client-id` |
| 003 | `GET /admin/api/invoices`, `GET /admin/api/invoices/{id}`, `POST /admin/api/invoices` | \
`Api-Key` |
| 004 | `POST /stripe/invoices?name=…&connection_name=…` | `x-api-key` |

Where the documents are silent:

- 000 and 001 charge immediately: without any payment method they are rejected before anything is
  created. 402, 413, 415 and 422 are answered as 400, and 404 as 403, as their documents list.
- 003 creates a draft that Stripe finalises and charges automatically within the hour; its webhook
  reports the result. 004 creates a draft with the customer's pending items, one request at a time
  per customer; without pending items it is empty.
- 003 and 004 return Stripe's invoice in its format of 2023. Fields that Stripe has moved since are
  also returned in their old place. Errors of both are
  `{"error": {"code", "message", "requestId"}}`.
- If the result takes longer than the wait (30 s, or `Prefer: wait=N`), the answer is 202 with
  `Location`, and the work continues.
- Every POST takes an `Idempotency-Key`.
"""


def page() -> str:
    """Render the page."""
    sections = [_section(part) for part in PARTS]
    return "\n".join([_HEAD, *sections])


def _section(part: Part) -> str:
    dialect = part.file.partition("_")[0]
    heading = [f"## {dialect} {part.title}", ""]
    table = ["| field | example | source |", "| --- | --- | --- |"]
    return "\n".join([*heading, *table, *map(_line, part.rows()), ""])


def _line(row: Row) -> str:
    return f"| `{row.path}` | {_printed(row.printed)} | {row.source} |"


def _printed(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= 40 else text[:37] + '…'}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
