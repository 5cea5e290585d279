import json

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from todo.models import Item


@login_required
@require_GET
def lists(request):
    return render(request, "lists.html", {"lists": request.user.lists.all()})


@login_required
@require_GET
def page(request, number):
    return render(request, "list.html", {"list": get_object_or_404(request.user.lists, pk=number)})


@login_required
@require_http_methods(["GET", "POST"])
def items(request, number):
    of_list = get_object_or_404(request.user.lists, pk=number).items
    if request.method == "GET":
        return JsonResponse([item.as_json() for item in of_list.order_by("pk")], safe=False)
    added = of_list.create(text=said(request, "text", str)[:200])
    return JsonResponse(added.as_json(), status=201)


@login_required
@require_POST
def item(request, number):
    changed = get_object_or_404(Item, pk=number, list__members=request.user)
    changed.done = said(request, "done", bool)
    changed.save()
    return JsonResponse(changed.as_json())


def said(request, name, kind):
    """Returns a member of the request's JSON body; if it is not there, the answer is 400."""
    try:
        value = json.loads(request.body)[name]
    except (ValueError, LookupError, TypeError):
        value = None
    if not isinstance(value, kind):
        raise BadRequest(f"{name} is missing")
    return value


def may_hear(request, path):
    if not request.user.is_authenticated:
        return False
    return path in [f"lists/{each.pk}" for each in request.user.lists.all()]
