"""Send deliveries as bytes of HTTP, whole and in parts."""

import asyncio
import json
from typing import Any

from tests.service.harness import Shop, sign
from tests.service.running_service import Service
from tests.service.served import Served


def delivery_bytes(shop: Shop, event: Any, *, more: str = "") -> bytes:
    """Write a signed delivery of an event as HTTP/1.1."""
    raw = json.dumps(event).encode()
    head = (
        f"POST {shop.webhook_url} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(raw)}\r\n{more}"
        f"stripe-signature: {sign(raw, secret=shop.webhook_secrets[0])}\r\n\r\n"
    )
    return head.encode() + raw


def exchange(service: Service, served: Served, *parts: bytes, pause_s: float = 0.02) -> bytes:
    """Write the parts over one connection, with pauses between them, and read until its end."""

    async def scenario() -> bytes:
        reader, writer = await asyncio.open_connection(*served.address)
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause_s)
        received = await asyncio.wait_for(reader.read(), timeout=30)
        writer.close()
        return received

    return service.call(scenario())
