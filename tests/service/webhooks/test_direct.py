"""Deliveries that the server stores itself, and those that it leaves to the application."""

import asyncio
import json
from collections.abc import Iterator
from typing import cast

import pytest

from eventlog.errors import LogUnavailable
from service.http.direct import DIRECT_ENDPOINT, DirectHttp
from service.webhooks.large_bodies import LARGE_BYTES
from tests.service.harness import Shop, stripe_event
from tests.service.running_service import Service
from tests.service.served import Served
from tests.service.webhooks.delivery_counts import count
from tests.service.webhooks.raw_deliveries import delivery_bytes, exchange
from tests.support.wait_until import until

_CLOSE = "connection: close\r\n"
_VARYING = {"date", "x-request-id", "x-billhook-position"}


@pytest.fixture
def served(service: Service) -> Iterator[Served]:
    with service.served() as served:
        yield served


@pytest.fixture
def shop(served: Served, service: Service) -> Shop:
    """An app whose connection is cached."""
    shop = Shop(service)
    assert shop.deliver(stripe_event()).status_code == 200
    served.paths.clear()
    return shop


def test_a_verified_delivery_is_stored_and_answered_as_by_the_application(
    service: Service, served: Served, shop: Shop
) -> None:
    stored = count(service, "stored")
    event = stripe_event()
    answer = shop.deliver(event)
    assert served.paths == []
    assert len(shop.received(event["id"])) == 1
    assert count(service, "stored") == stored + 1

    large = shop.deliver(stripe_event(about={"description": "x" * LARGE_BYTES}))
    assert served.paths == [shop.webhook_url]
    assert answer.status_code == large.status_code == 200
    assert answer.content == large.content
    assert set(answer.headers) == set(large.headers)
    for name in set(answer.headers) - _VARYING:
        assert answer.headers[name] == large.headers[name]


def test_a_known_event_has_no_position(service: Service, served: Served, shop: Shop) -> None:
    event, known = stripe_event(), count(service, "known")
    assert "x-billhook-position" in shop.deliver(event).headers
    again = shop.deliver(event)
    assert again.status_code == 200
    assert "x-billhook-position" not in again.headers
    assert count(service, "known") == known + 1
    assert served.paths == []


def test_its_request_id_is_the_senders(service: Service, served: Served, shop: Shop) -> None:
    request = delivery_bytes(shop, stripe_event(), more=f"x-request-id: sent-1\r\n{_CLOSE}")
    assert b"x-request-id: sent-1\r\n" in exchange(service, served, request)
    assert served.paths == []


def test_its_request_is_counted(service: Service, served: Served, shop: Shop) -> None:
    def requests() -> float:
        metrics = service.context.recording.metrics
        metrics.flush()
        route = "/webhooks/{provider}/{connectionId}"
        counted = metrics.requests.labels("POST", route, "200")
        return float(counted._value.get())  # noqa: SLF001 - no reading of one value is offered

    before = requests()
    assert shop.deliver(stripe_event()).status_code == 200
    assert requests() == before + 1
    assert served.paths == []


def test_a_delivery_that_arrives_in_parts_is_stored_by_the_server(
    service: Service, served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectHttp, "arrival_s", 30)
    event = stripe_event()
    request = delivery_bytes(shop, event, more=_CLOSE)
    cut = len(request) - 100
    answer = exchange(service, served, request[:50], request[50:cut], request[cut:])
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(shop.received(event["id"])) == 1
    assert served.paths == []


def test_a_body_that_is_late_is_read_by_the_application(
    service: Service, served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectHttp, "arrival_s", 0.001)
    event = stripe_event()
    request = delivery_bytes(shop, event, more=_CLOSE)

    async def scenario() -> bytes:
        reader, writer = await asyncio.open_connection(*served.address)
        writer.write(request[:-100])
        await until(lambda: served.paths)
        writer.write(request[-100:])
        received = await asyncio.wait_for(reader.read(), timeout=30)
        writer.close()
        return received

    assert service.call(scenario()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(shop.received(event["id"])) == 1
    assert served.paths == [shop.webhook_url]


def test_a_connection_lost_before_its_body_is_seen_by_the_application(
    service: Service, served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectHttp, "arrival_s", 30)

    async def scenario() -> None:
        _, writer = await asyncio.open_connection(*served.address)
        writer.write(delivery_bytes(shop, stripe_event())[:-100])
        writer.close()
        await until(lambda: served.paths)

    service.call(scenario())
    assert served.paths == [shop.webhook_url]


def test_deliveries_sent_one_after_the_other_are_answered_in_order(
    service: Service, served: Served, shop: Shop
) -> None:
    names = [f"x-request-id: nr-{number}\r\n" for number in range(4)]
    sent = [delivery_bytes(shop, stripe_event(), more=name) for name in names[:-1]]
    sent.append(delivery_bytes(shop, stripe_event(), more=names[-1] + _CLOSE))
    answer = exchange(service, served, b"".join(sent))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert sorted(names, key=lambda name: answer.index(name.encode())) == names


def test_a_body_that_is_late_behind_another_delivery_is_read_by_the_application(
    service: Service, served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its head is here before the first response; no more data may come after that."""
    monkeypatch.setattr(DirectHttp, "arrival_s", 0.001)

    async def scenario() -> None:
        _, writer = await asyncio.open_connection(*served.address)
        writer.write(
            delivery_bytes(shop, stripe_event()) + delivery_bytes(shop, stripe_event())[:-100]
        )
        await until(lambda: served.paths)
        writer.close()

    service.call(scenario())
    assert served.paths == [shop.webhook_url]


def test_a_sender_that_asks_to_go_on_is_told_so(
    service: Service, served: Served, shop: Shop
) -> None:
    request = delivery_bytes(shop, stripe_event(), more=f"expect: 100-continue\r\n{_CLOSE}")
    head, _, body = request.partition(b"\r\n\r\n")
    answer = exchange(service, served, head + b"\r\n\r\n", body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_what_is_refused_is_refused_by_the_application_and_counted_once(
    service: Service, served: Served, shop: Shop
) -> None:
    forged = count(service, "forged")
    answer = shop.deliver(stripe_event(), secret="whsec_guessed")
    assert answer.status_code == 400
    assert count(service, "forged") == forged + 1
    assert served.paths == [shop.webhook_url]


def test_headers_beyond_the_limit_are_refused(service: Service, served: Served, shop: Shop) -> None:
    long = f"x-long: {'y' * service.context.settings.header_limit_bytes}\r\n{_CLOSE}"
    answer = exchange(service, served, delivery_bytes(shop, stripe_event(), more=long))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert served.paths == [shop.webhook_url]


def test_a_delivery_on_the_dashboards_own_port_is_refused_by_the_application(
    served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.state[DIRECT_ENDPOINT], "_dashboard_port", served.address[1])
    shop.deliver(stripe_event())
    assert served.paths == [shop.webhook_url]


def test_an_append_that_fails_is_answered_by_the_application(
    service: Service, served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = service.context.recording.store

    def fail(*_: object) -> asyncio.Future[list[int]]:
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        done.set_exception(LogUnavailable("no connection"))
        return done

    monkeypatch.setattr(store, "start_append", fail)
    event = stripe_event()
    assert shop.deliver(event).status_code == 200
    assert served.paths == [shop.webhook_url]
    assert len(shop.received(event["id"])) == 1


def test_a_delivery_whose_append_fails_counts_once_against_its_budget(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> asyncio.Future[list[int]]:
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        done.set_exception(LogUnavailable("no connection"))
        return done

    event = stripe_event()
    event["id"] = "evt_0"
    size_bytes = len(json.dumps(event).encode())
    limited = Service(database, webhook_bytes_per_day=3 * size_bytes)
    with limited as service, service.served() as served:
        shop = Shop(service)
        answers = [shop.deliver(event)]
        monkeypatch.setattr(service.context.recording.store, "start_append", fail)
        served.paths.clear()
        answers += [shop.deliver(event | {"id": f"evt_{number}"}) for number in (1, 2, 3)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 503]
        assert served.paths == 3 * [shop.webhook_url]


def test_the_time_of_an_append_that_fails_is_part_of_the_requests(
    service: Service, served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, measured, waited_s = service.context.recording, [], 0.05

    def fail(*_: object) -> asyncio.Future[list[int]]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[int]] = loop.create_future()
        loop.call_later(waited_s, done.set_exception, LogUnavailable("no connection"))
        return done

    def measure(*_: object, seconds: float) -> None:
        measured.append(seconds)

    monkeypatch.setattr(recording.store, "start_append", fail)
    monkeypatch.setattr(recording.metrics, "record_answer", measure)
    assert shop.deliver(stripe_event()).status_code == 200
    assert served.paths == [shop.webhook_url]
    assert len(measured) == 1
    assert measured[0] >= waited_s


def test_the_server_waits_for_a_delivery_before_it_stops(
    service: Service, served: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its append is one of the tasks for which uvicorn waits, and its connection is closed then."""
    done: asyncio.Future[list[int]] = service.call(_future())
    monkeypatch.setattr(service.context.recording.store, "start_append", lambda *_: done)

    async def scenario() -> bytes:
        reader, writer = await asyncio.open_connection(*served.address)
        writer.write(delivery_bytes(shop, stripe_event()))
        tasks = cast("set[object]", served.server.server_state.tasks)
        await until(lambda: tasks)
        for connection in served.server.server_state.connections:
            connection.shutdown()
        assert tasks == {done}
        done.set_result([7])
        answer = await asyncio.wait_for(reader.read(), timeout=30)
        assert not tasks
        writer.close()
        return answer

    answer = service.call(scenario())
    assert b"x-billhook-position: 7\r\n" in answer
    assert b"connection: close\r\n" in answer


async def _future() -> asyncio.Future[list[int]]:
    return asyncio.get_running_loop().create_future()
