"""Addresses of the pages."""

from django.urls import path

from dynamo_site.pages import detox, front, lists, why

urlpatterns = [
    path("", front.front, name="front"),
    path("detox/", detox.newest, name="detox"),
    path("detox/<int:number>/", detox.cycle, name="detox-cycle"),
    path("detox/<int:number>/site/<str:name>/", detox.site, name="detox-site"),
    path("detox/<int:number>/why/", why.why, name="detox-why"),
    path("detox/<int:number>/policy/", detox.policy, name="detox-policy"),
    path("requests/", lists.requests, name="requests"),
    path("requests/<int:number>/", lists.request_detail, name="request"),
    path("files/", lists.files, name="files"),
    path("consistency/", lists.checks, name="checks"),
    path("consistency/<int:number>/", lists.check_detail, name="check"),
    path("consistency/<int:number>/<str:name>/", lists.check_list, name="check-list"),
]
