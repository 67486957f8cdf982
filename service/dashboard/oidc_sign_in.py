"""Sign in by OpenID Connect: redirect to the issuer, handle the return, open a session.

The cookie of a pending sign-in is SameSite=Lax, because the return is a navigation from the site of
the issuer, with which browsers send no Strict cookie. The session's cookie stays Strict: the return
is answered by a page that goes on by itself, so that the next request comes from this site.
"""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.apps.dashboard_session import DashboardSession, OpenSession
from eventlog.errors import Conflict
from projections.access.queries import AppRow
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.guard import COOKIE, HOME, refusal, safe_next
from service.dashboard.pages import render
from service.dashboard.pending_sign_ins import PENDING_LIFE, PendingSignIn
from service.dashboard.sessions import SESSION_LIFE
from service.dashboard.sign_in import count_attempt, set_cookie, sign_in_form
from service.http.errors import HANDLED_ERRORS, NotFound
from service.oidc.errors import (
    IssuerUnavailable,
    NoRole,
    OidcError,
    SignInRefused,
    TokenRejected,
    refusal_of,
)
from service.oidc.sign_in import OpenIdConnect, Person
from service.recording.read_your_writes import wait_for_access

_log = structlog.get_logger(__name__)
_PENDING: Final = "billhook_oidc"
_PATH: Final = "/dashboard/sign-in/oidc"
_LONGEST_CODE: Final = 2_000
_NOT_OURS: Final = (
    "This sign-in was not started in this browser, was used already, or took more than 10 minutes."
    " Start again."
)
_ERRORS: Final[Mapping[type[OidcError], tuple[HTTPStatus, str]]] = {
    IssuerUnavailable: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "{label} does not answer as it should. Try again later, or sign in with a key.",
    ),
    SignInRefused: (HTTPStatus.FORBIDDEN, "{label} refused the sign-in."),
    TokenRejected: (
        HTTPStatus.UNAUTHORIZED,
        "The answer of {label} is not valid for this sign-in. Start again.",
    ),
    NoRole: (
        HTTPStatus.FORBIDDEN,
        "{label} signed you in, but you have no role for an app here. Ask for a group with one.",
    ),
}


async def start_oidc(request: Request) -> Response:
    """Redirect to the issuer, with a cookie by which this browser alone can return."""
    context = context_of(request)
    oidc = context.oidc
    if oidc is None:
        return refusal(request, NotFound(), None)
    pending = context.pending_sign_ins.start(
        next_path=safe_next(request.query_params.get("next", HOME)),
        app=_app_id(request.query_params.get("app", "")),
        default=HOME,
        now=context.now(),
    )
    try:
        count_attempt(request, context, way="oidc")
        url = await oidc.issuer.authorization_url(
            state=pending.state, nonce=pending.nonce, code_verifier=pending.code_verifier
        )
    except OidcError as error:
        return _failure(request, oidc, error)
    except HANDLED_ERRORS as error:
        return refusal(request, error, None)
    response = RedirectResponse(url, status_code=HTTPStatus.SEE_OTHER)
    response.headers["cache-control"] = "no-store"
    set_cookie(
        request,
        response,
        _PENDING,
        context.pending_sign_ins.sealed(pending),
        life_s=int(PENDING_LIFE.total_seconds()),
        path=_PATH,
        samesite="lax",
    )
    return response


async def finish_oidc(request: Request) -> Response:
    """Handle the return from the issuer, and delete the cookie of the pending sign-in."""
    context = context_of(request)
    if context.oidc is None:
        return refusal(request, NotFound(), None)
    try:
        count_attempt(request, context, way="oidc")
        response = await _finish(request, context, context.oidc)
    except OidcError as error:
        response = _failure(request, context.oidc, error)
    except HANDLED_ERRORS as error:
        response = refusal(request, error, None)
    response.delete_cookie(_PENDING, path=_PATH)
    return response


async def _finish(request: Request, context: DashboardContext, oidc: OpenIdConnect) -> Response:
    given = request.query_params
    pending = context.pending_sign_ins.read(
        request.cookies.get(_PENDING, ""), state=given.get("state", ""), now=context.now()
    )
    if pending is None:
        return _not_ours(request)
    if "error" in given:
        raise refusal_of(given["error"])
    await _require_issuer(oidc, given.get("iss"))
    code = given.get("code", "")
    if not 0 < len(code) <= _LONGEST_CODE:
        raise TokenRejected("no code")
    person = await oidc.person(
        code, code_verifier=pending.code_verifier, nonce=pending.nonce, now=context.now()
    )
    apps = await _apps(context, person)
    chosen = next((app for app in apps if str(app.app_id) == pending.app), None)
    if chosen is None and len(apps) > 1:
        values = {"apps": apps, "next": pending.next}
        return render(request, "choose_app.html", values)
    app = chosen or apps[0]
    return await _open(request, person, pending, app)


async def _require_issuer(oidc: OpenIdConnect, given: str | None) -> None:
    """Refuse a return from another issuer. RFC 9207."""
    known = await oidc.issuer.configuration()
    if given is None and not known.authorization_response_iss_parameter_supported:
        return
    if given != known.issuer:
        raise TokenRejected("iss of the return")


async def _apps(context: DashboardContext, person: Person) -> list[AppRow]:
    """Return the person's apps by name. Raises NoRole if none of them exists and is enabled."""
    found = [await context.auth.access.app(app_id) for app_id in person.roles]
    apps = [app for app in found if app is not None and app.enabled]
    if not apps:
        raise NoRole("the apps of the person's roles do not exist or are disabled")
    return sorted(apps, key=lambda app: (app.name, app.app_id))


async def _open(request: Request, person: Person, pending: PendingSignIn, app: AppRow) -> Response:
    """Record a session and set its cookie; a used sign-in opens no second one."""
    context = context_of(request)
    now = context.now()
    command = OpenSession(
        app_id=app.app_id,
        state=pending.state,
        role=person.roles[app.app_id],
        secret_sha256=secrets.token_hex(32),  # of no text that anybody has, so no API key
        issuer=person.issuer,
        person=person.name,
        ends_at=int((now + SESSION_LIFE).timestamp()),
    )
    try:
        await context.recording.store.create(DashboardSession.open(command, occurred_at=now))
    except Conflict:
        return _not_ours(request)
    await wait_for_access(context.recording, command.session_id)
    response = render(request, "signed_in.html", {"next": pending.next, "app_name": app.name})
    cookie = context.sessions.open(command.secret_sha256, now=now)
    set_cookie(request, response, COOKIE, cookie, life_s=int(SESSION_LIFE.total_seconds()))
    return response


def _app_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _not_ours(request: Request) -> Response:
    return sign_in_form(request, message=_NOT_OURS, status_code=HTTPStatus.BAD_REQUEST)


def _failure(request: Request, oidc: OpenIdConnect, error: OidcError) -> Response:
    """Show the form with what is wrong; the details are logged."""
    kind = next(kind for kind in _ERRORS if isinstance(error, kind))
    status, text = _ERRORS[kind]
    _log.warning("oidc_sign_in_failed", error=kind.__name__, reason=str(error))
    label = oidc.label[:1].upper() + oidc.label[1:]
    return sign_in_form(request, message=text.format(label=label), status_code=status)
