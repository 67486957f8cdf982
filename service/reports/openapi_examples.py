"""Examples of reports and of the event feed."""

from typing import Final

from service.invoices.openapi_examples import TIMELINE
from service.openapi.declare import Json
from service.openapi.examples import INVOICE

CHANGES: Final[Json] = {
    "kind": "events",
    "itemsLength": 1,
    "items": [
        TIMELINE["items"][1]
        | {"invoiceUuid": INVOICE, "subscriptionUuid": None, "tenantUuid": None}
    ],
    "position": 4711,
}
_JANUARY: Final[Json] = {
    "collectedMinor": 95952,
    "collectedCount": 48,
    "refundedMinor": 1999,
    "refundedCount": 1,
    "disputedMinor": 0,
    "disputedCount": 0,
    "netMinor": 93953,
    "attempts": 50,
    "failedAttempts": 2,
    "failureRate": 0.04,
}
SUMMARY: Final[Json] = {
    "kind": "summary",
    "totalItems": 1,
    "itemsLength": 1,
    "items": [
        {
            "mode": "test",
            "currency": "eur",
            **_JANUARY,
            "outstandingMinor": 3998,
            "outstandingCount": 2,
            "overdueMinor": 0,
            "overdueCount": 0,
            "mrrMinor": 123400,
            "activeSubscriptions": 62,
            "unpricedSubscriptions": 0,
            "usageBasedSubscriptions": 3,
        }
    ],
    "from": "2025-12-31T23:00:00.000Z",
    "to": "2026-01-31T23:00:00.000Z",
    "timezone": "Europe/Berlin",
    "at": "2026-02-01T08:00:00.000Z",
}
REVENUE: Final[Json] = {
    "kind": "revenue",
    "totalItems": 1,
    "itemsLength": 1,
    "items": [
        {
            "mode": "test",
            "currency": "eur",
            "buckets": [
                {
                    "period": "2026-01",
                    "start": "2025-12-31T23:00:00.000Z",
                    "end": "2026-01-31T23:00:00.000Z",
                    **_JANUARY,
                }
            ],
            "totals": _JANUARY,
        }
    ],
    "from": "2025-12-31T23:00:00.000Z",
    "to": "2026-01-31T23:00:00.000Z",
    "interval": "month",
    "timezone": "Europe/Berlin",
}
REVENUE_CSV: Final = (
    "mode,currency,period,start,end,collectedMinor,…\r\n"
    "test,eur,2026-01,2025-12-31T23:00:00.000Z,2026-01-31T23:00:00.000Z,95952,…\r\n"
)
_MOVED: Final[Json] = {
    "startMrrMinor": 120000,
    "newMinor": 5997,
    "newCount": 3,
    "expansionMinor": 2000,
    "expansionCount": 1,
    "contractionMinor": -1000,
    "contractionCount": 1,
    "churnMinor": -5596,
    "churnCount": 2,
    "reactivationMinor": 1999,
    "reactivationCount": 1,
    "netMinor": 3400,
    "endMrrMinor": 123400,
}
MRR_MOVEMENT: Final[Json] = {
    "kind": "mrr_movement",
    "totalItems": 1,
    "itemsLength": 1,
    "items": [
        {
            "mode": "test",
            "currency": "eur",
            "buckets": [
                {
                    "period": "2026-01",
                    "start": "2025-12-31T23:00:00.000Z",
                    "end": "2026-01-31T23:00:00.000Z",
                    **_MOVED,
                }
            ],
            "totals": _MOVED,
        }
    ],
    "from": "2025-12-31T23:00:00.000Z",
    "to": "2026-01-31T23:00:00.000Z",
    "interval": "month",
    "timezone": "Europe/Berlin",
}
MRR_MOVEMENT_CSV: Final = (
    "mode,currency,period,start,end,startMrrMinor,newMinor,…\r\n"
    "test,eur,2026-01,2025-12-31T23:00:00.000Z,2026-01-31T23:00:00.000Z,120000,5997,…\r\n"
)
DRIFT: Final[Json] = {
    "kind": "drift",
    "totalItems": 1,
    "totalItemsIsExact": True,
    "itemsLength": 1,
    "items": [
        {
            "id": "2f0d7f0e-5a43-5c0b-9a52-0a2f4c1b9e77",
            "connection": "stripe-1",
            "provider": "stripe",
            "mode": "test",
            "objectType": "invoice",
            "objectId": "in_1SZ3xYBillhook",
            "invoiceUuid": INVOICE,
            "field": "amountRefundedMinor",
            "ours": "0",
            "theirs": "1999",
            "foundBy": "event_catch_up",
            "state": "resolved",
            "reason": None,
            "since": "2026-01-31T11:59:10.000Z",
            "detectedAt": "2026-01-31T12:00:04.120Z",
            "resolvedAt": "2026-01-31T12:00:04.120Z",
            "timeToHealMs": 54120,
            "position": 4712,
        }
    ],
    "nextCursor": None,
    "sums": [
        {
            "connection": "stripe-1",
            "mode": "test",
            "foundBy": "event_catch_up",
            "detected": 1,
            "unresolved": 0,
            "p50TimeToHealMs": 54120,
            "p95TimeToHealMs": 54120,
            "maxTimeToHealMs": 54120,
        }
    ],
    "from": "2026-01-02T00:00:00.000Z",
    "to": "2026-02-01T00:00:00.000Z",
    "timezone": "UTC",
}
DRIFT_CSV: Final = (
    "id,connection,provider,mode,objectType,objectId,invoiceUuid,field,ours,theirs,…\r\n"
    "2f0d7f0e-5a43-5c0b-9a52-0a2f4c1b9e77,stripe-1,stripe,test,invoice,in_1SZ3xYBillhook,…\r\n"
)
