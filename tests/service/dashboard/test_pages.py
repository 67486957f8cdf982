"""Every page, by its rules: escaping, headers, and reads of other apps."""

import html
import json
import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import service.dashboard
from service.dashboard import assets
from service.dashboard.pages import NAVIGATION
from tests.service.dashboard.shown_invoices import invoice_of
from tests.service.dashboard.visits import visit
from tests.service.harness import Shop, free_line, stripe_event
from tests.service.operations.test_alerts import disable_endpoint
from tests.service.subscriptions.subscription_actions import subscribed
from tests.support.drift_examples import drifted

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
PAGES = [
    *(path for path, _ in NAVIGATION),
    "/dashboard/operations/drift",
    "/dashboard/operations/log",
    "/dashboard/recurring-revenue",
]
FOLDER = Path(service.dashboard.__file__).parent


def test_every_page_is_shown_empty_and_filled(shop: Shop) -> None:
    visitor = visit(shop)
    for path in PAGES:
        assert visitor.get(path).status_code == 200, path
    invoice_of(shop, "declined")
    for path in PAGES:
        assert visitor.get(path).status_code == 200, path
    assert visitor.get("/dashboard/nothing").status_code == 404


def test_what_was_collected_leads_to_the_invoices_paid_in_its_period(shop: Shop) -> None:
    invoice_id, visitor = invoice_of(shop), visit(shop)
    shown = visitor.get("/dashboard?mode=test&currency=eur").text
    links = re.findall(r'href="([^"]*)"><div class="bh-muted">Collected, 12 months<', shown)
    assert len(links) == 1
    assert "paidFrom=" in links[0]
    assert "paidTo=" in links[0]
    assert "1 payments" in shown, "an invoice may be paid in parts, which count one by one"
    assert str(invoice_id) in visitor.get(html.unescape(links[0])).text


def test_lists_without_a_chosen_mode_say_whose_they_have(shop: Shop) -> None:
    visitor = visit(shop)
    for path in ("/dashboard/invoices", "/dashboard/subscriptions"):
        assert "of the default connection's mode" in visitor.get(path).text
        assert "default connection" not in visitor.get(f"{path}?mode=live").text


def test_a_tenants_subscriptions_name_their_mode(shop: Shop) -> None:
    made, visitor = subscribed(shop), visit(shop)
    shown = visitor.get(f"/dashboard/tenants/{made.view.tenant_id}").text
    table = shown[shown.index("Subscriptions, of all modes") : shown.index("Newest invoices")]
    assert str(made.id) in table
    assert "stripe · test" in table


def test_pages_may_load_and_be_framed_by_nothing_else(shop: Shop) -> None:
    visitor = visit(shop)
    for path in (*PAGES, "/dashboard/sign-in", "/dashboard/nothing"):
        response = visitor.get(path)
        policy = dict(part.split(" ", 1) for part in
                      response.headers["content-security-policy"].split("; "))  # fmt: skip
        assert policy["default-src"] == "'none'"
        assert {policy["script-src"], policy["style-src"], policy["connect-src"]} == {"'self'"}
        assert policy["frame-ancestors"] == "'none'"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", response.text)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', response.text)


def test_stored_texts_are_escaped(shop: Shop) -> None:
    invoice_id = invoice_of(
        shop,
        lineItems=[{**free_line(), "name": ATTACK}],
        description=ATTACK,
        footer=ATTACK,
        userId=ATTACK[:60],
        metadata={"outcome": "paid", "note": ATTACK},
    )
    about = {"id": "in_1", "description": ATTACK, "customer_name": ATTACK}
    shop.deliver(stripe_event(about=about, type="invoice.paid"))
    token = "'\"><img/src=x>"  # an event's type and ids have no spaces
    shop.deliver(stripe_event(f"evt_{token}", about={"id": token}, type=token))
    unverified = {"user-agent": ATTACK, "content-type": ATTACK}
    shop.service.request("POST", shop.webhook_url, content=b"x", headers=unverified)
    shop.change(name=ATTACK)
    shop.service.wait_for_projection("access")
    shop.service.wait_for_projection("deliveries")
    visitor = visit(shop)
    delivery = re.search(r"/dashboard/deliveries/[0-9a-f-]{36}", visitor.get(
        "/dashboard/deliveries").text)  # fmt: skip
    assert delivery is not None
    pages = [*PAGES, f"/dashboard/invoices/{invoice_id}", f"/dashboard/invoices/{invoice_id}?raw=1",
             f"/dashboard/tenants/{shop.tenant_id}", delivery[0],
             f"/dashboard/invoices?q={ATTACK}", f"/dashboard/tenants?id={ATTACK}",
             f"/dashboard/invoices/{invoice_id}?note={ATTACK}&asOf={ATTACK}",
             f"/dashboard/sign-in?next={ATTACK}&link={ATTACK}"]  # fmt: skip
    for path in pages:
        text = visitor.get(path.replace("#", "%23")).text
        assert "<script>alert" not in text, path
        assert not re.search(r"<img[ /]src=x", text), path
    assert "&lt;script&gt;" in visitor.get(f"/dashboard/invoices/{invoice_id}").text


def test_another_app_s_things_do_not_exist(shop: Shop, other_shop: Shop) -> None:
    invoice_id = invoice_of(other_shop)
    other_shop.deliver(stripe_event())
    shop.service.wait_for_projection("deliveries")
    (delivery,) = re.findall(r"/dashboard/deliveries/[0-9a-f-]{36}",
                             visit(other_shop).get("/dashboard/deliveries").text)[:1]  # fmt: skip
    visitor = visit(shop)
    for path in (f"/dashboard/invoices/{invoice_id}", f"/dashboard/invoices/{invoice_id}?raw=1",
                 f"/dashboard/invoices/{invoice_id}?asOf=2100-01-01T00:00:00Z",
                 f"/dashboard/tenants/{other_shop.tenant_id}", delivery,
                 f"/dashboard/subscriptions/{uuid4()}"):  # fmt: skip
        assert visitor.get(path).status_code == 404, path
    for path in PAGES:
        text = visitor.get(path).text
        assert invoice_id not in text
        assert str(other_shop.tenant_id) not in text
    for path in (f"/dashboard/invoices/{invoice_id}/refund", "/dashboard/deliveries/replay",
                 f"/dashboard/keys/{other_shop.key_ids['read']}/revoke"):  # fmt: skip
        form = {f"delivery-{delivery.rpartition('/')[2]}": "1"}
        response = visitor.act("/dashboard/operations", path, **form)
        assert response.status_code == 404, path


def test_an_invoice_is_shown_as_of_a_moment(shop: Shop) -> None:
    invoice_id = invoice_of(shop, "declined")
    visitor, path = visit(shop), f"/dashboard/invoices/{invoice_id}"
    requested = shop.invoice_events(invoice_id)[0].timestamp
    moment = requested.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    now, then = visitor.get(path).text, visitor.get(f"{path}?asOf={moment}").text
    assert "insufficient funds" in now
    assert "As it was known at" in then
    assert "Retry payment" not in then
    assert visitor.get(f"{path}?asOf=yesterday").status_code == 400


def test_lists_take_the_filters_of_the_api(shop: Shop) -> None:
    invoice_id = invoice_of(shop)
    visitor = visit(shop)
    link = f"/dashboard/invoices/{invoice_id}"
    fitting = ["status=paid", "status=paid,open", "mode=test", "provider=stripe", "currency=eur",
               "createdFrom=2020-01-31", "createdTo=2999-01-31", "type=payment", "origin=request",
               f"tenantUuid={shop.tenant_id}", "q=", "status=&mode=", "sort=totalMinor",
               "amountMin=1&amountMax=99999999&currency=eur"]  # fmt: skip
    for query in fitting:
        assert link in visitor.get(f"/dashboard/invoices?{query}").text, query
    for query in ("status=open", "mode=live", "provider=mollie", "currency=usd", "q=nowhere",
                  "createdTo=2020-01-31", "type=subscription", "customer=cus_none"):  # fmt: skip
        response = visitor.get(f"/dashboard/invoices?{query}")
        assert response.status_code == 200
        assert link not in response.text, query
    for query in ("status=none", "createdFrom=2020-13-31", "cursor=x", "nothing=1", "amountMin=1"):
        response = visitor.get(f"/dashboard/invoices?{query}")
        assert response.status_code == 400, query
        assert 'role="alert"' in response.text
    csv = visitor.get("/dashboard/invoices?status=paid&format=csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert invoice_id in csv.text


def test_assets_are_the_vendored_files_and_stay_small(shop: Shop) -> None:
    vendored = json.loads(assets.MANIFEST.read_text())
    for entry in vendored:
        content = (assets.FOLDER / entry["file"]).read_bytes()
        assert sha256(content).hexdigest() == entry["sha256"], entry["file"]
        assert all((assets.FOLDER / name).is_file() for name in entry["licence_files"])
    visitor = visit(shop)
    page = visitor.get("/dashboard")
    urls = re.findall(r'(?:src|href)="(/dashboard/assets/[^"]+)"', page.text)
    weight = len(page.content)
    for url in urls:
        response = visitor.get(url, **{"accept-encoding": "gzip"})
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
        assert response.headers["content-encoding"] == "gzip"
        weight += int(response.headers["content-length"])
    assert 100_000 < weight < 400_000
    assert visitor.get("/dashboard/assets/0000000000000000/dashboard.js").status_code == 404
    folder = urls[0].rpartition("/")[0]
    for name in ("..%2fguard.py", "__init__.py", "vendored.json"):
        assert visitor.get(f"{folder}/{name}").status_code == 404


def test_drift_and_endpoints_are_shown_and_filtered_and_only_the_apps_own(shop: Shop) -> None:
    for field, theirs in (("status", "paid"), ("refunds.re_1", ATTACK)):
        drift = drifted(
            occurred_at=datetime.now(UTC),
            app_id=shop.app_id,
            connection=shop.connection,
            field=field,
            theirs=theirs,
            reason="unknown invoice",
        )
        shop.billing.save(drift)
    disable_endpoint(shop)
    shop.service.wait_for_projection("drift")
    visitor = visit(shop)
    text = visitor.get("/dashboard/operations/drift").text
    assert "2 differences" in text
    assert "is disabled" in text
    assert ATTACK not in text
    narrowed = visitor.get("/dashboard/operations/drift?field=refunds&state=open").text
    assert "1 differences" in narrowed
    assert "0 differences" in visitor.get("/dashboard/operations/drift?state=resolved").text
    assert visitor.get("/dashboard/operations/drift?foundBy=luck").status_code == 400
    other = visit(Shop(shop.service)).get("/dashboard/operations/drift").text
    assert "0 differences" in other
    assert "is disabled" not in other
