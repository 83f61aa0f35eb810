"""An address without a word on who may use it."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secret")


urlpatterns = [path("open/", view, name="open")]
