"""The glue for Django, with a stand-in for rootsd."""

from __future__ import annotations

import json
import unittest
from typing import Any

try:
    import django
except ImportError:
    raise unittest.SkipTest("needs Django: apt-get install python3-django, and then /usr/bin/python3") from None

from django.conf import settings

if not settings.configured:
    settings.configure(
        SECRET_KEY="of tests", ROOT_URLCONF="test_django", ALLOWED_HOSTS=["testserver"], MIDDLEWARE=[],
        INSTALLED_APPS=["django.contrib.contenttypes"], DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    django.setup()

from django.db import connection, models, transaction
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.test import Client, override_settings
from django.urls import include, path

from fake import Fake, answer, problem
from rootsd.django import announce, endpoints, roots

MIDDLEWARE = "django.middleware.csrf.CsrfViewMiddleware"
asked: list[str] = []  # what the application was asked for
allowed: dict[str, Any] = {}  # what it says to that


def may_hear(request: Any, path: str) -> Any:
    asked.append(path)
    said = allowed.get(path)
    return said() if callable(said) else said


class Later:
    """What an async function returns: as an object, it is true."""

    def __await__(self) -> Any:
        yield


def may_hear_later(request: Any, path: str) -> Any:
    return Later()


class Item(models.Model):
    text = models.CharField(max_length=100)

    class Meta:
        app_label = "test"


announce(Item, path=lambda item: f"items/{item.pk}" if item.text else None, message=lambda item: {"text": item.text})

urlpatterns = [
    path("token", lambda request: HttpResponse(get_token(request))),
    path("server/", include(endpoints(may_hear))),
    path("async/", include(endpoints(may_hear_later))),
]


class DjangoTest(unittest.TestCase):
    def setUp(self) -> None:
        asked.clear()
        allowed.clear()
        self.fake = Fake(lambda request: answer({}))
        self.addCleanup(self.fake.close)
        self.use({"ROOTSD": {"url": self.fake.url}})
        self.addCleanup(lambda: roots.close())

    def use(self, changes: dict[str, Any]) -> None:
        override = override_settings(**changes)
        override.enable()
        self.addCleanup(override.disable)

    def sent(self) -> list[tuple[str, Any]]:
        return [(request.target, request.body) for request in self.fake.seen()]


class EndpointsTest(DjangoTest):
    def post(self, target: str, body: Any, client: Any = None, **options: Any) -> Any:
        """POSTs as a page does that has the CSRF token; bytes go as they are."""
        client = client or Client(enforce_csrf_checks=True, raise_request_exception=False)
        token = client.get("/token").content.decode()
        client.cookies["csrftoken"] = token
        data = body if isinstance(body, bytes) else json.dumps(body)
        return client.post(target, data, **{"content_type": "application/json", "HTTP_X_CSRFTOKEN": token, **options})

    def refused(self, response: Any, status: int) -> None:
        self.assertEqual((response.status_code, self.sent()), (status, []))

    def test_connect(self) -> None:
        allowed.update({"a": True, "b/c": "yes", "::members/a": True})
        response = self.post("/server/connect/x-1-2", ["a", "/b/c/", "::members/a"])
        self.assertEqual((response.status_code, response.content), (204, b""))
        self.assertEqual(self.sent(), [("/connect", {"id": "x-1-2", "paths": ["a", "b/c", "::members/a"]})])
        self.assertEqual(asked, ["a", "b/c", "::members/a"])

    def test_disconnect(self) -> None:
        self.assertEqual(self.post("/server/disconnect/x", ["a/"]).status_code, 204)
        self.assertEqual(self.sent(), [("/disconnect", {"id": "x", "paths": ["a"]})])
        self.assertEqual(asked, [])

    def test_without_the_csrf_token(self) -> None:
        allowed["a"] = True
        for middleware in ([], [MIDDLEWARE]):
            with override_settings(MIDDLEWARE=middleware):
                for verb in ("connect", "disconnect"):
                    for options in ({"HTTP_X_CSRFTOKEN": ""}, {"HTTP_X_CSRFTOKEN": "x" * 64}):
                        self.refused(self.post(f"/server/{verb}/x", ["a"], **options), 403)
                    bare = Client(enforce_csrf_checks=True)
                    for body in ('["a"]', "no array", "x" * 300_000):
                        self.refused(bare.post(f"/server/{verb}/x", body, content_type="application/json"), 403)
                self.assertEqual(self.post("/server/connect/x", ["a"]).status_code, 204)
                self.assertEqual(len(self.sent()), 1)
        self.assertEqual(asked, ["a", "a"])

    def test_refused_by_default(self) -> None:
        for said in (None, False, 0, ""):
            allowed["a"] = said
            self.refused(self.post("/server/connect/x", ["a"]), 403)
        self.assertRaises(TypeError, endpoints)
        self.assertRaises(TypeError, endpoints, None)

    def test_one_bad_path_of_two(self) -> None:
        allowed["a"] = True
        self.refused(self.post("/server/connect/x", ["a", "b"]), 403)

    def test_paths_of_rootsd_itself(self) -> None:
        for path_ in ("::connect", "/::gone", "::members", "::members/", "::+::disconnect", "::", "::to/x"):
            allowed[path_.strip("/")] = True
            for verb in ("connect", "disconnect"):
                with self.subTest(path_, verb=verb):
                    self.refused(self.post(f"/server/{verb}/x", [path_]), 403)
        self.assertEqual(asked, [])

    def test_a_may_hear_that_raises(self) -> None:
        allowed.update({"a": True, "b": lambda: 1 / 0})
        with self.assertLogs("django.request", "ERROR"):
            self.refused(self.post("/server/connect/x", ["a", "b"]), 500)

    def test_a_may_hear_that_is_async(self) -> None:
        with self.assertLogs("django.request", "ERROR"):
            self.refused(self.post("/async/connect/x", ["a"]), 500)

    def test_methods(self) -> None:
        for verb in ("connect", "disconnect"):
            for method in ("get", "put", "delete", "options"):
                response = getattr(Client(), method)(f"/server/{verb}/x")
                self.assertEqual((response.status_code, response["Allow"]), (405, "POST"))

    def test_bodies(self) -> None:
        allowed.update({"a": True, "\ud800": True})
        for body in (b"", b"a", b"\xff", b"{}", b'"a"', b"[]", b"[1]", b'["a",null]', b'["a"', b"[" * 200_000,
                     json.dumps(["a"] * 1001).encode()):
            with self.subTest(body[:20]):
                self.refused(self.post("/server/connect/x", body), 400)
        self.refused(self.post("/server/connect/x", ["\ud800"]), 400)
        form = "multipart/form-data; boundary=x"
        self.refused(self.post("/server/connect/x", b"--x--\r\n", content_type=form), 400)
        self.assertEqual(self.post("/server/connect/x", ["a"] * 1000).status_code, 204)

    def test_bodies_that_are_too_large(self) -> None:
        largest = json.dumps(["x" * (256 * 1024 - 4)]).encode()
        self.assertEqual(len(largest), 256 * 1024)
        self.refused(self.post("/server/connect/x", largest), 403)
        self.refused(self.post("/server/connect/x", largest + b" "), 413)
        with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
            self.refused(self.post("/server/connect/x", largest), 413)

    def test_what_rootsd_refuses(self) -> None:
        allowed["a//b"] = True
        for status, reason in ((400, "path"), (409, "too_many_paths")):
            self.fake.reply = lambda request: problem(status, reason)
            response = self.post("/server/connect/x", ["a//b"])
            self.assertEqual((response.status_code, response.content.decode()), (400, f"a {reason}"))

    def test_what_rootsd_cannot_do(self) -> None:
        allowed["a"] = True
        for status, reason in ((401, "token"), (403, "host"), (404, "unknown_id"), (503, "draining")):
            self.fake.reply = lambda request: problem(status, reason)
            with self.assertLogs("rootsd", "WARNING") as logged:
                self.assertEqual(self.post("/server/connect/x", ["a"]).status_code, 502)
            self.assertIn(reason, logged.output[0])
        roots.close()
        self.use({"ROOTSD": {"url": "http://127.0.0.1:1"}})
        with self.assertLogs("rootsd", "WARNING") as logged:
            self.assertEqual(self.post("/server/connect/x", ["a"]).status_code, 502)
        self.assertIn("is rootsd running there?", logged.output[0])


class AnnounceTest(DjangoTest):
    @classmethod
    def setUpClass(cls) -> None:
        with connection.schema_editor() as editor:
            editor.create_model(Item)

    @classmethod
    def tearDownClass(cls) -> None:
        with connection.schema_editor() as editor:
            editor.delete_model(Item)

    def setUp(self) -> None:
        super().setUp()
        self.use({"ROOTSD": {"url": "null:"}})

    def told(self) -> list[tuple[str, Any]]:
        said = [(body["path"], body["message"]) for _, body in roots.sent]
        roots.sent.clear()
        return said

    def test_saved_and_deleted(self) -> None:
        item = Item.objects.create(text="a")
        key = item.pk
        item.text = "b"
        item.save()
        item.delete()
        said = [{"text": "a"}, {"text": "b"}, {"deleted": key}]
        self.assertEqual(self.told(), [(f"items/{key}", each) for each in said])

    def test_told_once_it_is_committed(self) -> None:
        with transaction.atomic():
            item = Item.objects.create(text="a")
            self.assertEqual(self.told(), [])
        self.assertEqual(self.told(), [(f"items/{item.pk}", {"text": "a"})])

    def test_what_is_rolled_back_is_not_told(self) -> None:
        with self.assertRaises(KeyError), transaction.atomic():
            Item.objects.create(text="a")
            raise KeyError
        self.assertEqual(self.told(), [])

    def test_what_is_at_no_path_is_not_told(self) -> None:
        Item.objects.create(text="").delete()
        self.assertEqual(self.told(), [])

    def test_what_is_loaded_is_not_told(self) -> None:
        Item(text="a").save_base(raw=True)
        self.assertEqual(self.told(), [])


if __name__ == "__main__":
    unittest.main()
