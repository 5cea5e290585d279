from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from rootsd.django import endpoints
from todo import views

urlpatterns = [
    path("login", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("", views.lists, name="lists"),
    path("lists/", include([
        path("<int:number>", views.page, name="page"),
        path("<int:number>/items", views.items),
    ])),
    path("items/<int:number>", views.item),
    path("server/", include(endpoints(views.may_hear))),
]
