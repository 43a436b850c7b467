"""Every kind of audience answers what the pages and the launch ask."""

import re

import pytest
from django.conf import settings
from django.template.loader import get_template

from campaigns.audiences import KINDS, Audience, audience_of
from campaigns.models import Campaign, GroupChoice

PAGES = settings.BASE_DIR / "templates"
USED = re.compile(r"audience\.texts\|add:[\"']#(\w+)[\"']")
# Only the values page of an audience without columns shows it.
WITHOUT_COLUMNS = {"values_note"}


def test_the_table_has_every_kind_and_way():
    kinds = {(kind.value, "") for kind in Campaign.Audience}
    ways = {(Campaign.Audience.GROUP.value, way.value) for way in GroupChoice.Way}
    assert set(KINDS) == kinds | ways


@pytest.mark.parametrize("kind", sorted(set(KINDS.values()), key=lambda kind: kind.__name__))
def test_a_kind_says_how_it_is_prepared(kind):
    assert issubclass(kind, Audience)
    assert {kind.source_step, kind.values_step, "media", "review"} <= set(kind.steps)
    assert list(kind.steps)[0] == "template" and list(kind.steps)[-1] == "review"
    assert str(kind.draft_name) and str(kind.row_title)


def test_the_pages_find_every_text():
    used = {name for page in PAGES.rglob("*.html") for name in USED.findall(page.read_text())}
    assert used > WITHOUT_COLUMNS
    for kind in {kind for kind in KINDS.values() if kind.texts}:
        has_columns = kind.columns_to_choose is not Audience.columns_to_choose
        for name in used - (WITHOUT_COLUMNS if has_columns else set()):
            assert get_template(f"{kind.texts}#{name}")


def test_a_group_is_what_its_way_says():
    campaign = Campaign(audience=Campaign.Audience.GROUP)
    for way in GroupChoice.Way:
        campaign.group = GroupChoice(campaign=campaign, way=way)
        assert type(audience_of(campaign)) is KINDS[Campaign.Audience.GROUP, way]
    campaign.audience = Campaign.Audience.FILE
    assert type(audience_of(campaign)) is KINDS[Campaign.Audience.FILE, ""]
