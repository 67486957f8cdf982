import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from domain.gateway.subscriptions import ProviderSubscription
from tests.projections.subscriptions.random_events import provider_subscription
from tests.service.dashboard.visits import visit
from tests.service.harness import Shop
from tests.service.subscription_fixtures import subscribe

_LINK = re.compile(r'href="(/dashboard/recurring-revenue\?[^"]+)"')
_ROW = re.compile(r'<a href="/dashboard/subscriptions/([0-9a-f-]{36})">')


def snapshot(moment: datetime, **facts: Any) -> ProviderSubscription:
    at_s = int(moment.timestamp())
    return provider_subscription(started_at=at_s, as_of=at_s, **facts)


def test_each_bar_leads_to_the_subscriptions_behind_it(shop: Shop, other_shop: Shop) -> None:
    shop.post("paid")
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=70)

    def add(of: Shop, seen: ProviderSubscription, **facts: Any) -> str:
        made = subscribe(of.service.context, of.app_id, of.connection_id, seen=seen, **facts)
        return str(made.id)

    stayed = add(shop, snapshot(long_ago), tenant_id=shop.tenant_id)
    ended_s = int((now - timedelta(days=1)).timestamp())
    ended = add(shop, replace(snapshot(long_ago, state="canceled"), as_of=ended_s,
                              canceled_at=ended_s, ended_at=ended_s))  # fmt: skip
    add(other_shop, snapshot(long_ago))
    shop.service.wait_for_projection("subscriptions")
    shop.service.wait_for_projection("invoices")
    visitor = visit(shop, "read")
    for interval in ("day", "week", "month"):
        text = visitor.get(f"/dashboard?interval={interval}").text
        links = {unescape(link) for link in _LINK.findall(text)}
        (churned,) = {link for link in links if "kind=churn" in link}
        assert set(_ROW.findall(visitor.get(churned).text)) == {ended}
    (added,) = {link for link in links if "kind=new" in link}
    page = visitor.get(added).text
    assert set(_ROW.findall(page)) == {stayed, ended}
    assert "+9.99 EUR" in page
    assert "19.98 EUR" in page  # the sum of the bar
    whole = visitor.get("/dashboard/recurring-revenue?mode=test&currency=eur").text
    assert _ROW.findall(whole)[0] == ended
    cleared = visitor.get("/dashboard/recurring-revenue").text
    assert set(_ROW.findall(cleared)) == {stayed, ended}  # in the mode of the default connection
    day = (now - timedelta(days=1)).date()
    of_day = visitor.get(f"/dashboard/recurring-revenue?mode=test&from={day}&to={day}").text
    assert set(_ROW.findall(of_day)) == {ended}
    nothing = visitor.get("/dashboard/recurring-revenue?mode=live&currency=usd").text
    assert "Nothing moved" in nothing
    for wrong in ("kind=all", "from=yesterday", "currency=euro", "cursor=x", "mode=any"):
        refused = visitor.get(f"/dashboard/recurring-revenue?{wrong}")
        assert refused.status_code == 400, wrong
        assert 'role="alert"' in refused.text
