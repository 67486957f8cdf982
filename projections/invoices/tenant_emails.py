"""Index tenants' e-mails, by which invoices are searched.

E-mails are stored in bodies, which can be erased; an erased one has no terms.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast
from uuid import UUID

import orjson
from psycopg.sql import SQL

from domain.tenants.events import TenantChanged, TenantCreated
from eventlog.bodies import unpack
from eventlog.codec import Codec
from eventlog.follow.handler import Cursor, Handle
from eventlog.reading import RecordedEvent
from projections.engine.tables import Row, Table, insert
from projections.invoices.search_terms import split_terms

NAME: Final = "emails"
TOPICS: Final = (TenantCreated.TOPIC, TenantChanged.TOPIC)

EMAIL_TERMS: Final = Table(
    "tenant_email_terms",
    key=("app_id", "tenant_id", "term"),
    columns=("app_id", "tenant_id", "term", "position"),
)

_BODIES: Final = "SELECT sha256, bytes FROM eventlog.bodies WHERE sha256 = ANY(%s)"


def handler(schema: str) -> Handle:
    """Return the handler that projects batches into one generation's table."""
    codec = Codec()
    forget = SQL(
        "DELETE FROM {table} WHERE (app_id, tenant_id) IN"
        " (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))"
    ).format(table=EMAIL_TERMS.within(schema))

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        newest: dict[tuple[UUID, UUID], tuple[int, str | None]] = {}
        for recorded in batch:
            event = cast("TenantCreated | TenantChanged", codec.decode(recorded))
            newest[event.app_id, event.tenant_id] = recorded.position, event.contact_body
        emails = await _emails(cursor, [body for _, body in newest.values() if body])
        await cursor.execute(forget, [list(column) for column in zip(*newest, strict=True)])
        await insert(cursor, EMAIL_TERMS, _rows(newest, emails), schema=schema)

    return handle


def _rows(
    newest: Mapping[tuple[UUID, UUID], tuple[int, str | None]], emails: Mapping[str, str]
) -> list[Row]:
    return [
        {"app_id": app_id, "tenant_id": tenant_id, "term": term, "position": position}
        for (app_id, tenant_id), (position, contact_body) in newest.items()
        for term in split_terms([emails.get(contact_body or "", "")])
    ]


async def _emails(cursor: Cursor, hashes: Sequence[str]) -> dict[str, str]:
    """Read the e-mails of persons whose bodies are there, by the bodies' hashes."""
    await cursor.execute(_BODIES, [[bytes.fromhex(hex_hash) for hex_hash in hashes]], binary=True)
    found: dict[str, str] = {}
    for sha256, packed in await cursor.fetchall():
        contact = orjson.loads(unpack(packed, sha256=sha256))
        if contact.get("email"):
            found[sha256.hex()] = contact["email"]
    return found
