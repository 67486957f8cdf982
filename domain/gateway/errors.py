"""Errors of provider calls, by the action that they require of the caller.

GatewayError
├── GatewayUnavailable    outcome unknown or not now: retry under the same key
│   ├── JobPostponed               nothing failed: retry later
│   ├── GatewayConflict            another call is in progress: retry, but not for long
│   └── ProviderObjectUnreadable   an object has a field of another type, size or range
├── GatewayRejected       final: record it
└── GatewayMisconfigured  an operator must act (credentials, permissions)
"""

from __future__ import annotations


class GatewayError(Exception):
    """The root of what a provider call can end in, other than an answer."""


class GatewayUnavailable(GatewayError):
    """No definite answer: time-out, lost connection, 5xx, rate limit.

    `retry_after_s` is the provider's wish. `counted` is False where nothing was tried (a rate
    limit), so that waiting does not use up tries.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, counted: bool = True
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.counted = counted


class JobPostponed(GatewayUnavailable):
    """Nothing failed: the job's time has not come, or something else must end first.

    It is repeated after `retry_after_s`, which uses up no try.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s=retry_after_s, counted=False)


class GatewayConflict(GatewayUnavailable):
    """The provider reports another call on the same object or under the same key in progress.

    Such a call ends within seconds, so that a conflict which lasts longer is final.
    """


class ProviderObjectUnreadable(GatewayUnavailable):
    """An object of the provider has a field of another type, size or range than ours accept.

    `path` names the field, as in `invoice.lines.data.0.amount`; its value is not part of it. After
    a call the outcome is unknown until the attempts are exhausted; a webhook or a listed object is
    parked or skipped.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"unreadable: {path}")
        self.path = path


class GatewayRejected(GatewayError):
    """The provider refused for good.

    `declined`: the payer's side refused the money; `missing`: what was named does not exist.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        decline_code: str | None = None,
        param: str | None = None,
        declined: bool = False,
        missing: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.decline_code = decline_code
        self.param = param
        self.declined = declined
        self.missing = missing


class GatewayMisconfigured(GatewayError):
    """The provider does not accept our credentials or settings."""
