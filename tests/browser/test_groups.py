"""Send to a ChumiAI group in a browser: both ways, blocked and paused."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from campaigns.models import Campaign
from contacts.services import opt_out
from tests.browser.conftest import PHONE
from tests.browser.test_exclusions import ready
from tests.factories import (
    account_of,
    connect,
    finish,
    launch,
    make_group,
    make_group_campaign,
    make_template,
    members,
)
from tests.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack]


@pytest.fixture
def crowd():
    """Forty members: the last is the first one again, and one has no town."""
    found = members(40)
    found[39] = {**found[0], "name": "Zoe Double"}
    found[20] |= {"fields": {}}
    return found


@pytest.fixture
def page(open_page, sandbox, team, marketer):
    connect(team, sandbox)
    make_template(team)
    return open_page(marketer)


def shoot(page, name):
    """Take screenshots of the page, wide and narrow, light and dark, if SCREENSHOTS is set."""
    if folder := os.environ.get("SCREENSHOTS"):
        wide = page.viewport_size
        for size, width in (("wide", wide), ("phone", PHONE)):
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size(width)
                page.screenshot(path=Path(folder) / f"{name}-{size}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(wide)


def sent(sandbox, team):
    return [(line["to"], line["values"]) for line in sandbox.ledger(account_of(team))]


def choose_group(page, team):
    """Go from the list of groups to the group step of a new campaign."""
    page.goto(f"/t/{team.slug}/contacts/groups/")
    shoot(page, "groups")
    page.get_by_role("link", name="Send to this group").click()
    expect(page.get_by_text("It goes to the group Regulars")).to_be_visible()
    page.get_by_role("button", name="Use this template welcome_message").click()
    expect(page.get_by_role("heading", name="Regulars")).to_be_visible()


def go_to_review(page):
    page.get_by_role("link", name="Continue to the preview").click()
    shoot(page, "preview")
    page.get_by_role("link", name="Continue to the review").click()


def test_check_every_member(page, sandbox, team, crowd):
    group = make_group(team, sandbox, crowd)
    gone = crowd[10]["phone"]
    opt_out(team, f"+{gone}")
    choose_group(page, team)

    # One member opted out: the page doesn't let ChumiAI send.
    through = page.get_by_role("radio", name="Let ChumiAI send")
    expect(through).to_be_disabled()
    expect(page.get_by_text("1 member of this group opted out")).to_be_visible()
    expect(page.get_by_role("radio", name="Check every member")).to_be_checked()
    shoot(page, "group-refused")
    page.get_by_role("button", name="Continue to the values").click()

    # The values: the name is suggested, the town is chosen.
    expect(page.get_by_label("{{1}} comes from")).to_have_value("field:name")
    page.get_by_label("{{2}} comes from").select_option(label="Town")
    page.locator(".value-row").nth(1).get_by_label("If empty, use").fill("Accra")
    expect(page.locator("#sample-2")).to_contain_text("Town")
    shoot(page, "values")
    page.get_by_role("button", name="Check the group").click()
    expect(page.get_by_role("heading", name="38 people will get this message")).to_be_visible()
    expect(page.locator("#tile-duplicate .stat-value")).to_have_text("1")
    expect(page.locator("#tile-opted_out .stat-value")).to_have_text("1")
    shoot(page, "check")
    go_to_review(page)
    expect(page.get_by_text("2 members are skipped: 1 duplicate, 1 opted out.")).to_be_visible()
    shoot(page, "review")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 38 messages now").click()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    shoot(page, "finished")
    towns = {m["phone"]: m["fields"].get("Town", "Accra") for m in crowd[:39]}
    wanted = [
        (phone, [crowd[n]["name"], towns[phone]]) for n, phone in enumerate(towns) if phone != gone
    ]
    assert sorted(sent(sandbox, team)) == sorted(wanted)
    assert group.size == 40


def test_let_chumiai_send_to_a_group_that_changed(page, sandbox, team):
    crowd = members(40)
    make_group(team, sandbox, crowd)
    choose_group(page, team)
    page.get_by_role("radio", name="Let ChumiAI send").check()
    shoot(page, "group-ways")
    page.get_by_role("button", name="Continue to the values").click()
    page.get_by_label("Text for {{1}}").fill("dear friend")
    page.get_by_label("Text for {{2}}").fill("MF-24")
    expect(page.locator("#values-preview")).to_contain_text("dear friend")
    shoot(page, "values-through")
    page.get_by_role("button", name="Check the group").click()
    expect(page.get_by_role("heading", name="40 people will get this message")).to_be_visible()
    shoot(page, "check-through")
    go_to_review(page)
    shoot(page, "review-through")

    # The group grows before the launch: nothing is sent until a person resumes.
    more = members(50)
    sandbox.post("groups", account=account_of(team), name="Regulars", members=more)
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 40 messages now").click()
    held = page.locator("#campaign-notices")
    expect(held).to_contain_text("The group changed since it was checked.")
    expect(held).to_contain_text("had 40 people when you last saw it and has 50 people now")
    shoot(page, "held")
    assert sent(sandbox, team) == []
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    shoot(page, "finished-through")
    assert sent(sandbox, team) == [(m["phone"], ["dear friend", "MF-24"]) for m in more]
    assert {line["via"] for line in sandbox.ledger(account_of(team))} == {"group"}
    assert Campaign.objects.get().recipient_count == 50


def test_an_opt_out_after_the_check_blocks_the_launch(page, sandbox, team):
    crowd = members(40)
    make_group(team, sandbox, crowd)
    choose_group(page, team)
    page.get_by_role("radio", name="Let ChumiAI send").check()
    page.get_by_role("button", name="Continue to the values").click()
    page.get_by_label("Text for {{1}}").fill("dear friend")
    page.get_by_label("Text for {{2}}").fill("MF-24")
    page.get_by_role("button", name="Check the group").click()
    go_to_review(page)
    expect(page.get_by_role("button", name="Send 40 messages now")).to_be_visible()
    opt_out(team, f"+{crowd[3]['phone']}")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 40 messages now").click()
    refused = page.get_by_role("alert").filter(has_text="1 member of this group opted out")
    expect(refused).to_contain_text("Nothing was sent.")
    shoot(page, "review-refused")
    assert sent(sandbox, team) == []


def rows_of(people):
    return [["Phone", "Name", "Code"], *([m["phone"], m["name"], "MF-24"] for m in people)]


def test_a_group_without_the_people_of_an_earlier_campaign(page, sandbox, team, marketer):
    crowd = members(10)
    make_group(team, sandbox, crowd)
    finish(launch(ready(team, rows=rows_of(crowd[:4]), by=marketer, name="spring_sale")))
    before = len(sent(sandbox, team))
    choose_group(page, team)
    page.get_by_role("button", name="Continue to the values").click()
    page.get_by_label("{{2}} comes from").select_option(label="Town")
    page.get_by_role("button", name="Check the group").click()
    expect(page.get_by_role("heading", name="10 people will get this message")).to_be_visible()
    page.get_by_label("Skip people from an earlier campaign").select_option(
        label="spring_sale, today"
    )
    page.get_by_role("button", name="Apply and check again").click()
    expect(page.get_by_role("heading", name="6 people will get this message")).to_be_visible()
    expect(page.locator("#tile-excluded .stat-value")).to_have_text("4")
    go_to_review(page)
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 6 messages now").click()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    later = sent(sandbox, team)[before:]
    assert sorted(phone for phone, _ in later) == sorted(m["phone"] for m in crowd[4:])


def test_an_opt_out_added_by_hand_is_skipped_in_every_mode(page, sandbox, team, marketer):
    """The opt-out is added after all checks, before the launches."""
    crowd = members(5)
    gone = crowd[2]["phone"]
    group = make_group(team, sandbox, crowd)
    waiting = {
        "One by one": ready(team, rows=rows_of(crowd), by=marketer, name="Singly"),
        "Fast (batches)": ready(team, rows=rows_of(crowd), by=marketer, name="Batches"),
    }
    by_group = {
        way: make_group_campaign(team, group, way=way, by=marketer)
        for way in ("expanded", "endpoint")
    }
    for made in by_group.values():
        wait_until(
            lambda pk=made.pk: Campaign.objects.get(pk=pk).status == "ready", what="the check"
        )

    page.goto(f"/t/{team.slug}/opt-outs/")
    page.get_by_label("Phone number").first.fill(f"+{gone}")
    page.get_by_role("button", name="Add to the list").click()
    expect(page.get_by_role("main")).to_contain_text("Added by hand")

    def press_send(campaign, engine=""):
        page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/review/")
        if engine:
            page.get_by_role("radio", name=engine).check()
        page.get_by_label("agreed to hear from").check()
        page.get_by_role("button", name="Send 5 messages now").click()
        expect(page.locator(".progress-head")).to_contain_text("Finished")

    for engine, campaign in waiting.items():
        press_send(campaign, engine)
    press_send(by_group["expanded"])
    page.goto(f"/t/{team.slug}/campaigns/{by_group['endpoint'].uuid}/review/")
    expect(page.get_by_text("1 member of this group opted out").first).to_be_visible()
    expect(page.get_by_role("button", name="Send 5 messages now")).to_have_count(0)

    page.goto(f"/t/{team.slug}/campaigns/message/new/")
    page.get_by_role("button", name="Use this template welcome_message").click()
    page.get_by_label("Phone number").fill(f"+{gone}")
    page.get_by_label("Text for {{1}}").fill("Ama")
    page.get_by_label("Text for {{2}}").fill("MF-24")
    page.get_by_role("button", name="Continue to the review").click()
    expect(page.get_by_text("This person opted out.")).to_be_visible()

    others = sorted(m["phone"] for m in crowd if m["phone"] != gone)
    assert sorted(phone for phone, _ in sent(sandbox, team)) == sorted(others * 3)
