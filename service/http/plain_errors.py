"""What is wrong, as seeds 003 and 004 are answered: their documents print no errors."""

from service.http.envelope import Rendered
from service.http.errors import Problem


def render_problem(problem: Problem, *, request_id: str) -> Rendered:
    """Answer with what is wrong, all faults in one line."""
    error = {
        "code": problem.code,
        "message": "; ".join(fault.message for fault in problem.faults),
        "requestId": request_id,
    }
    return Rendered(status=problem.status, document={"error": error})
