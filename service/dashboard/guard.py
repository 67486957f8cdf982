"""Check who may view and change what in the dashboard; render the page of each rejection."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from eventlog.database.fair_share import session_holder
from projections.access.queries import KeyRow
from service.auth.context import AuthContext
from service.dashboard.context import context_of
from service.dashboard.pages import render
from service.dashboard.visitor import Form, Visitor
from service.http.caller import ADMIN, Caller
from service.http.errors import (
    HANDLED_ERRORS,
    AppDisabled,
    BadRequest,
    FieldError,
    Forbidden,
    UnsupportedMedia,
)
from service.http.requests import read_body
from service.http.responses import problem_within
from service.oidc.sign_in import OpenIdConnect

COOKIE: Final = "billhook_session"
SIGN_IN: Final = "/dashboard/sign-in"
SIGN_OUT: Final = "/dashboard/sign-out"
HOME: Final = "/dashboard"
KINDS: Final = ("read", ADMIN)
_FORM_BYTES: Final = 64 * 1024
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


Page = Callable[[Request, Visitor], Awaitable[Response]]
Action = Callable[[Request, Visitor, Form], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def page(show: Page) -> Endpoint:
    """Serve a page to whoever is signed in; others are sent to sign in and come back."""

    async def serve(request: Request) -> Response:
        visitor: Visitor | None = None
        try:
            visitor = await visitor_of(request)
            if visitor is None:
                return _to_sign_in(request)
            return await show(request, visitor)
        except HANDLED_ERRORS as error:
            return refusal(request, error, visitor)

    return serve


def action(act: Action) -> Endpoint:
    """Serve a form of an admin key's session, with its token and from our own page."""

    async def serve(request: Request, visitor: Visitor, form: Form) -> Response:
        if not visitor.acts:
            raise Forbidden(FieldError(message="A read key can only read: use an admin key."))
        return await act(request, visitor, form)

    return action_of_reader(serve)


def action_of_reader(act: Action) -> Endpoint:
    """Serve a form that changes nothing of the app: any session's, with its token."""

    async def serve(request: Request) -> Response:
        visitor: Visitor | None = None
        try:
            visitor = await visitor_of(request)
            if visitor is None:
                return _to_sign_in(request)
            form = await read_form(request, visitor.session.nonce)
            return await act(request, visitor, form)
        except HANDLED_ERRORS as error:
            return refusal(request, error, visitor)

    return serve


async def visitor_of(request: Request) -> Visitor | None:
    """Return who is signed in; None without a session, or where its key opens nothing more.

    Raises AppDisabled, RateLimited, AccessUnverified.
    """
    context = context_of(request)
    session = context.sessions.read(request.cookies.get(COOKIE, ""), now=context.now())
    if session is None:
        return None
    key = await find_key(context.auth, session.key_sha256)
    app = None if key is None else await context.auth.access.app(key.app_id)
    if key is None or app is None or key.issuer not in _issuers(context.oidc):
        return None
    is_session = key.issuer is not None
    actor = f"session:{key.key_id}" if is_session else f"key:{key.key_id}"
    caller = Caller(app=app, actor=actor, kind=key.kind)
    session_holder.set(app.app_id)
    context.auth.rates.count(f"{app.app_id}:{caller.actor}").require()
    context.auth.app_rates.count(str(app.app_id)).require()
    if not app.enabled:
        raise AppDisabled
    token = context.sessions.form_token(session.nonce)
    session_id = key.key_id if is_session else None
    return Visitor(caller=caller, session=session, form_token=token, session_id=session_id)


def _issuers(oidc: OpenIdConnect | None) -> tuple[str | None, ...]:
    """Return the issuers whose sessions are valid; None stands for keys."""
    return (None,) if oidc is None else (None, oidc.issuer.client.issuer)


async def find_key(context: AuthContext, sha256_hex: str) -> KeyRow | None:
    """Find a key or session that opens the dashboard: to read or act, not revoked or expired."""
    key = await context.access.key(sha256_hex)
    if key is None or key.revoked or key.kind not in KINDS:
        return None
    if key.expires_at is not None and key.expires_at <= context.now():
        return None
    return key


async def read_form(request: Request, nonce: str) -> Form:
    """Read a form that our own page sent. Raises BadRequest, UnsupportedMedia, TooLarge.

    The browser names the origin of the page; the token proves that the page was the session's.
    """
    origin = request.headers.get("origin")
    if origin is not None and _netloc(origin) != request.headers.get("host"):
        raise BadRequest(FieldError(message="The form was sent by another site."))
    if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM_TYPE:
        raise UnsupportedMedia(FieldError(message="A form is expected."))
    raw = await read_body(request, limit_bytes=_FORM_BYTES)
    form = _parsed(raw)
    if not context_of(request).sessions.is_form_token(form.get("form_token", ""), nonce):
        message = "The form is not of this session: reload the page and try again."
        raise BadRequest(FieldError(message=message))
    return form


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None


def safe_next(given: str) -> str:
    """Return a path of the dashboard to go to, and nothing of another site."""
    try:
        parts = urlsplit(given)
    except ValueError:  # for example an unclosed bracket
        return HOME
    is_ours = given.startswith(HOME) and not parts.netloc and not parts.scheme
    if not is_ours or parts.path.startswith("//") or "\\" in given or not given.isprintable():
        return HOME
    if {".", ".."} & set(unquote(parts.path).split("/")):  # browsers resolve these, also encoded
        return HOME
    return given if parts.path == HOME or parts.path.startswith(HOME + "/") else HOME


def refusal(request: Request, error: Exception, visitor: Visitor | None) -> Response:
    """Show what is wrong as a page."""
    problem = problem_within(request.scope, error)
    return render(
        request,
        "error.html",
        {
            "title": HTTPStatus(problem.status).phrase,
            "messages": [fault.message for fault in problem.faults],
            "status": problem.status,
        },
        visitor=visitor,
        status_code=problem.status,
        headers=problem.headers,
    )


def _parsed(raw: bytes) -> Form:
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=100
        )
    except ValueError:
        raise BadRequest(FieldError(message="The form can't be read.")) from None
    return dict(pairs)


def _to_sign_in(request: Request) -> Response:
    """Send to sign in; a page is come back to, an action is not repeated."""
    wanted = request.url.path
    if request.method == "GET" and request.url.query:
        wanted += f"?{request.url.query}"
    place = safe_next(wanted) if request.method == "GET" else HOME
    url = SIGN_IN if place == HOME else f"{SIGN_IN}?next={quote(place, safe='')}"
    if request.method != "GET" and request.url.path != SIGN_OUT:
        url = f"{SIGN_IN}?ended=1"
    response = RedirectResponse(url, status_code=HTTPStatus.SEE_OTHER)
    if request.headers.get("hx-request"):
        response.headers["hx-redirect"] = url
    response.headers["cache-control"] = "no-store"
    return response
