"""Import tenants from a CSV file: each row is validated and imported completely or not at all."""

import csv
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Literal
from uuid import UUID

from domain.billing import Billing
from domain.core import ids
from domain.core.errors import CustomerTaken
from domain.tenants.commands import SetTenant
from domain.tenants.customer_claim import CustomerClaim
from domain.tenants.tenant import Tenant
from eventlog.bodies import Body
from service.http.errors import BadRequest
from service.http.validation import validate
from service.tenants.endpoints import TenantBody

ID: Final = "tenant_uuid"
CUSTOMER: Final = "customer:"
# By column, the name in the API.
FIELDS: Final = {"name": "name", "email": "email", "country": "country", "vat_id": "vatId"}
_MODEL_NAMES: Final = {"name": "name", "email": "email", "country": "country", "vatId": "vat_id"}
_BATCH: Final = 200
_THREADS: Final = 8

Outcome = Literal["new", "changed", "known"]


class BadFile(Exception):
    """The file cannot be read; the message states what to change."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A valid line of the file. `omitted`: the fields of the API without a column."""

    line: int
    tenant_id: UUID
    body: TenantBody
    omitted: frozenset[str] = frozenset()

    @property
    def customers(self) -> dict[str, str]:
        """Return the customer ids by connection."""
        return self.body.customers()


@dataclass(frozen=True, kw_only=True)
class RejectedRow:
    """A line that is not imported. An error that concerns a column begins with its name."""

    line: int
    errors: list[str]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A line that was imported, or would be in a dry run."""

    line: int
    outcome: Outcome


def read_rows(lines: Iterable[str], *, connections: Iterable[str]) -> Iterator[Row | RejectedRow]:
    """Read and validate rows one by one. Raises BadFile for a wrong header or invalid CSV."""
    reader = csv.DictReader(lines, strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        _check_header(names, set(connections))
        reader.fieldnames = names
        with closing(_Seen()) as seen:
            for cells in reader:
                yield seen.checked(_row(cells, line=reader.line_num))
    except csv.Error as error:
        raise BadFile(f"line {reader.line_num}: {error}") from None
    except UnicodeDecodeError:
        raise BadFile("it is not UTF-8: save it as CSV in UTF-8") from None


def _check_header(names: list[str], connections: set[str]) -> None:
    if "" in names:
        raise BadFile(f"column {names.index('') + 1} has no name in the first line")
    if ID not in names:
        separator = next((one for one in ";\t" if one in names[0]), None) if names else None
        if separator is not None:
            raise BadFile(f"its columns are separated by {separator!r}: save it with commas")
        raise BadFile(f"its first line must name the columns, including {ID}")
    if len(set(names)) < len(names):
        raise BadFile("a column is named twice")
    for name in names:
        connection = name.removeprefix(CUSTOMER)
        if name.startswith(CUSTOMER):
            if connection not in connections:
                raise BadFile(f"column {name}: the app has no connection {connection!r}")
        elif name not in (ID, *FIELDS):
            known = ", ".join((ID, *FIELDS, f"{CUSTOMER}CONNECTION"))
            raise BadFile(f"column {name!r} is not known; the columns are {known}")


def _row(cells: Mapping[str | None, str | list[str] | None], *, line: int) -> Row | RejectedRow:
    if None in cells:
        return RejectedRow(line=line, errors=["it has more cells than there are columns"])
    given = {
        str(name): text.strip()
        for name, text in cells.items()
        if isinstance(text, str) and text.strip()
    }
    customers = [name for name in given if name.startswith(CUSTOMER)]
    errors: list[str] = []
    try:
        tenant_id = UUID(given.get(ID, ""))
    except ValueError:
        errors.append(f"{ID}: is not a UUID")
    fields = {FIELDS[name]: given[name] for name in FIELDS if name in given} | {
        "providerCustomers": [
            {"connection": name.removeprefix(CUSTOMER), "customerId": given[name]}
            for name in customers
        ]
    }
    try:
        body = validate(TenantBody, fields)
    except BadRequest as error:
        errors += [_in_columns(fault.message, fault.path, customers) for fault in error.faults]
    if errors:
        return RejectedRow(line=line, errors=errors)
    omitted = frozenset(api for name, api in FIELDS.items() if name not in cells)
    return Row(line=line, tenant_id=tenant_id, body=body, omitted=omitted)


def _in_columns(message: str, path: str | None, customers: list[str]) -> str:
    """Replace the field's path in a validation message by the column's name."""
    if path is None:
        return message
    columns = {api: name for name, api in FIELDS.items()}
    column = columns.get(path) or customers[int(path.split(".")[1])]
    return f"{column}: {message.removeprefix(f'{path}: ')}"


class _Seen:
    """Index of the tenants and customers read so far, on disk: the file may have any length."""

    def __init__(self) -> None:
        self._keys = sqlite3.connect("")  # a temporary file, deleted with the connection
        self._keys.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, line INT) WITHOUT ROWID")

    def close(self) -> None:
        """Delete the index."""
        self._keys.close()

    def checked(self, row: Row | RejectedRow) -> Row | RejectedRow:
        """Reject a row whose tenant or customer an earlier row has."""
        if isinstance(row, RejectedRow):
            return row
        named = {f"{ID} {row.tenant_id}": ID} | {
            f"{connection} {customer}": f"{CUSTOMER}{connection}"
            for connection, customer in row.customers.items()
        }
        errors = [
            f"{column}: is in line {found[0]} already"
            for key, column in named.items()
            if (found := self._find(key)) is not None
        ]
        if errors:
            return RejectedRow(line=row.line, errors=errors)
        self._keys.executemany("INSERT INTO seen VALUES (?, ?)", [(k, row.line) for k in named])
        return row

    def _find(self, key: str) -> tuple[int] | None:
        found: tuple[int] | None = self._keys.execute(
            "SELECT line FROM seen WHERE key = ?", [key]
        ).fetchone()
        return found


@dataclass(frozen=True, kw_only=True)
class TenantsImport:
    """Import rows for one app; `dry_run` validates and records nothing.

    `stored_body` reads a body by its hash: a field without a column stays as it is.
    """

    billing: Billing
    stored_body: Callable[[bytes], bytes | None]
    app_id: UUID
    occurred_at: datetime
    actor: str
    dry_run: bool

    def run(self, rows: Iterable[Row | RejectedRow]) -> Iterator[Imported | RejectedRow]:
        """Import rows in parallel; results are in the order of the rows."""
        waiting = iter(rows)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(waiting, _BATCH)):
                yield from pool.map(self._import, batch)

    def _import(self, row: Row | RejectedRow) -> Imported | RejectedRow:
        if isinstance(row, RejectedRow):
            return row
        known = self.billing.find(Tenant, ids.for_tenant(self.app_id, row.tenant_id))
        body = row.body.model_copy(update=self._kept(known, row))
        contact_body = Body.of(body.contact_body(), ids.for_tenant(self.app_id, row.tenant_id))
        command = SetTenant(
            app_id=self.app_id,
            tenant_id=row.tenant_id,
            contact_body=contact_body.sha256.hex(),
            customers=row.customers,
            actor=self.actor,
        )
        if known is not None and _is_unchanged(known, command):
            return Imported(line=row.line, outcome="known")
        try:
            self._set(command, contact_body)
        except CustomerTaken as error:
            column = f"{CUSTOMER}{error.facts['connection']}"
            error_text = f"{column}: is another tenant's customer"
            return RejectedRow(line=row.line, errors=[error_text])
        return Imported(line=row.line, outcome="new" if known is None else "changed")

    def _kept(self, known: Tenant | None, row: Row) -> dict[str, str | None]:
        """Return the tenant's own values of the fields that the file has no column for."""
        if not row.omitted or known is None or known.contact_body is None:
            return {}
        stored = json.loads(self.stored_body(bytes.fromhex(known.contact_body)) or b"{}")
        return {_MODEL_NAMES[name]: stored.get(name) for name in row.omitted}

    def _set(self, command: SetTenant, contact_body: Body) -> None:
        """Record the tenant, or in a dry run only check its customers. Raises CustomerTaken."""
        if not self.dry_run:
            self.billing.set_tenant(command, occurred_at=self.occurred_at, bodies=[contact_body])
            return
        for connection, customer in command.customers.items():
            claim = self.billing.find(
                CustomerClaim, ids.for_customer(self.app_id, connection, customer)
            )
            if claim is not None and claim.tenant_id not in (None, command.tenant_id):
                raise CustomerTaken(connection=connection, customer_id=customer)


def _is_unchanged(known: Tenant, command: SetTenant) -> bool:
    customers = known.customers | command.customers
    return (known.contact_body, known.customers) == (command.contact_body, customers)
