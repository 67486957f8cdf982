"""The process: where it says it listens, and what survives its death."""

from __future__ import annotations

import json
from pathlib import Path

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.webhook_receiver import Sink
from tests.support import plain_http
from tests.support.sandbox import SandboxProcess, wait_for


def test_it_prints_its_url(tmp_path: Path) -> None:
    with SandboxProcess(folder=tmp_path, public_url="http://127.0.0.1:1/shop/") as sandbox:
        ready = json.loads((tmp_path / "sandbox.ready.json").read_text())
        assert ready == {"url": sandbox.url, "pid": sandbox.pid}
        assert plain_http.get(f"{sandbox.url}/_admin/health").json() == {"ok": True}
        assert "/_admin/stripe/ledger" in plain_http.get(f"{sandbox.url}/_admin").text
        shop = Shop(sandbox)
        page = str(shop.opened(shop.customer().id).hosted_invoice_url)
        assert page.startswith("http://127.0.0.1:1/shop/stripe/i/")


def test_everything_answered_survives_a_kill(tmp_path: Path) -> None:
    with SandboxProcess(folder=tmp_path) as sandbox:
        shop = Shop(sandbox)
        opened = shop.opened(shop.customer().id)
        shop.stripe.invoices.pay(opened.id, {}, {"idempotency_key": "k"})
        shop.admin.set_clock(advance_s=100)
        shop.admin.add_fault("status", path="/v1/products")
        before = (shop.admin.ledger(), len(shop.event_types()), shop.admin.faults())
        sandbox.kill()
        sandbox.start()
        assert (shop.admin.ledger(), len(shop.event_types()), shop.admin.faults()) == before
        again = shop.stripe.invoices.pay(opened.id, {}, {"idempotency_key": "k"})
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert shop.admin.clock()["offset_s"] == 100
        assert len(shop.admin.ledger()["entries"]) == 1


def test_deliveries_and_their_retries_go_on_after_a_kill(tmp_path: Path, sink: Sink) -> None:
    with SandboxProcess(folder=tmp_path) as sandbox:
        shop = Shop(sandbox)
        made = shop.stripe.webhook_endpoints.create({"url": sink.url, "enabled_events": ["*"]})
        shop.admin.set_webhooks(retry_scale=0.05)
        sink.statuses = [500]
        shop.stripe.customers.create({"name": "retried"})
        wait_for(lambda: shop.admin.deliveries()[0]["attempts"])
        shop.admin.set_webhooks(hold=True)
        shop.stripe.customers.create({"name": "held"})
        sandbox.kill()
        sandbox.start()
        wait_for(lambda: len(sink.received) == 2)
        shop.admin.release()
        wait_for(lambda: len(sink.received) == 3)
        seen = [item.event(str(made.secret)).data.object["name"] for item in sink.received]
        assert seen == ["retried", "retried", "held"]
