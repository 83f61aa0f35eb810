"""All addresses of the web server; each component brings its own list."""

from django.contrib import admin
from django.urls import include, path

from dynamo_site.health import healthz
from dynamo_site.metrics import metrics
from registry.urls import fallback

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    path("", include("dynamo_site.api")),
    path("", include("registry.urls")),
    path("", include("fileops.api")),
    path("", include("detox.api")),
    path("", include("dynamo_site.pages.urls")),
]
urlpatterns += fallback  # after all that components add above
handler400 = "registry.urls.bad_request"
handler500 = "registry.urls.server_error"
