"""`billhook connect stripe` on a running system: the test event comes in by its webhook."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

from tests.support.processes import ending_with_tests
from tests.support.system import System


def test_a_key_becomes_a_connection_whose_webhooks_are_seen_to_come(system: System) -> None:
    key, name = f"sk_test_{secrets.token_hex(12)}", f"moved-{secrets.token_hex(4)}"
    arguments = ["--app", system.demo["app_slug"], "--name", name, "--url", system.demo["base_url"]]
    ended = subprocess.run(
        ending_with_tests([sys.executable, "-m", "cli", "connect", "stripe", *arguments]),
        env={**os.environ, "BILLHOOK_DATA_DIR": str(system.data_dir)},
        input=f"{key}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Stripe accepts it, in test mode" in ended.stdout
    assert "customer.deleted arrived after" in ended.stdout
    assert key not in ended.stdout + ended.stderr
