"""Response models of the health checks."""

from typing import Literal

from service.http.response_model import ResponseModel


class Health(ResponseModel):
    """The process is running."""

    status: Literal["ok"]


class Readiness(ResponseModel):
    """Readiness of the service; a check that is not `ok` has the problem."""

    ready: bool
    checks: dict[str, str]
