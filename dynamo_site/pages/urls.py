"""Addresses of the pages."""

from django.urls import path

from dynamo_site.pages import compare, confirm, dealer, detox, files, front, lines, lists, sources, statistics, why

urlpatterns = [
    path("", front.front, name="front"),
    path("detox/", detox.newest, name="detox"),
    path("detox/compare/", compare.form, name="detox-compare"),
    path("detox/compare/<int:number>/", compare.answer, name="detox-comparison"),
    path("detox/lines/", lines.show, name="detox-lines"),
    path("detox/<int:number>/", detox.cycle, name="detox-cycle"),
    path("detox/<int:number>/confirm/", confirm.confirm, name="detox-confirm"),
    path("detox/<int:number>/site/<str:name>/", detox.site, name="detox-site"),
    path("detox/<int:number>/why/", why.why, name="detox-why"),
    path("detox/<int:number>/policy/", detox.policy, name="detox-policy"),
    path("dealer/", dealer.newest, name="dealer"),
    path("dealer/rules/", dealer.rules, name="dealer-rules"),
    path("dealer/<int:number>/", dealer.cycle, name="dealer-cycle"),
    path("requests/", lists.requests, name="requests"),
    path("requests/<int:number>/", lists.request_detail, name="request"),
    path("locks/", lists.locks, name="locks"),
    path("files/", files.files, name="files"),
    path("activity/", files.activity, name="activity"),
    path("consistency/", lists.checks, name="checks"),
    path("consistency/<int:number>/", lists.check_detail, name="check"),
    path("consistency/<int:number>/<str:name>/", lists.check_list, name="check-list"),
    path("runs/", lists.runs, name="runs"),
    path("runs/<int:number>/", lists.run_detail, name="run"),
    path("sources/", sources.sources, name="sources"),
    path("statistics/", statistics.show, name="statistics"),
]
