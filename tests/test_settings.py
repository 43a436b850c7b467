"""Every setting is in the README's table and in .env.example, and none is there in vain."""

import re

from tests.processes import ROOT

SETTINGS = (ROOT / "chumi_admin" / "settings.py").read_text()
NAMES = set(re.findall(r'env(?:\.\w+|_bool)\(\s*"(\w+)"', SETTINGS)) | {"DATABASE_URL"}


def test_the_readme_names_every_setting():
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.M))
    assert table == NAMES


def test_the_example_names_every_setting():
    example = set(re.findall(r"^#?\s?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert example == NAMES
