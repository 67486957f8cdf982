"""Check that Stripe's SDK sends no telemetry and writes neither files nor logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.canned_server import serve_canned

KEY, SECRET = "sk_test_notToBeSeen", "pi_1_secret_notToBeSeen"
CALLS = """
import logging, sys
import workers.__main__
from eventlog.process.log_setup import configure_logging
from workers.providers.stripe.gateway import StripeGateway
configure_logging("json", level="debug")
gateway = StripeGateway(sys.argv[1], api_base=sys.argv[2], mode="test")
for _ in range(3):
    assert gateway.find_client_secret("pi_1")
gateway.create_customer({}, contact={"name": "Ada Lovelace"}, key="billhook:1")
"""


def test_the_sdk_sends_no_telemetry_and_writes_nothing(tmp_path: Path) -> None:
    answer = {"id": "pi_1", "object": "payment_intent", "client_secret": SECRET}
    with serve_canned() as canned:
        canned.answer(200, json.dumps(answer).encode(), {"Request-Id": "req_1"})
        environment = os.environ | {
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "STRIPE_LOG": "debug",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        ended = subprocess.run(
            [sys.executable, "-c", CALLS, KEY, canned.url],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ended.returncode == 0, ended.stderr
    assert (ended.stdout, ended.stderr) == ("", "")
    assert list(tmp_path.rglob("*")) == []
    assert len(canned.seen) == 4
    for headers in canned.seen:
        assert "x-stripe-client-telemetry" not in headers
        assert (
            not {"telemetry_id", "platform"}
            & json.loads(headers["x-stripe-client-user-agent"]).keys()
        )
