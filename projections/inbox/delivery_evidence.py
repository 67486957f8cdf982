"""Read what a connection's newest deliveries say about the secret that its provider signs with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import psycopg

from eventlog.database.connect import connect
from eventlog.errors import LogUnavailable

REFUSED_IN_A_ROW: Final = 3
"""Deliveries with a wrong signature, and none with a right one after them, that are no accident."""
_DAYS: Final = 7

_QUERY: Final[LiteralString] = """
    WITH verified AS (
        SELECT max(last_delivered_at) AS at FROM read.webhook_sources
        WHERE connection_id = %(connection_id)s AND day > current_date - %(days)s
    )
    SELECT verified.at > %(since)s AS is_verified, (
        SELECT count(*) FROM (
            SELECT FROM inbox.rejected_deliveries
            WHERE connection_id = %(connection_id)s AND reason = 'forged'
                AND received_at > greatest(%(since)s, verified.at)
            LIMIT %(most)s
        ) AS refused
    ) AS refused
    FROM verified
"""


@dataclass(frozen=True, kw_only=True)
class DeliveryEvidence:
    """What arrived since a connection was changed. Anybody may have sent what was refused.

    `is_verified`: a delivery was verified. `is_refused`: after the last verified one, several had a
    signature by none of the stored secrets.
    """

    is_verified: bool = False
    is_refused: bool = False


NO_EVIDENCE: Final = DeliveryEvidence()


def delivery_evidence(dsn: str, connection_id: UUID, *, since: datetime) -> DeliveryEvidence:
    """Return the evidence of the deliveries since `since`. Raises LogUnavailable."""
    parameters = {
        "connection_id": connection_id,
        "since": since,
        "days": _DAYS,
        "most": REFUSED_IN_A_ROW,
    }
    try:
        with connect(dsn, application_name="billhook deliveries") as connection:
            found = connection.execute(_QUERY, parameters).fetchone()
    except psycopg.Error as error:
        raise LogUnavailable(type(error).__name__) from None
    if found is None:
        return NO_EVIDENCE
    return DeliveryEvidence(is_verified=bool(found[0]), is_refused=found[1] >= REFUSED_IN_A_ROW)
