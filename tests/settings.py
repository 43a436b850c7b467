"""Settings of the tests: those of the product, with secrets and folders of this run."""

import os
import sys
import tempfile

os.environ.setdefault("SECRET_KEY", "protects-nothing-" * 4)
os.environ.setdefault("ENCRYPTION_KEYS", "tests-only")
os.environ.setdefault("HTTPS", "false")
# A worker of xdist inherits the environment, but needs its own folder.
if "DATA_DIR" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    OWN_FOLDER = os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="chumi-tests-")
os.environ.setdefault("TASKS_STORE", "memory://")
os.environ.setdefault("LOG_LEVEL", "ERROR")

from chumi_admin.settings import *  # noqa: E402, F403
from chumi_admin.settings import BASE_DIR, DATA_DIR, DATABASES, TEMPLATES  # noqa: E402

# A file, so that processes of the stack share the database with the test.
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# A folder of `script/messages --pseudo`: the product speaks the pseudo-locale.
if pseudo_locale := os.environ.get("PSEUDO_LOCALE"):
    LANGUAGES, LANGUAGE_CODE, LOCALE_PATHS = [("en-xa", "Pseudo")], "en-xa", [pseudo_locale]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Static files are not collected: they are served from their folders.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True


class FailOnUnknown(str):
    """Make an unknown variable in our templates an error; those of Django rely on silence."""

    def __contains__(self, text):
        return text == "%s" or super().__contains__(text)

    def __mod__(self, variable):
        context = sys._getframe(1).f_locals.get("context")
        origin = str(getattr(context.template, "origin", "")) if context else ""
        if origin.startswith(str(BASE_DIR / "templates")):
            raise AssertionError(f"unknown template variable {variable} in {origin}")
        return ""


TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = FailOnUnknown("")
