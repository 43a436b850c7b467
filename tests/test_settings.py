"""Every setting is documented twice, and a malformed one stops the start."""

import re
import subprocess
import sys

import pytest

from tests.processes import ROOT

SETTINGS = (ROOT / "chumi_admin" / "settings.py").read_text()
NAMES = set(re.findall(r'env(?:\.\w+|_bool)\(\s*"(\w+)"', SETTINGS)) | {"DATABASE_URL"}


def test_the_readme_names_every_setting():
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.M))
    assert table == NAMES


def test_the_example_names_every_setting():
    example = set(re.findall(r"^#?\s?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert example == NAMES


def start_with(settings, **variables):
    """Import the settings in a process of their own; return its exit code and error output."""
    start = subprocess.run(
        [sys.executable, "-c", "import chumi_admin.settings"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            "SECRET_KEY": "x",
            "ENCRYPTION_KEYS": "y",
            "DATA_DIR": str(settings.DATA_DIR),
            **variables,
        },
    )
    return start.returncode, start.stderr


@pytest.mark.parametrize(
    ("urls", "valid"),
    [
        ("http://127.0.0.1:8001/__sandbox__/media/,https://files.inner/", True),
        ("http://127.0.0.1:8001/media", False),
        ("http://ama@127.0.0.1:8001/", False),
        ("http://127.0.0.1:8001/a/../", False),
    ],
)
def test_test_addresses_are_complete_and_end_in_a_slash(urls, valid, settings):
    code, error = start_with(settings, MEDIA_TEST_URLS=urls)
    assert (code == 0) == valid
    assert valid or "MEDIA_TEST_URLS has" in error


@pytest.mark.parametrize(("language", "valid"), [("en", True), ("en_GB", False), ("", False)])
def test_an_unknown_language_stops_the_start(language, valid, settings):
    code, error = start_with(settings, LANGUAGE_CODE=language)
    assert (code == 0) == valid
    assert valid or "LANGUAGE_CODE must be one of en" in error


@pytest.mark.parametrize(("hours", "valid"), [("0.5", True), ("0", False), ("9000", False)])
def test_a_session_ends_at_some_time(hours, valid, settings):
    code, error = start_with(settings, SESSION_IDLE_HOURS=hours)
    assert (code == 0) == valid
    assert valid or "SESSION_IDLE_HOURS must be between" in error


@pytest.mark.parametrize(("debug", "valid"), [("true", True), ("false", False)])
def test_links_in_emails_can_not_name_any_host(debug, valid, settings):
    code, error = start_with(settings, ALLOWED_HOSTS="*", DEBUG=debug)
    assert (code == 0) == valid
    assert valid or "ALLOWED_HOSTS must name the hosts" in error
