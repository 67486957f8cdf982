"""Sign in with a key or a one-time link, sign out, and choose light or dark."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.apps.api_keys import digest
from domain.core import ids
from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecord
from eventlog.errors import Conflict
from projections.access.queries import KeyRow
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.guard import (
    COOKIE,
    HOME,
    SIGN_IN,
    action_of_reader,
    find_key,
    read_form,
    refusal,
    safe_next,
)
from service.dashboard.open_sessions import end_session
from service.dashboard.pages import THEME, THEMES, render
from service.dashboard.sessions import SESSION_LIFE, Link, new_nonce
from service.dashboard.visitor import Form, Visitor
from service.http.errors import HANDLED_ERRORS

_FORM_COOKIE: Final = "billhook_form"
_COOKIE_PATH: Final = "/dashboard"
_YEAR_S: Final = 365 * 24 * 3600
_WRONG: Final = "This key does not open the dashboard. A read key or an admin key of an app does."
_ENDED: Final = "Your session had ended, so that nothing was done. Sign in and send the form again."
_USED: Final = "This link was used already, or its time is over. Sign in with a key."


async def show_sign_in(request: Request) -> Response:
    """Show the form for a key, or, with a link's token, the button that uses it."""
    context, token = context_of(request), request.query_params.get("link", "")
    if token and context.sessions.read_link(token, now=context.now()) is None:
        return sign_in_form(request, message=_USED, status_code=HTTPStatus.UNAUTHORIZED)
    message = _ENDED if "ended" in request.query_params else None
    return sign_in_form(request, message=message, link=token)


async def sign_in(request: Request) -> Response:
    """Open a session for a key; a wrong key costs an attempt of the sender's address."""
    context = context_of(request)
    try:
        count_attempt(request, context, way="key")
        form = await read_form(request, request.cookies.get(_FORM_COOKIE, ""))
        key = await _key_of(context, form)
    except HANDLED_ERRORS as error:
        return refusal(request, error, None)
    if key is None:
        message = _USED if form.get("link") else _WRONG
        return sign_in_form(request, message=message, status_code=HTTPStatus.UNAUTHORIZED)
    place = safe_next(form.get("next", HOME))
    response = RedirectResponse(place, status_code=HTTPStatus.SEE_OTHER)
    cookie = context.sessions.open(key, now=context.now())
    set_cookie(request, response, COOKIE, cookie, life_s=int(SESSION_LIFE.total_seconds()))
    response.headers["cache-control"] = "no-store"
    return response


async def _sign_out(request: Request, visitor: Visitor, _: Form) -> Response:
    if visitor.session_id is not None:
        await end_session(context_of(request), visitor.session_id, actor=visitor.caller.actor)
    response = RedirectResponse(SIGN_IN, status_code=HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path=_COOKIE_PATH)
    response.headers["cache-control"] = "no-store"
    return response


async def _choose_theme(request: Request, _: Visitor, form: Form) -> Response:
    theme = form.get("theme", "")
    place = safe_next(form.get("next", HOME))
    response = RedirectResponse(place, status_code=HTTPStatus.SEE_OTHER)
    if theme in THEMES:
        set_cookie(request, response, THEME, theme, life_s=_YEAR_S)
    return response


sign_out: Callable[[Request], Awaitable[Response]] = action_of_reader(_sign_out)
choose_theme: Callable[[Request], Awaitable[Response]] = action_of_reader(_choose_theme)


def count_attempt(request: Request, context: DashboardContext, *, way: str) -> None:
    """Count an attempt of an address in one way to sign in. Raises RateLimited."""
    address = "unknown" if request.client is None else request.client.host
    context.sign_ins.count(f"{way}:{address}").require()


async def _key_of(context: DashboardContext, form: Form) -> str | None:
    """Return the hash of the key that a form proves; None where it opens nothing."""
    token = form.get("link", "")
    if not token:
        sha256_hex = digest(form.get("key", "").strip())
        return None if await find_key(context.auth, sha256_hex) is None else sha256_hex
    link = context.sessions.read_link(token, now=context.now())
    key = None if link is None else await find_key(context.auth, link.key_sha256)
    if link is None or key is None or not await _use(context, link, key):
        return None
    return link.key_sha256


async def _use(context: DashboardContext, link: Link, key: KeyRow) -> bool:
    """Record the use of a link; False where it has been used, through any process."""
    record = CreateIdempotencyRecord(
        record_id=ids.for_post(key.app_id, None, f"dashboard-link:{link.id}"),
        app_id=key.app_id,
        request_hash=link.id.hex,
        result={"dashboardLink": str(link.id)},
        actor=f"key:{key.key_id}",
    )
    try:
        await context.recording.store.create(
            IdempotencyRecord.create(record, occurred_at=context.now())
        )
    except Conflict:
        return False
    return True


def sign_in_form(
    request: Request, *, message: str | None = None, link: str = "", status_code: int = 200
) -> Response:
    """Show the form, with a token that this browser alone can send."""
    context = context_of(request)
    nonce = request.cookies.get(_FORM_COOKIE) or new_nonce()
    response = render(
        request,
        "sign_in.html",
        {
            "message": message,
            "link": link,
            "next": safe_next(request.query_params.get("next", HOME)),
            "oidc_label": None if context.oidc is None else context.oidc.label,
            "form_token": context.sessions.form_token(nonce),
        },
        status_code=status_code,
    )
    set_cookie(request, response, _FORM_COOKIE, nonce, life_s=None)
    return response


def set_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    life_s: int | None,
    path: str = _COOKIE_PATH,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Set a cookie that scripts can't read; None: until the browser is closed."""
    public = context_of(request).settings.dashboard_base_url
    response.set_cookie(
        name,
        value,
        max_age=life_s,
        path=path,
        secure=public.startswith("https://"),
        httponly=True,
        samesite=samesite,
    )
