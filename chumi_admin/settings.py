"""Every setting of the product, read once from the environment.

A setting that is missing or malformed stops the start, and the error names it. `.env.example`
lists them all with their defaults.
"""

import os
import re
import sys
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def env_bool(name, default):
    """Read a boolean strictly: a typo must not silently mean False."""
    text = env.str(name, str(default)).strip().lower()
    if text in {"true", "yes", "on", "1"}:
        return True
    if text in {"false", "no", "off", "0"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")


# The machine
DEBUG = env_bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY")
# The first secret encrypts the API keys; all of them decrypt, so that secrets can be rotated.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS")
if not ENCRYPTION_KEYS:
    raise ImproperlyConfigured("ENCRYPTION_KEYS must hold at least one secret.")
DATA_DIR = (BASE_DIR / env.str("DATA_DIR", "var")).resolve()
# What we write holds people, so it is for our own user only; but these commands write files of
# the product itself, which the user of the server has to read.
if not {"collectstatic", "compilemessages", "makemigrations"} & set(sys.argv[1:2]):
    os.umask(0o077)
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
if "*" in ALLOWED_HOSTS and not DEBUG:
    # The links in emails name the host of the request.
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts of the site, not *.")
# Off only where people open the pages over plain HTTP, such as on a laptop.
HTTPS = env_bool("HTTPS", not DEBUG)
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)

# ChumiAI
# The only addresses to which the server sends a key. The first one is the default.
CHUMIAI_BASE_URLS = [
    url.rstrip("/") for url in env.list("CHUMIAI_BASE_URLS", default=["https://api.chumiai.app"])
]
# Base URLs of sandboxes: nothing reaches WhatsApp. Their teams see a permanent banner.
CHUMIAI_SANDBOX_URLS = [url.rstrip("/") for url in env.list("CHUMIAI_SANDBOX_URLS", default=[])]
CHUMIAI_READ_SECONDS = env.float("CHUMIAI_READ_SECONDS", 30)
CHUMIAI_SEND_SECONDS = env.float("CHUMIAI_SEND_SECONDS", 60)
# The most that one list may take, over all its pages.
CHUMIAI_LIST_SECONDS = env.float("CHUMIAI_LIST_SECONDS", 300)
CHUMIAI_LIST_BYTES = env.int("CHUMIAI_LIST_BYTES", 64 * 1024 * 1024)
# Path of the history with a number; the documentation of ChumiAI names none.
CHUMIAI_CONVERSATION_PATH = env.str(
    "CHUMIAI_CONVERSATION_PATH", "/api/v1/whatsapp/conversations/{phone}"
)
if not re.fullmatch(r"/[\w./~-]*\{phone\}[\w./~-]*", CHUMIAI_CONVERSATION_PATH, re.ASCII):
    raise ImproperlyConfigured(
        "CHUMIAI_CONVERSATION_PATH must be a path with a place for {phone}, like "
        "/api/v1/whatsapp/conversations/{phone}."
    )

# Sending
# The kill switch: if off, no worker sends anything, in any state of a campaign.
SENDING_ENABLED = env_bool("SENDING_ENABLED", True)
# How long we look for the job of an unconfirmed batch before a person decides.
RECONCILE_SECONDS = env.float("RECONCILE_SECONDS", 600)

# Files
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", 20 * 1024 * 1024)
MAX_ROWS = env.int("MAX_ROWS", 10_000)
CHECK_SECONDS = env.float("CHECK_SECONDS", 90)

# Media above a message
# Prefixes of links that may lead to internal addresses, also over HTTP: for sandboxes and tests.
MEDIA_TEST_URLS = env.list("MEDIA_TEST_URLS", default=[])
for _url in MEDIA_TEST_URLS:
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?/([\w~-][\w.~-]*/)*", _url, re.ASCII):
        raise ImproperlyConfigured(
            f"MEDIA_TEST_URLS has {_url!r}, which is not an address that ends in a slash."
        )

# Webhooks
# How long processed webhooks are kept, encrypted.
WEBHOOK_KEEP_DAYS = env.int("WEBHOOK_KEEP_DAYS", 30)
MAX_WEBHOOK_BYTES = env.int("MAX_WEBHOOK_BYTES", 3 * 1024 * 1024)

# Tasks
# Store of the wake-ups: a file by default, redis://… or postgresql://… for several machines.
TASKS_STORE = env.str("TASKS_STORE", f"sqlite://{DATA_DIR / 'tasks.sqlite3'}")
if not re.match("(sqlite|rediss?|postgres(ql)?|memory)://", TASKS_STORE):
    raise ImproperlyConfigured("TASKS_STORE must begin with sqlite://, redis:// or postgresql://.")
TASK_LEASE_SECONDS = env.float("TASK_LEASE_SECONDS", 30)
# How many tasks a worker runs at a time: those that call ChumiAI, and those of each other queue.
WORKER_THREADS = env.int("WORKER_THREADS", 4)
WORKER_OWN_THREADS = env.int("WORKER_OWN_THREADS", 2)
if min(WORKER_THREADS, WORKER_OWN_THREADS) < 1:
    raise ImproperlyConfigured("WORKER_THREADS and WORKER_OWN_THREADS must be at least 1.")
TASK_HANDLERS = {
    "sync_templates": "message_templates.tasks.sync_templates",
    "sync_contacts": "contacts.tasks.sync_contacts",
    "check_campaign": "campaigns.tasks.check_campaign",
    "check_media": "campaigns.tasks.check_media",
    "send_batches": "sending.tasks.send_batches",
    "sync_jobs": "sending.tasks.sync_jobs",
    "poll_jobs": "sending.tasks.poll_jobs",
    "sync_conversation": "conversations.tasks.sync_conversation",
    "process_webhooks": "webhooks.tasks.process_webhooks",
    "purge_webhooks": "webhooks.tasks.purge_webhooks",
}
# Each queue has threads of its own. What is not named here calls ChumiAI, and may wait for it for
# minutes: opt-outs and checks must never wait behind that, nor behind a link that hangs.
TASK_QUEUES = {
    "webhooks": ["process_webhooks"],
    "checks": ["check_campaign", "purge_webhooks"],
    "links": ["check_media"],
}
# Which team a task works for, where its key is not the team's.
TASK_TEAMS = {
    "check_campaign": "campaigns.tasks.team_of",
    "check_media": "campaigns.tasks.team_of",
    "sync_conversation": "conversations.tasks.team_of",
}

INSTALLED_APPS = [
    "core",
    "teams",
    "tasks",
    "message_templates",
    "contacts",
    "campaigns",
    "sending",
    "conversations",
    "webhooks",
    "reports",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "template_partials",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "core.middleware.DiskErrors",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "core.middleware.no_store",
    "core.middleware.session_ended_for_htmx",
    "core.middleware.end_idle_session",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "teams.middleware.TeamMiddleware",
]

ROOT_URLCONF = "chumi_admin.urls"
WSGI_APPLICATION = "chumi_admin.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # Every page has words, so no template has to load the tags that translate them.
            "builtins": ["django.templatetags.i18n"],
        },
    },
]

DATABASES = {"default": env.db("DATABASE_URL", f"sqlite:///{DATA_DIR / 'chumi.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", 60)
if "sqlite" in DATABASES["default"]["ENGINE"]:
    # A claim must be on the disk before its request leaves: WAL with synchronous=FULL.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # A worker that is frozen or cut off inside a claim must not hold up all others.
    DATABASES["default"]["OPTIONS"] = {
        "options": "-c synchronous_commit=on -c idle_in_transaction_session_timeout=120s"
    }
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

CACHES = {
    # In the database, so that all processes share the count of failed logins.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
    }
}

# Login
AUTH_USER_MODEL = "teams.User"
# Not that of allauth, which lets in by further addresses, too.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "teams.adapter.AccountAdapter"
ACCOUNT_FORMS = {"reset_password": "teams.account_forms.ResetForm"}
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "teams.tokens.ResetTokens"
# Without an account there is nothing to reset, and no sign-up to link to.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
# How long a session lasts after its last use. A page that only polls is not in use.
SESSION_IDLE_HOURS = env.float("SESSION_IDLE_HOURS", 12)
if not 0.01 <= SESSION_IDLE_HOURS <= 24 * 365:
    raise ImproperlyConfigured("SESSION_IDLE_HOURS must be between 0.01 and 8760.")
SESSION_COOKIE_AGE = round(SESSION_IDLE_HOURS * 60 * 60)
MFA_TOTP_ISSUER = "Chumi Admin"
# How long the link to a new password works, in seconds; its email says so.
PASSWORD_RESET_TIMEOUT = 3 * 24 * 60 * 60
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

# Email, for forgotten passwords
vars().update(env.email("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Chumi Admin <no-reply@localhost>")

# Browser
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "chumi_session"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # Bootstrap draws its ticks and arrows as data: images.
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# Files
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
        # Everyone may see these; the permissions below are those of uploads.
        "OPTIONS": {"file_permissions_mode": 0o644, "directory_permissions_mode": 0o755},
    },
}
# Uploads are never served by URL: every download passes a view that asks for the team.
MEDIA_ROOT = DATA_DIR / "files"
# Says how far the database has come, so that an earlier copy of it sends nothing.
CONTINUITY_FILE = DATA_DIR / "continuity.json"
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# Language and time
# A language needs a row here and locale/<code>/LC_MESSAGES/django.po.
LANGUAGES = [("en", "English")]
LANGUAGE_CODE = env.str("LANGUAGE_CODE", "en")
if LANGUAGE_CODE not in dict(LANGUAGES):
    raise ImproperlyConfigured(
        f"LANGUAGE_CODE must be one of {', '.join(dict(LANGUAGES))}, not {LANGUAGE_CODE!r}."
    )
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = env.str("TIME_ZONE", "Africa/Accra")
USE_TZ = True

LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "core.logs.json_formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": [], "propagate": False},
        # Names the address of a request that it can't answer.
        "gunicorn.error": {"handlers": ["stderr"], "propagate": False},
        "urllib3": {"level": "WARNING"},
    },
}
