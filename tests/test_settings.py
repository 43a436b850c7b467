"""Every setting is in the README's table and in .env.example, and none is there in vain."""

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


@pytest.mark.parametrize(
    ("urls", "fits"),
    [
        ("http://127.0.0.1:8001/__sandbox__/media/,https://files.inner/", True),
        ("http://127.0.0.1:8001/media", False),
        ("http://ama@127.0.0.1:8001/", False),
        ("http://127.0.0.1:8001/a/../", False),
    ],
)
def test_test_addresses_are_whole_and_end_in_a_slash(urls, fits, settings):
    start = subprocess.run(
        [sys.executable, "-c", "import chumi_admin.settings"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            "SECRET_KEY": "x",
            "ENCRYPTION_KEYS": "y",
            "DATA_DIR": str(settings.DATA_DIR),
            "MEDIA_TEST_URLS": urls,
        },
    )
    assert (start.returncode == 0) == fits
    assert fits or "MEDIA_TEST_URLS holds" in start.stderr
