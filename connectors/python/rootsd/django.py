"""Glue for Django 3.2 to 5: who may hear what, and what is told of models that change.

    urlpatterns += [path("server/", include(endpoints(may_hear)))]
    announce(Item, path=lambda item: f"lists/{item.list_id}", message=Item.as_json)

settings.ROOTSD, which may be left out, holds the arguments of rootsd.Connector, as {"url": …, "token": …}.
"""

from __future__ import annotations

import functools
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

from . import Connector
from .endpoint import LARGEST, answer

__all__ = ["announce", "endpoints", "roots"]

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
        return _serve(request, "connect", id, lambda path: may_hear(request, path))

    def disconnect(request: HttpRequest, id: str) -> HttpResponse:
        return _serve(request, "disconnect", id, lambda path: False)

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


def _serve(request: HttpRequest, verb: str, id: str, may_hear: Callable[[str], bool]) -> HttpResponse:
    try:
        status, text = answer(roots, verb, id, _body(request), may_hear)
    except RequestDataTooBig:
        status, text = 413, f"a body has at most {LARGEST} bytes"
    except RawPostDataException:
        status, text = 400, "the body was read before"
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _body(request: HttpRequest) -> bytes:
    """Returns the body, unless Django, or the length that it says it has, calls it too large."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST:
        raise RequestDataTooBig
    return request.body
