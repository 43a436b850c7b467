"""An administrator sets up a team, a person and a key in Django's admin."""

import pytest
from playwright.sync_api import expect

from teams.models import Team, User
from tests.browser.test_main_job import log_in
from tests.factories import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def test_set_up_a_connected_team(open_page, sandbox):
    key = sandbox.key("sunrise")
    admin = open_page()
    visited = set()
    admin.on("framenavigated", lambda frame: visited.add((admin, frame.url)))
    admin.goto("/admin/")
    admin.get_by_label("Email").fill(
        make_user("Akua Root", is_superuser=True, is_staff=True).email
    )
    admin.get_by_label("Password", exact=True).fill(PASSWORD)
    admin.get_by_role("button", name="Log in").click()

    # The team, with its key
    admin.locator("#teams-team").get_by_role("link", name="Teams").click()
    admin.get_by_role("link", name="Add team").first.click()
    admin.get_by_label("Name:").press_sequentially("Sunrise Bakery")
    expect(admin.get_by_label("Slug:")).to_have_value("sunrise-bakery")
    admin.get_by_role("textbox", name="API key").fill(key)
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("was added successfully")).to_be_visible()
    expect(admin.get_by_role("row", name="Sunrise Bakery")).to_contain_text(f"…{key[-4:]}")

    # The person, with a password
    admin.goto("/admin/")
    admin.locator("#teams-user").get_by_role("link").first.click()
    admin.get_by_role("link", name="Add user").first.click()
    admin.locator("#id_email").fill("efua@example.com")
    admin.locator("#id_first_name").fill("Efua")
    admin.locator("#id_password1").fill(PASSWORD)
    admin.locator("#id_password2").fill(PASSWORD)
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("was added successfully")).to_be_visible()

    # The membership, and the stored key
    team = Team.objects.get()
    admin.goto(f"/admin/teams/team/{team.pk}/change/")
    admin.locator("#id_memberships-0-user").fill(str(User.objects.get(first_name="Efua").pk))
    admin.locator("#id_memberships-0-role").select_option("manager")
    admin.get_by_role("button", name="Save and continue editing").click()
    expect(admin.get_by_text("was changed successfully")).to_be_visible()
    expect(admin.get_by_text(f"ends with {key[-4:]}")).to_be_visible()

    # The person finds the team connected
    page = open_page()
    page.on("framenavigated", lambda frame: visited.add((page, frame.url)))
    log_in(page, User.objects.get(first_name="Efua"))
    expect(page.get_by_role("heading", level=1, name="Sunrise Bakery")).to_be_visible()
    page.get_by_role("link", name="Connection", exact=True).click()
    expect(page.get_by_text(f"ends with {key[-4:]}")).to_be_visible()
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("ChumiAI accepts the key.")).to_be_visible()
    expect(page.get_by_role("region", name="Status", exact=True)).to_contain_text("Connected")

    # No visited page contains the key.
    texts = [page.content(), admin.content()]
    texts += [person.request.get(url, max_retries=3).text() for person, url in visited]
    assert len(texts) > 10
    assert not any(key in text for text in texts)
