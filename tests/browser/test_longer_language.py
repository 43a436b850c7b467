"""The main job in a language whose texts are 40 % longer: nothing breaks, axe finds nothing."""

import re

import pytest
from playwright.sync_api import expect

from campaigns.models import Campaign
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import LIGHT, faults_here, pseudo_locale  # noqa: F401
from tests.browser.test_main_job import sent
from tests.factories import connect, make_template, xlsx
from tests.messages import PSEUDO

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.usefixtures("pseudo_locale")]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1280", "390"])
def test_a_file_goes_out(size, open_page, sandbox, team, marketer):
    """Elements are found by what they do: their texts are those of another language."""
    connect(team, sandbox)
    make_template(team)
    page = open_page(marketer, viewport=size)
    found = []

    def look(step):
        expect(page).to_have_url(re.compile(step))
        expect(page.locator("main")).to_contain_text("[")
        found.extend(faults_here(page, step, [LIGHT]))

    def go_on(step):
        page.locator(f"#main a.btn-primary[href$='/{step}/']").click()

    page.goto(f"/t/{team.slug}/campaigns/new/")
    assert page.locator("html").get_attribute("lang") == PSEUDO
    look("/campaigns/new/")
    page.locator(".template-card button[name=template]").first.click()
    look("/file/")
    people = [[f"24000{n}111", f"Ama {n}", f"C-{n}"] for n in range(3)]
    file = xlsx([["Phone", "Name", "Code"], *people])
    page.locator("input[type=file]").set_input_files(
        {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.read()}
    )
    page.locator("form[enctype] button").click()
    go_on("values")
    look("/values/")
    page.locator("button[name=then][value=check]").click()
    expect(page.locator("#tile-repaired .stat-value")).to_have_text("3")
    look("/check/")
    go_on("preview")
    look("/preview/")
    go_on("review")
    look("/review/")
    page.locator("input[name=consent]").check()
    page.locator("form[action$='/launch/'] button.btn-primary").click()
    expect(page.locator("#campaign-progress .stat").first).to_contain_text("3")
    # It has ended when its page asks for nothing more, or only for delivery updates.
    expect(page.locator("#stop-form")).to_have_count(0)
    look("/campaigns/[0-9a-f-]{36}/$")
    assert found == [], "\n".join(found)
    assert sent(sandbox, team) == [(f"233{phone}", [name, code]) for phone, name, code in people]
    assert Campaign.objects.get().launched_by == marketer
