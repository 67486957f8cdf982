"""Which dialect a path speaks, so that whatever is refused there is said in it."""

from typing import Final, Protocol

from service.http import envelope, plain_errors, success_envelope
from service.http.envelope import Rendered
from service.http.errors import Problem


class RenderProblem(Protocol):
    """Says what is wrong."""

    def __call__(self, problem: Problem, *, request_id: str) -> Rendered:
        """Render it; `request_id` is the one in the answer's header."""


def _canonical(problem: Problem, *, request_id: str) -> Rendered:  # noqa: ARG001 - others print it
    return envelope.render_problem(problem)


_BY_PREFIX: Final[tuple[tuple[str, RenderProblem], ...]] = (
    ("/v1/", success_envelope.render_problem),
    ("/api/v1/tenants/", success_envelope.render_problem),
    ("/admin/api/", plain_errors.render_problem),
    ("/stripe/", plain_errors.render_problem),
)


def renderer_of(path: str) -> RenderProblem:
    """Choose by path; what is no other dialect's is the canonical one's."""
    for prefix, render in _BY_PREFIX:
        if f"{path}/".startswith(prefix):
            return render
    return _canonical
