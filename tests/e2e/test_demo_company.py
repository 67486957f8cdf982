"""`billhook demo fill` as a newcomer runs it: the read model equals what the providers booked."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections import Counter

import pytest

from cli.local.files import saved_settings
from tests.support.mollie_admin import MollieAdmin
from tests.support.processes import ending_with_tests
from tests.support.sandbox import SandboxAdmin
from tests.support.system import Caller, Json, System, eventually

CHARGED = {"charge", "payment"}
REFUNDED = {"refund"}
DISPUTED = {"dispute": 1, "dispute_reversal": -1, "chargeback": 1, "chargeback_reversed": -1}


def fill(system: System, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ending_with_tests([sys.executable, "-m", "cli", "demo", "fill", *options]),
        env={**os.environ, "BILLHOOK_DATA_DIR": str(system.data_dir), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def booked(made: Json, sandbox_url: str) -> dict[str, Counter[str]]:
    """Add up both sandboxes' ledgers by currency."""
    sums: dict[str, Counter[str]] = {}
    with (
        SandboxAdmin(sandbox_url, made["stripe_key"]) as stripe,
        MollieAdmin(sandbox_url, made["mollie_key"]) as mollie,
    ):
        entries = [*stripe.ledger()["entries"], *mollie.ledger()["entries"]]
    for entry in entries:
        of_currency = sums.setdefault(entry["currency"].lower(), Counter())
        kind, amount = entry["kind"], abs(entry["amount"])
        if kind in CHARGED:
            of_currency["collected"] += amount
        elif kind in REFUNDED:
            of_currency["refunded"] += amount
        else:
            of_currency["disputed"] += DISPUTED[kind] * amount
    return sums


def reported(caller: Caller) -> dict[str, Counter[str]]:
    """Read the same sums from the read model."""
    return {
        row["currency"]: Counter(
            collected=row["collectedMinor"],
            refunded=row["refundedMinor"],
            disputed=row["disputedMinor"],
        )
        for row in caller.get("/reports/summary")["items"]
    }


@pytest.mark.extended
def test_the_demo_company_adds_up_to_both_providers_ledgers(system: System) -> None:
    done = fill(system, "--months", "3", "--seed", "4")
    assert done.returncode == 0, done.stderr
    assert "/dashboard/sign-in?link=" in done.stdout
    file = system.data_dir / "demo-company.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = json.loads(file.read_text())
    ledgers = booked(made, system.demo["sandbox_url"])
    assert ledgers.keys() == {"eur", "usd"}
    assert all(ledgers["eur"][kind] > 0 for kind in ("collected", "refunded", "disputed"))
    caller = Caller(made)
    with caller:
        eventually(lambda: reported(caller) == ledgers or None)
        assert caller.get("/invoices", unassigned="true", limit="1")["totalItems"] == 0

    again = fill(system)
    assert again.returncode == 0
    assert "there already" in again.stdout
    settings = saved_settings(system.data_dir)
    settings["BILLHOOK_STRIPE_API_BASE"] = "https://api.example.com"
    refused = fill(system, "--again", **settings)
    assert refused.returncode == 1
    assert "sandbox on this machine" in refused.stderr
