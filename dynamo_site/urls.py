"""All addresses of the web server; each component brings its own list."""

from django.contrib import admin
from django.urls import include, path

from dynamo_site.health import healthz
from dynamo_site.metrics import metrics
from dynamo_site.pages import old_addresses
from registry.access import ANYONE, PUBLIC, STAFF, Access, declared
from registry.identity.login import to_login
from registry.urls import fallback

urlpatterns = [
    *declared(Access(ANYONE), [path("admin/login/", to_login, name="admin-login")]),
    *declared(Access(STAFF, STAFF, note="as Django's permissions say"), [path("admin/", admin.site.urls)]),
    *declared(Access(ANYONE, note="details only by address or token"), [path("healthz", healthz, name="healthz")]),
    *declared(Access(ANYONE, note="by address or token"), [path("metrics", metrics, name="metrics")]),
    path("", include("dynamo_site.api")),
    path("", include("registry.urls")),
    path("", include("fileops.api")),
    path("", include("detox.api")),
    path("", include("dynamo_site.pages.urls")),
    *declared(Access(PUBLIC, note="leads to the page that is there instead"), old_addresses.urlpatterns),
]
urlpatterns += fallback  # after all that components add above
handler400 = "registry.urls.bad_request"
handler500 = "registry.urls.server_error"
