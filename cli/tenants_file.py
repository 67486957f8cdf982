"""A file of tenants: read row by row, each one checked, and taken in whole or not at all."""

import csv
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Literal
from uuid import UUID

from domain.billing import Billing
from domain.core import ids
from domain.core.commands import SetTenant
from domain.core.errors import CustomerTaken
from domain.tenants.customer_claim import CustomerClaim
from domain.tenants.tenant import Tenant
from eventlog.bodies import Body
from service.http.errors import BadRequest
from service.http.validation import validated
from service.tenants.endpoints import TenantBody

ID: Final = "tenant_uuid"
CUSTOMER: Final = "customer:"
# By column, the name in the API.
FIELDS: Final = {"name": "name", "email": "email", "country": "country", "vat_id": "vatId"}
_BATCH: Final = 200
_THREADS: Final = 8

Outcome = Literal["new", "changed", "known"]


class BadFile(Exception):
    """The file as a whole can't be read; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the file that says something of a tenant."""

    line: int
    tenant_id: UUID
    body: TenantBody

    @property
    def customers(self) -> dict[str, str]:
        """Give the customer ids by connection."""
        return {one.connection: one.customer_id for one in self.body.provider_customers}


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """Why a line is not taken in: the column at fault, if one is, stands first."""

    line: int
    why: list[str]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a line came to."""

    line: int
    outcome: Outcome


def read_rows(lines: Iterable[str], *, connections: Iterable[str]) -> Iterator[Row | Wrong]:
    """Read rows one by one. Raises BadFile for a header that is none, and for no CSV."""
    reader = csv.DictReader(lines, strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        _check_header(names, set(connections))
        reader.fieldnames = names
        seen = _Seen()
        for cells in reader:
            yield seen.checked(_row(cells, line=reader.line_num))
    except csv.Error as error:
        raise BadFile(f"line {reader.line_num}: {error}") from None
    except UnicodeDecodeError:
        raise BadFile(f"after line {reader.line_num}: it is no UTF-8") from None


def _check_header(names: list[str], connections: set[str]) -> None:
    if ID not in names:
        raise BadFile(f"its first line must name the columns, {ID} among them")
    if len(set(names)) < len(names):
        raise BadFile("a column is named twice")
    for name in names:
        connection = name.removeprefix(CUSTOMER)
        if name.startswith(CUSTOMER):
            if connection not in connections:
                raise BadFile(f"column {name}: the app has no connection {connection!r}")
        elif name not in (ID, *FIELDS):
            known = ", ".join((ID, *FIELDS, f"{CUSTOMER}CONNECTION"))
            raise BadFile(f"column {name!r} is not known; there are {known}")


def _row(cells: Mapping[str | None, str | list[str] | None], *, line: int) -> Row | Wrong:
    if None in cells:
        return Wrong(line=line, why=["it has more cells than there are columns"])
    given = {
        str(name): text.strip()
        for name, text in cells.items()
        if isinstance(text, str) and text.strip()
    }
    customers = [name for name in given if name.startswith(CUSTOMER)]
    why: list[str] = []
    try:
        tenant_id = UUID(given.get(ID, ""))
    except ValueError:
        why.append(f"{ID}: is no UUID")
    asked = {FIELDS[name]: given[name] for name in FIELDS if name in given} | {
        "providerCustomers": [
            {"connection": name.removeprefix(CUSTOMER), "customerId": given[name]}
            for name in customers
        ]
    }
    try:
        body = validated(TenantBody, asked)
    except BadRequest as error:
        why += [_in_columns(fault.message, fault.path, customers) for fault in error.faults]
    if why:
        return Wrong(line=line, why=why)
    return Row(line=line, tenant_id=tenant_id, body=body)


def _in_columns(message: str, path: str | None, customers: list[str]) -> str:
    """Say a fault with the column's name in the place of the field's path."""
    if path is None:
        return message
    columns = {api: name for name, api in FIELDS.items()}
    column = columns.get(path) or customers[int(path.split(".")[1])]
    return f"{column}: {message.removeprefix(f'{path}: ')}"


class _Seen:
    """Which tenants and customers stood further up, on the disk: the file may be of any length."""

    def __init__(self) -> None:
        self._keys = sqlite3.connect("")  # a file of its own that goes with the connection
        self._keys.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, line INT) WITHOUT ROWID")

    def checked(self, row: Row | Wrong) -> Row | Wrong:
        """Let a row pass unless an earlier one says something of the same."""
        if isinstance(row, Wrong):
            return row
        named = {f"{ID} {row.tenant_id}": ID} | {
            f"{connection} {customer}": f"{CUSTOMER}{connection}"
            for connection, customer in row.customers.items()
        }
        why = [
            f"{column}: stands in line {found[0]} already"
            for key, column in named.items()
            if (found := self._find(key)) is not None
        ]
        if why:
            return Wrong(line=row.line, why=why)
        self._keys.executemany("INSERT INTO seen VALUES (?, ?)", [(k, row.line) for k in named])
        return row

    def _find(self, key: str) -> tuple[int] | None:
        found: tuple[int] | None = self._keys.execute(
            "SELECT line FROM seen WHERE key = ?", [key]
        ).fetchone()
        return found


@dataclass(frozen=True, kw_only=True)
class TenantsImport:
    """Takes rows in for one app; `dry_run` only tells what would come of them."""

    billing: Billing
    app_id: UUID
    occurred_at: datetime
    actor: str
    dry_run: bool

    def take(self, rows: Iterable[Row | Wrong]) -> Iterator[Taken | Wrong]:
        """Take rows in, some at once, and tell of each in its order."""
        waiting = iter(rows)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(waiting, _BATCH)):
                yield from pool.map(self._take, batch)

    def _take(self, row: Row | Wrong) -> Taken | Wrong:
        if isinstance(row, Wrong):
            return row
        known = self.billing.find(Tenant, ids.for_tenant(self.app_id, row.tenant_id))
        contact_body = Body.of(row.body.contact_body(), ids.for_tenant(self.app_id, row.tenant_id))
        command = SetTenant(
            app_id=self.app_id,
            tenant_id=row.tenant_id,
            contact_body=contact_body.sha256.hex(),
            customers=row.customers,
            actor=self.actor,
        )
        if known is not None and _says_nothing_new(known, command):
            return Taken(line=row.line, outcome="known")
        try:
            self._set(command, contact_body)
        except CustomerTaken as error:
            column = f"{CUSTOMER}{error.facts['connection']}"
            return Wrong(line=row.line, why=[f"{column}: is another tenant's customer"])
        return Taken(line=row.line, outcome="new" if known is None else "changed")

    def _set(self, command: SetTenant, contact_body: Body) -> None:
        """Record it, or look whether that could be. Raises CustomerTaken."""
        if not self.dry_run:
            self.billing.set_tenant(command, occurred_at=self.occurred_at, bodies=[contact_body])
            return
        for connection, customer in command.customers.items():
            claim = self.billing.find(
                CustomerClaim, ids.for_customer(self.app_id, connection, customer)
            )
            if claim is not None and claim.tenant_id not in (None, command.tenant_id):
                raise CustomerTaken(connection=connection, customer_id=customer)


def _says_nothing_new(known: Tenant, command: SetTenant) -> bool:
    customers = known.customers | command.customers
    return (known.contact_body, known.customers) == (command.contact_body, customers)
