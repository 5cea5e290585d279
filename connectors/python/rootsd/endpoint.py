"""What a connect endpoint does, in any framework. rootsd.django is made of it; with another, it is one view:

    def connect(request, id):  # POST /server/connect/<id>
        if request.method != "POST" or not has_csrf_token(request):
            return Response(status=403)
        status, text = answer(roots, "connect", id, request.body, lambda path: may_hear(request.user, path))
        return Response(text, status=status, content_type="text/plain")
"""

from __future__ import annotations

import inspect
import json
from typing import Callable

from . import Connector, Error

__all__ = ["LARGEST", "MOST", "answer"]

LARGEST = 256 * 1024  # bytes of a body
MOST = 1000  # paths in it


def answer(roots: Connector, verb: str, id: str, body: bytes, may_hear: Callable[[str], bool]) -> tuple[int, str]:
    """Connects a page to the paths that it posted, or disconnects it. Returns the status and the text of the answer.

    verb is "connect" or "disconnect", id what stands in the address, body what was posted: a JSON array of paths.
    may_hear(path) says whether the user may hear a path or pattern, which has no slashes at its ends. It is asked for
    each path that is to be connected; unless all may be heard, the page is connected to nothing. What it raises is
    raised. **Before, the caller has looked for the application's proof against cross-site requests** (a CSRF token),
    and whether the method is POST.

    204 and no text: it is done. 400: it is no such array, or rootsd does not take it. 403: refused. 413: more than
    LARGEST bytes. 502: rootsd has not done it, on_error was told why, and the page will try again.
    """
    if verb not in ("connect", "disconnect") or not callable(may_hear):
        raise TypeError("rootsd: answer() needs connect or disconnect, and a function may_hear(path)")
    if len(body) > LARGEST:
        return 413, f"a body has at most {LARGEST} bytes"
    try:
        paths = _paths(body)
    except (ValueError, RecursionError):
        return 400, f"the body has to be a JSON array of 1 to {MOST} paths"
    if not all(_is_askable(path) and (verb == "disconnect" or _may(may_hear, path)) for path in paths):
        return 403, "not all of these paths may be heard"
    try:
        roots.request(verb, {"id": id, "paths": paths})
    except Error as error:
        return _failure(roots, error)
    return 204, ""


def _paths(body: bytes) -> list[str]:
    """Returns the paths of a body, without the slashes at their ends."""
    paths = json.loads(body)
    if not isinstance(paths, list) or not 1 <= len(paths) <= MOST or not all(isinstance(each, str) for each in paths):
        raise ValueError
    return [each.strip("/") for each in paths]


def _is_askable(path: str) -> bool:
    """Tells whether the application is asked for a path: rootsd's own are not for clients, but who else is there."""
    return not path.startswith("::") or path.startswith("::members/")


def _may(may_hear: Callable[[str], bool], path: str) -> bool:
    allowed = may_hear(path)
    if inspect.isawaitable(allowed):  # which is true, whatever it would say
        raise TypeError("rootsd: may_hear must not be async")
    return bool(allowed)


def _failure(roots: Connector, error: Error) -> tuple[int, str]:
    """What a page is answered: that its paths are wrong, or to try again."""
    if error.reason == "message" or 400 <= error.status < 500 and error.status not in (401, 403, 404):
        return 400, error.detail
    roots.on_error(error)
    return 502, "rootsd has not done it; try again"
