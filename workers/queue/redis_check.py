from dataclasses import dataclass
from typing import Final

import redis

_TIMEOUT_S: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class RedisState:
    """Reachability of Redis, and `maxmemory_policy`: its eviction when its memory is full."""

    error: str | None
    maxmemory_policy: str | None = None


def check_redis(url: str) -> RedisState:
    """Ping Redis and read its memory policy; an error is returned, not raised."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S
        ) as client:
            client.ping()
            policy = dict(client.config_get("maxmemory-policy"))["maxmemory-policy"]
    except redis.RedisError as error:
        return RedisState(error=str(error))
    except ValueError:  # whose message may quote a password in the URL
        return RedisState(error="its URL is malformed")
    return RedisState(error=None, maxmemory_policy=policy)
