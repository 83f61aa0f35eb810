"""All settings of an installation, from the environment; every one has an embedded default.

Where things are is set here; what operators tune is in the database (see ``inventory.tuning``);
policies are files. docs/deployment.md lists every variable, and a test holds that list to this file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

import dj_database_url

from dynamo_site import login_settings
from dynamo_site.api_settings import REST_FRAMEWORK as REST_FRAMEWORK
from dynamo_site.api_settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from dynamo_site.logs import configure_structlog, logging_settings
from scheduler.broker import celery_broker

BASE_DIR = Path(__file__).resolve().parent.parent


def _environment_flag(name: str, default: bool) -> bool:
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "y", "on"}


def _environment_list(name: str, default: str) -> list[str]:
    return [item for item in os.environ.get(name, default).replace(",", " ").split() if item]


def _secret(name: str, file_name: str) -> str:
    """A secret from the environment, or one made at first use and kept readable by its owner only."""
    if name in os.environ:
        return os.environ[name]
    path = DYNAMO_HOME / file_name
    if not path.exists():
        # There whole or not at all: services start at the same time, and none may take a part of it for the secret.
        with tempfile.NamedTemporaryFile("w", dir=DYNAMO_HOME) as stream:
            stream.write(secrets.token_urlsafe(48))
            stream.flush()
            with contextlib.suppress(FileExistsError):
                os.link(stream.name, path)
    return path.read_text().strip()


DYNAMO_HOME = Path(os.environ.get("DYNAMO_HOME", BASE_DIR / "var")).resolve()
# For its owner only: databases, secrets and histories are below it.
DYNAMO_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)

SECRET_KEY = _secret("DYNAMO_SECRET_KEY", "secret_key")
DEBUG = _environment_flag("DYNAMO_DEBUG", False)
BEHIND_TLS = _environment_flag("DYNAMO_BEHIND_TLS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_SSL_REDIRECT = BEHIND_TLS
# Asked directly by what watches this machine; and the first Dynamo's programs poll without TLS: a redirect would have them ask
# for everything. What changes something is refused there (registry.classic.envelope).
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$", r"^(?:data|registry|phedexdata)/"]
# Other hosts of the same domain are not ours to decide for.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
ALLOWED_HOSTS = _environment_list("DYNAMO_ALLOWED_HOSTS", "localhost 127.0.0.1 [::1]")
CSRF_TRUSTED_ORIGINS = _environment_list("DYNAMO_TRUSTED_ORIGINS", "")

DATABASE_URL = os.environ.get("DATABASE_URL", f"sqlite:///{DYNAMO_HOME / 'dynamo.sqlite3'}")
# A statement that takes longer fails; waiting for a lock, half as long does. 0: no limit, for migrations of large tables.
DATABASE_SECONDS = int(os.environ.get("DYNAMO_DATABASE_SECONDS", "30"))
# The health check: after the database was away the first statement finds a new connection.
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Write-ahead log: readers never wait. IMMEDIATE: two writers queue instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
        "transaction_mode": "IMMEDIATE",
        "timeout": DATABASE_SECONDS or 3600,
    }
else:
    _lock_seconds = max(1, DATABASE_SECONDS // 2) if DATABASE_SECONDS else 3600
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        charset="utf8mb4",
        init_command=f"SET sql_mode='STRICT_TRANS_TABLES', innodb_lock_wait_timeout={_lock_seconds}, "
        "NAMES utf8mb4 COLLATE utf8mb4_bin",
        isolation_level="read committed",
        connect_timeout=min(DATABASE_SECONDS or 10, 10),
        **({"read_timeout": DATABASE_SECONDS, "write_timeout": DATABASE_SECONDS} if DATABASE_SECONDS else {}),
    )

REDIS_URL = os.environ.get("REDIS_URL", f"unix://{DYNAMO_HOME / 'redis.sock'}")

# Inventory: where snapshots are mapped from, where checkpoints and history are kept, where the server listens.
INVENTORY_IMAGE_DIR = Path(os.environ.get("INVENTORY_IMAGE_DIR", DYNAMO_HOME / "image"))
INVENTORY_CHECKPOINT_DIR = Path(os.environ.get("INVENTORY_CHECKPOINT_DIR", DYNAMO_HOME / "checkpoint"))
INVENTORY_URL = os.environ.get("INVENTORY_URL", "grpc://127.0.0.1:39626")
INVENTORY_TOKEN = _secret("INVENTORY_TOKEN", "inventory_token")
HISTORY_DIR = Path(os.environ.get("DYNAMO_HISTORY_DIR", DYNAMO_HOME / "history"))
INVENTORY_HISTORY_DIR = Path(os.environ.get("INVENTORY_HISTORY_DIR", HISTORY_DIR / "inventory"))
POLICY_DIR = Path(os.environ.get("DYNAMO_POLICY_DIR", DYNAMO_HOME / "policies"))
# Attribute sources: files are read below this directory only, addresses at these hosts only.
SOURCE_DIR = Path(os.environ.get("DYNAMO_SOURCE_DIR", DYNAMO_HOME / "sources"))
SOURCE_HOSTS = _environment_list("DYNAMO_SOURCE_HOSTS", "")

# What tells people and their programs: approval of requests, locks that expire.
EMAIL_HOST = os.environ.get("DYNAMO_EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("DYNAMO_EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("DYNAMO_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("DYNAMO_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = _environment_flag("DYNAMO_EMAIL_TLS", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("DYNAMO_EMAIL_FROM", "dynamo@localhost")
# Private networks that hosts of webhooks, sources and token issuers may be in by their names.
PRIVATE_NETWORKS = _environment_list("DYNAMO_PRIVATE_NETWORKS", "")
WEBHOOK_HOSTS = _environment_list("DYNAMO_WEBHOOK_HOSTS", "")
WEBHOOK_SECRET = _secret("DYNAMO_WEBHOOK_SECRET", "webhook_secret")
# What a request would do is known to Dealer and to the file operations, which the registry does not know.
REGISTRY_COPY_PREVIEW = "dealer.preview.copies"
REGISTRY_DELETION_PREVIEW = "fileops.preview.deletions"

# Users' programs: uploads and logs (shared by web and workers), where registered ones may be, where they run, and whether
# they run although this machine cannot shut them in, and what is hidden from them besides Dynamo's own directories. Variables
# that sequences may use as $(NAME).
APPLICATION_DIR = Path(os.environ.get("DYNAMO_APPLICATION_DIR", DYNAMO_HOME / "applications"))
APPLICATION_PROGRAM_DIRS = _environment_list("DYNAMO_APPLICATION_PROGRAM_DIRS", "") or [str(DYNAMO_HOME / "programs")]
APPLICATION_WORK_DIR = os.environ.get("DYNAMO_APPLICATION_WORK_DIR", "")
APPLICATION_UNCONFINED = _environment_flag("DYNAMO_APPLICATION_UNCONFINED", False)
APPLICATION_HIDDEN = _environment_list("DYNAMO_APPLICATION_HIDDEN", "/etc/dynamo")
APPLICATION_SERVER = os.environ.get("DYNAMO_APPLICATION_SERVER", "http://127.0.0.1:8000")
SEQUENCE_VARIABLES = _environment_list("DYNAMO_SEQUENCE_VARIABLES", "")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_htmx",
    "inventory",
    "scheduler",
    "registry",
    "fileops",
    "detox",
    "dealer",
    "consistency",
    "dynamo_site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "dynamo_site.headers.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "registry.middleware.AccessMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dynamo_site.unavailable.UnavailableMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "dynamo_site.urls"
WSGI_APPLICATION = "dynamo_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "dynamo_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dynamo_site.pages.shell.menu",
            ]
        },
    }
]

AUTHENTICATION_BACKENDS = ["registry.backends.RoleBackend", "django.contrib.auth.backends.ModelBackend"]
# For all web processes: which codes of second factors were used already, and how often who tried.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "registry_sharedentry"},
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# A provider (OpenID Connect) that people can log in at.
OIDC_ISSUER = os.environ.get("DYNAMO_OIDC_ISSUER", "")
OIDC_CLIENT_ID = os.environ.get("DYNAMO_OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = os.environ.get("DYNAMO_OIDC_CLIENT_SECRET", "")
OIDC_NAME = os.environ.get("DYNAMO_OIDC_NAME", "your institute")
# By a provider, and with a second factor, where the extra `login` is installed.
login_settings.extend(globals())
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DYNAMO_HOME / "static"
STATIC_ROOT.mkdir(exist_ok=True)
# Style sheets are served from where they are installed; `collectstatic` is for a web server in front.
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "/login/"
# The web server in front: what it says of client certificates and addresses is believed, from these networks ("unix": by socket).
PROXY_ADDRESSES = _environment_list("DYNAMO_PROXY_ADDRESSES", "")
PROXY_SECRET = os.environ.get("DYNAMO_PROXY_SECRET", "")
# Tokens (JWT) of other institutions: issuers, what they call this server, and where keys may be besides the issuers' own hosts.
TOKEN_ISSUERS = _environment_list("DYNAMO_TOKEN_ISSUERS", "")
TOKEN_AUDIENCES = _environment_list("DYNAMO_TOKEN_AUDIENCES", "")
TOKEN_KEY_HOSTS = _environment_list("DYNAMO_TOKEN_KEY_HOSTS", "")
# Reading is for everybody, or only for those who are known.
PUBLIC_READING = _environment_flag("DYNAMO_PUBLIC_READING", True)
LOGIN_REDIRECT_URL = "/"
DATA_UPLOAD_MAX_MEMORY_SIZE = int(os.environ.get("DYNAMO_MAX_UPLOAD_BYTES", 64 * 1024 * 1024))

# Tasks: Redis carries them; results are in the database, as runs and jobs. docs/decisions says why threads.
CELERY_BROKER_URL, _transport = celery_broker(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **_transport,
    # What a killed worker had received comes again after this; a job that goes on is not started a second time.
    "visibility_timeout": int(os.environ.get("DYNAMO_TASK_REDELIVERY_SECONDS", "600")),
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "dynamo"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = int(os.environ.get("DYNAMO_WORKER_CONCURRENCY", "12"))
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = TIME_ZONE
# Modules with an installation's own tasks.
CELERY_IMPORTS = _environment_list("DYNAMO_TASK_MODULES", "")

configure_structlog()
LOGGING = logging_settings(os.environ.get("DYNAMO_LOG_FORMAT", "auto"), os.environ.get("DYNAMO_LOG_LEVEL", "INFO"))

# /metrics: who may read it, by address or by a bearer token; /healthz: how much free disk is enough.
METRICS_NETWORKS = _environment_list("DYNAMO_METRICS_NETWORKS", "127.0.0.0/8 ::1/128")
METRICS_TOKEN = os.environ.get("DYNAMO_METRICS_TOKEN", "")
HEALTH_MIN_FREE_BYTES = int(os.environ.get("DYNAMO_MIN_FREE_BYTES", 1024**3))

# Overview: what many browsers ask for again and again is made once in so many seconds; occupancy of sites takes at most a twentieth of the time.
OVERVIEW_SECONDS = 5.0

# Administration pages: title, menu and the label of the environment (DYNAMO_ENVIRONMENT).
ENVIRONMENT_NAME = os.environ.get("DYNAMO_ENVIRONMENT", "")
UNFOLD = {
    "SITE_TITLE": "Dynamo administration",
    "SITE_HEADER": "Dynamo",
    "SITE_SUBHEADER": "administration",
    "SITE_URL": "/",
    "SITE_SYMBOL": "database",
    "SHOW_VIEW_ON_SITE": True,
    "ENVIRONMENT": "dynamo_site.menu.environment",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "dynamo_site.menu.icon"}],
    "STYLES": ["dynamo_site.menu.style"],
    "COLORS": {
        "primary": {
            "50": "239 246 255",
            "100": "219 234 254",
            "200": "191 219 254",
            "300": "147 197 253",
            "400": "96 165 250",
            "500": "59 130 246",
            "600": "27 95 193",
            "700": "29 78 216",
            "800": "30 64 175",
            "900": "30 58 138",
            "950": "23 37 84",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "dynamo_site.menu.navigation",
    },
}

# Detox asks Dealer's enforcer, its neighbour, which replicas rules hold (see dynamo_site.wiring).
DETOX_ENFORCER_PROTECTED = "dynamo_site.wiring.enforcer_protected"
# `policy check` asks it about rule files (JSON).
POLICY_RULE_MISTAKES = "dynamo_site.wiring.rule_mistakes"
# Commands that change the inventory take their turn from the scheduler, which the inventory does not know.
INVENTORY_TURN = "dynamo_site.wiring.inventory_turn"
# The scheduler asks the registry who may run programs that do more than read, and has it tell of failed steps.
APPLICATION_RIGHT = "dynamo_site.wiring.may_run_programs"
SEQUENCE_NOTIFY = "dynamo_site.wiring.sequence_failed"
