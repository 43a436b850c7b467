"""One person, two teams, two tabs: each tab stays in its team and shows only its objects."""

import re

import pytest
from playwright.sync_api import expect

from contacts.services import opt_out
from tests import factories
from tests.access import ACCESS, address

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def objects_of(team, sandbox, by):
    """Give the team a template, a ready and a launched campaign, named after it."""
    factories.connect(team, sandbox)
    template = factories.make_template(team, f"{team.slug}_offer")
    make = {"count": 2, "by": by, "template": template}
    ready = factories.make_ready_campaign(team, name=f"{team.name} tomorrow", **make)
    launched = factories.make_ready_campaign(team, name=f"{team.name} today", **make)
    factories.launch(launched, by=by)
    factories.finish(launched)
    draft = factories.make_campaign(team, by=by, name=f"{team.name} some day")
    sync = factories.mirror(team, groups={"Regulars": factories.contact_page("1")})
    return {
        "grouped": factories.make_group_campaign(
            team, sync.groups.get(), way="expanded", template=template, by=by
        ),
        "template": template,
        "ready": ready,
        "launched": launched,
        "draft": draft,
        "media": factories.make_media_campaign(team, by=by, name=f"{team.name} in pictures"),
        "single": factories.make_single(team, by=by, template=template),
        "test_number": factories.make_test_number(team, by=by),
        "contact": sync.contacts.get(),
        "opt_out": opt_out(team, "+233244123456", by=by)[0],
        "conversation": factories.make_conversation(team),
    }


def test_two_tabs_stay_in_their_teams(open_page, sandbox, team, other_team, manager, outsider):
    other_team.memberships.create(user=manager, role="marketer")
    ours, theirs = (
        objects_of(team, sandbox, manager),
        objects_of(other_team, sandbox, manager),
    )
    left = open_page(manager)
    left.goto("/")
    left.get_by_role("link", name=team.name).click()
    right = left.context.new_page()
    right.goto("/")
    right.get_by_role("link", name=other_team.name).click()

    # Each tab lists its own team's objects, in any order of clicks.
    for menu, path in (("Campaigns", "campaigns/"), ("Templates", "templates/")):
        for page, mine, foreign in ((left, team, other_team), (right, other_team, team)):
            page.get_by_role("link", name=menu, exact=True).click()
            expect(page).to_have_url(re.compile(f"/t/{mine.slug}/{path}$"))
            listed = page.get_by_role("main")
            expect(listed).to_contain_text(re.compile(f"{mine.name} today|{mine.slug}_offer"))
            expect(listed).not_to_contain_text(re.compile(f"{foreign.name}|{foreign.slug}_"))
    for page, mine in ((left, ours), (right, theirs)):
        page.get_by_role("link", name="Campaigns", exact=True).click()
        page.get_by_role("link", name=mine["launched"].name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(mine["launched"].name)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download recipients").click()
        assert download.value.path().read_text(encoding="utf-8-sig").count("Accepted") == 2

    # The other team's objects are not found below this team's URL, page or download.
    for page, mine, foreign in ((left, team, theirs), (right, other_team, ours)):
        for name, url in ACCESS.items():
            if "GET" in url.methods and url.subject:
                answer = page.request.get(address(name, mine, foreign), max_retries=3)
                assert answer.status == 404, name
                assert foreign["launched"].name not in answer.text()
        page.goto(address("campaigns:campaign_detail", mine, foreign))
        expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")

    # A member of one team does not learn that the other team exists.
    stranger = open_page(outsider)
    for path in (f"/t/{team.slug}/", "/t/no-such-team/"):
        assert stranger.goto(path).status == 404
    assert team.name not in stranger.content()

    # The team switcher changes the team of the tab.
    left.goto(f"/t/{team.slug}/")
    left.locator(".team-switch summary").click()
    left.locator(".team-switch").get_by_role("link", name=other_team.name).click()
    expect(left.get_by_role("heading", level=1)).to_have_text(other_team.name)
