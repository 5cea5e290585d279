"""Glue for Django 3.2 to 5: who may hear what, and what is told of models that change.

    urlpatterns += [path("server/", include(endpoints(may_hear)))]
    announce(Item, path=lambda item: f"lists/{item.list_id}", message=Item.as_json)

settings.ROOTSD, which may be left out, holds the arguments of rootsd.Connector, as {"url": …, "token": …}.
"""

from __future__ import annotations

import functools
import inspect
import json
from typing import Any, Callable, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.signals import setting_changed
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, RawPostDataException
from django.urls import URLPattern
from django.urls import path as url
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from . import Connector, Error

__all__ = ["announce", "endpoints", "roots"]

LARGEST = 256 * 1024  # bytes of a body
MOST = 1000  # paths in it

MayHear = Callable[[HttpRequest, str], bool]


@functools.lru_cache(maxsize=None)
def _connector() -> Connector:
    return Connector(**getattr(settings, "ROOTSD", {}))


class _Lazy:
    """Makes the Connector when it is used first: when this module is imported, settings may not be there yet."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_connector(), name)


roots = cast(Connector, _Lazy())  # the Connector of settings.ROOTSD


def _forget(setting: str, **others: object) -> None:
    """Has a test's override_settings(ROOTSD=…) heard."""
    if setting == "ROOTSD":
        _connector.cache_clear()


setting_changed.connect(_forget)


def endpoints(may_hear: MayHear) -> list[URLPattern]:
    """Returns the patterns connect/<id> and disconnect/<id>, to which the browser's client posts its paths.

    may_hear(request, path) says whether the user of a request may hear a path or pattern. It is asked for every
    path; unless it says so of all, the client is connected to nothing. What it raises, Django deals with. Answers:
    204; 400 not an array of paths, or not what rootsd takes; 403 without Django's CSRF token, or refused; 413; 502
    if rootsd did not do it. All want the CSRF token, also where Django's middleware for it is missing.
    """
    if not callable(may_hear):
        raise TypeError("rootsd: endpoints() needs a function may_hear(request, path)")

    def connect(request: HttpRequest, id: str) -> HttpResponse:
        return _serve(request, "connect", id, lambda path: _may(may_hear, request, path))

    def disconnect(request: HttpRequest, id: str) -> HttpResponse:
        return _serve(request, "disconnect", id, lambda path: True)

    return [url(f"{view.__name__}/<str:id>", require_POST(csrf_protect(view))) for view in (connect, disconnect)]


def announce(model: type[models.Model], path: Callable[[Any], str | None], message: Callable[[Any], Any]) -> None:
    """Tells of every instance of a model that is saved, or deleted: then the message is {"deleted": <primary key>}.

    path(instance) says where; if it is None, nothing is told. message(instance) says what. Both are asked when the
    instance is saved, and it is told once the transaction is committed. What goes round save() and delete(), such as
    QuerySet.update(), is not noticed, nor what loaddata does.
    """
    def saved(instance: models.Model, raw: bool, using: str, **others: object) -> None:
        if not raw:
            _tell_later(path(instance), message(instance), using)

    def deleted(instance: models.Model, using: str, **others: object) -> None:
        _tell_later(path(instance), {"deleted": instance.pk}, using)

    models.signals.post_save.connect(saved, sender=model, weak=False)
    models.signals.post_delete.connect(deleted, sender=model, weak=False)


def _tell_later(path: str | None, message: Any, using: str) -> None:
    if path is not None:
        transaction.on_commit(lambda: roots.update(path, message), using=using)


def _may(may_hear: MayHear, request: HttpRequest, path: str) -> bool:
    allowed = may_hear(request, path)
    if inspect.isawaitable(allowed):  # which is true, whatever it would say
        raise TypeError("rootsd: may_hear must not be async")
    return bool(allowed)


def _serve(request: HttpRequest, verb: str, id: str, may: Callable[[str], bool]) -> HttpResponse:
    try:
        paths = _paths(request)
    except RequestDataTooBig:
        return _refusal(413, f"a body has at most {LARGEST} bytes")
    except (ValueError, RecursionError, RawPostDataException):
        return _refusal(400, f"the body has to be a JSON array of 1 to {MOST} paths")
    if not all(_is_askable(path) and may(path) for path in paths):
        return _refusal(403, "not all of these paths may be heard")
    try:
        roots.request(verb, {"id": id, "paths": paths})
    except Error as error:
        return _failure(error)
    return HttpResponse(status=204)


def _paths(request: HttpRequest) -> list[str]:
    """Returns the paths of the body, without the slashes at their ends."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST or len(request.body) > LARGEST:
        raise RequestDataTooBig
    paths = json.loads(request.body)
    if not isinstance(paths, list) or not 1 <= len(paths) <= MOST or not all(isinstance(each, str) for each in paths):
        raise ValueError
    return [each.strip("/") for each in paths]


def _is_askable(path: str) -> bool:
    """Tells whether the application is asked for a path: rootsd's own are not for clients, but who else is there."""
    return not path.startswith("::") or path.startswith("::members/")


def _failure(error: Error) -> HttpResponse:
    """What a browser is answered: that its paths are wrong, or to try again."""
    if error.reason == "message" or 400 <= error.status < 500 and error.status not in (401, 403, 404):
        return _refusal(400, error.detail)
    roots.on_error(error)
    return _refusal(502, "rootsd has not done it; try again")


def _refusal(status: int, why: str) -> HttpResponse:
    return HttpResponse(why, status=status, content_type="text/plain; charset=utf-8")
