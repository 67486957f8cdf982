"""Differences that an audit heals are reported as drift: each once, with its values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

from domain.events import topics_of
from domain.reconciliation.drift import DriftDetected, DriftEvent, DriftResolved
from eventlog.codec import Codec
from eventlog.log import Log
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation.nets import Nets
from tests.workers.reconciliation.test_mollie_audit import trade as trade_at_mollie
from tests.workers.reconciliation.test_stripe_audit import missing_invoice, trade
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring

Values = tuple[str | None, str | None]


def drift(log: Log) -> Iterator[DriftEvent]:
    codec = Codec()
    for recorded in log.read(0, 10_000, topics_of(DriftEvent)):
        yield cast("DriftEvent", codec.decode(recorded.stored()))


def differences(log: Log) -> dict[tuple[str, str], Values]:
    """Return the values by object and field; each difference is there once, and is resolved."""
    found = [event for event in drift(log) if isinstance(event, DriftDetected)]
    resolved = {event.originator_id for event in drift(log) if isinstance(event, DriftResolved)}
    assert {event.originator_id for event in found} == resolved
    assert {event.found_by for event in found} <= {"audit"}
    by_field = {(one.object_id, one.field): (one.ours, one.theirs) for one in found}
    assert len(by_field) == len(found)
    return by_field


def audit_and_heal(nets: Nets, *, days: int = 1) -> None:
    nets.audit().run(nets.period(days=days))
    nets.heal()


def test_each_difference_at_stripe_is_listed_once(stripe_nets: Nets, bench: Bench) -> None:
    known, made = trade(bench), missing_invoice(bench)
    objects = {name: bench.invoice(one).view for name, one in known.items()}
    ids = {name: view.provider_object_id or "" for name, view in objects.items()}

    audit_and_heal(stripe_nets)

    found = differences(bench.log)
    assert found[ids["confirmed"], "status"] == ("requires_action", "paid")
    assert found[ids["confirmed"], "amountPaidMinor"] == ("0", "1999")
    assert found[ids["refunded"], "amountRefundedMinor"] == ("0", "500")
    assert found[ids["disputed"], "amountDisputedMinor"] == ("0", "1999")
    assert found[ids["voided"], "status"] == ("requires_action", "void")
    assert found[made, "object"] == (None, "paid")
    assert {name for name, _ in found} == {made, *(ids[name] for name in (
        "confirmed", "refunded", "disputed", "voided"))}  # fmt: skip
    audit_and_heal(stripe_nets)
    assert differences(bench.log) == found


def test_each_difference_at_mollie_is_listed_once(mollie_nets: Nets, mollie: MollieBench) -> None:
    known = trade_at_mollie(mollie)
    ids = {name: mollie.invoice(one).view.provider_object_id or "" for name, one in known.items()}

    audit_and_heal(mollie_nets)

    found = differences(mollie.log)
    assert found[ids["paid"], "status"] == ("open", "paid")
    assert found[ids["failed"], "status"] == ("open", "failed")
    assert found[ids["expired"], "status"] == ("open", "expired")
    assert found[ids["charged_back"], "amountDisputedMinor"][0] == "0"
    assert any(field.startswith("refunds.") for name, field in found if name == ids["refunded"])
    assert ids["waiting"] not in {name for name, _ in found}
    audit_and_heal(mollie_nets)
    assert differences(mollie.log) == found


def test_missed_renewals_and_a_lost_subscription_are_differences(
    mollie_nets: Nets, mollie: MollieBench
) -> None:
    recurring = Recurring(mollie)
    begun = recurring.started()
    recurring.pass_time(timedelta(days=62))
    owner = mollie.account.client.customers.get(begun.customer or "")
    owner.subscriptions.delete(begun.provider_subscription_id)

    audit_and_heal(mollie_nets, days=100)

    found = differences(mollie.log)
    assert found[begun.provider_subscription_id, "status"] == ("active", "canceled")
    renewals = {payment["id"] for payment in recurring.renewals(begun)}
    assert {name: found[name, "object"] for name in renewals} == dict.fromkeys(
        renewals, (None, "paid")
    )
    audit_and_heal(mollie_nets, days=100)
    assert differences(mollie.log) == found
