"""The main job without a mouse, and without JavaScript."""

import pytest
from playwright.sync_api import expect

from campaigns.models import Campaign
from tests.browser.conftest import PHONE
from tests.factories import account_of, connect, make_campaign, make_template, people, xlsx

pytestmark = [pytest.mark.browser, pytest.mark.stack]
FOCUS_SHOWN = """element => {
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
}"""


@pytest.fixture
def ready_team(team, sandbox):
    connect(team, sandbox)
    make_template(team)
    make_template(team, "opening_hours", body="We are open until ten.")
    return team


def tab_to(page, target, *, most=60):
    """Press Tab until the target has the focus, and check that the focus is visible."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            assert target.evaluate(FOCUS_SHOWN), "the focus is not visible"
            return
    raise AssertionError(f"Tab does not reach {target}")


def test_by_keyboard_alone(open_page, ready_team, marketer):
    draft = make_campaign(ready_team, by=marketer, name="Not needed")
    page = open_page(marketer)
    page.goto(f"/t/{ready_team.slug}/")

    # The skip link comes first and skips the menu
    skip = page.get_by_role("link", name="Skip to the content")
    tab_to(page, skip, most=1)
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    # The menu, and the choice of a template
    page.goto(f"/t/{ready_team.slug}/")
    menu = page.get_by_role("navigation", name="Main")
    tab_to(page, menu.get_by_role("link", name="Campaigns"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Campaigns")
    expect(menu.get_by_role("link", name="Campaigns")).to_have_attribute("aria-current", "page")
    tab_to(page, page.get_by_role("link", name="New campaign").first)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Use this template opening_hours"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your file")).to_be_visible()
    assert Campaign.objects.latest("pk").template.name == "opening_hours"

    # The confirmation: Escape cancels, and the focus returns to the button
    page.goto(f"/t/{ready_team.slug}/campaigns/{draft.uuid}/template/")
    delete = page.get_by_role("button", name="Delete draft")
    question = page.get_by_role("dialog", name="Delete this draft?")
    tab_to(page, delete)
    page.keyboard.press("Enter")
    expect(question).to_be_visible()
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, question.get_by_role("button", name="Delete draft"), most=2)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Draft “Not needed” deleted")).to_be_visible()


def test_a_confirmation_that_opens_again_at_once(open_page, ready_team, marketer):
    # The browser fires the close event one frame late: the dialog may be open again.
    draft = make_campaign(ready_team, by=marketer, name="Not needed")
    page = open_page(marketer)
    page.goto(f"/t/{ready_team.slug}/campaigns/{draft.uuid}/template/")
    page.get_by_role("button", name="Delete draft").click()
    question = page.get_by_role("dialog", name="Delete this draft?")
    question.evaluate(
        """dialog => {
          dialog.close();
          document.querySelector("form[data-confirm] button").click();
        }"""
    )
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert Campaign.objects.filter(pk=draft.pk).exists()
    question.get_by_role("button", name="Delete draft").click()
    expect(page.get_by_text("Draft “Not needed” deleted")).to_be_visible()


def test_the_chosen_theme_is_kept(open_page, ready_team, marketer):
    page = open_page(marketer, color_scheme="light")
    page.goto(f"/t/{ready_team.slug}/")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.locator(".account-menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.goto(f"/t/{ready_team.slug}/templates/")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.locator(".account-menu summary").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")


def test_without_javascript(open_page, ready_team, marketer, sandbox):
    page = open_page(marketer, java_script_enabled=False, viewport=PHONE)
    page.goto(f"/t/{ready_team.slug}/campaigns/new/")
    page.get_by_role("button", name="Use this template welcome_message").click()
    file = xlsx(people(4))
    page.get_by_label("Your file").set_input_files(
        {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.read()}
    )
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="Continue to the columns").click()
    page.get_by_role("button", name="Check the file").click()
    onward = page.get_by_role("link", name="Continue to the preview")
    for _ in range(30):
        if onward.count():
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Refresh").click()
    onward.click()
    page.get_by_role("link", name="Continue to the review").click()
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 4 messages now").click()
    head = page.locator(".progress-head")
    for _ in range(30):
        if "Finished" in head.inner_text():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(head).to_contain_text("Finished")
    assert len(sandbox.ledger(account_of(ready_team))) == 4
    # Without JavaScript the menu is always open.
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
