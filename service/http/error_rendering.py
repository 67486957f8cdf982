"""Choose the error document of a path's dialect."""

from typing import Final, Protocol

from service.http import canonical_errors, plain_errors, success_envelope
from service.http.envelope import Rendered
from service.http.errors import Problem


class RenderProblem(Protocol):
    """Render a problem as the error document of a dialect."""

    def __call__(self, problem: Problem, *, request_id: str) -> Rendered:
        """Render a problem; `request_id` is the one in the response's header."""


def _canonical(problem: Problem, *, request_id: str) -> Rendered:  # noqa: ARG001 - other dialects have it
    return canonical_errors.render_problem(problem)


_BY_PREFIX: Final[tuple[tuple[str, RenderProblem], ...]] = (
    ("/v1/", success_envelope.render_problem),
    ("/api/v1/tenants/", success_envelope.render_problem),
    ("/admin/api/", plain_errors.render_problem),
    ("/stripe/", plain_errors.render_problem),
)


def renderer_of(path: str) -> RenderProblem:
    """Return the renderer of a path's dialect; the canonical one by default."""
    for prefix, render in _BY_PREFIX:
        if f"{path}/".startswith(prefix):
            return render
    return _canonical
