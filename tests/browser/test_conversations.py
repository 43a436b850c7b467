"""Conversations in a real browser: messages never run as code, and pages update."""

import os
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from campaigns.models import Campaign
from chumi_api.types import Contact, Media, Message, MessageStatus
from conversations.models import Conversation
from conversations.services import record_messages
from tests import factories
from tests.browser.conftest import DESKTOP, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.stack]

SCREENSHOTS = os.environ.get("SCREENSHOTS")
NUMBER = "233244123451"
PAYLOADS = (
    "<script>window.struck=1</script>",
    "<img src=x onerror=window.struck=1>",
    '"><svg onload=window.struck=1>',
    "' autofocus onfocus=window.struck=1 x='",
    "javascript:window.struck=1",
    "{{ request.user }}{% debug %}",
    "```<script>window.struck=1</script>``` *<b onclick=window.struck=1>*",
    "</textarea></title></template><script>window.struck=1</script>",
    "\u202e<img src=x onerror=window.struck=1>\u2066",
    "Z" + "\u0310\u0320" * 80,
)


def url(name, team, *rest):
    return reverse(f"conversations:{name}", args=(team.slug, *rest))


def message(text, minutes, *, inbound=True, **fields):
    return Message(
        remote_id=fields.pop("remote_id", f"wamid.{minutes}"),
        phone=NUMBER,
        inbound=inbound,
        text=text,
        at=timezone.now() - timedelta(minutes=minutes),
        **fields,
    )


def poison(team, payload, number):
    """Put the payload in every field of a message, a contact and a template."""
    phone = f"2332441234{number:02}"
    components = [
        {"type": "HEADER", "format": "TEXT", "text": payload},
        {"type": "BODY", "text": payload + " {{1}}"},
        {"type": "FOOTER", "text": payload},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": payload}]},
    ]
    template = factories.make_template(team, payload[:200] + str(number), components=components)
    campaign = factories.make_checked_campaign(
        team, [[phone, payload, payload]], name=payload[:100]
    )
    now = timezone.now()
    Campaign.objects.filter(pk=campaign.pk).update(
        template=template,
        snapshot={"template": payload, "components": components, "placeholders": ["1"]},
        engine="singly",
        intent=uuid.uuid4(),
        status="completed",
        launched_at=now,
        finished_at=now,
    )
    campaign.recipients.update(
        status="accepted", settled_at=timezone.now() - timedelta(hours=1), values=[payload]
    )
    media = Media(payload[:20], payload, payload, payload[:100], payload, 5)
    messages = [
        Message(
            remote_id=f"{payload}{kind}",
            phone=phone,
            inbound=inbound,
            kind=kind,
            text=payload,
            payload=payload,
            reply_to=payload + "text",
            media=media if kind == "image" else None,
            template_name=payload,
            name=payload,
            status=MessageStatus.FAILED,
            reason=payload,
            at=timezone.now() - timedelta(minutes=minutes),
        )
        for minutes, (kind, inbound) in enumerate(
            [("text", True), ("image", True), ("button", True), ("reaction", True),
             ("template", False), (payload[:40], False)]
        )
    ]  # fmt: skip
    record_messages(team, messages)
    return Conversation.objects.get(team=team, phone=f"+{phone}"), campaign


def test_messages_never_run_as_code(open_page, team, manager, sandbox):
    factories.connect(team, sandbox)
    numbers = range(len(PAYLOADS))
    people = [
        Contact(str(n), f"2332441234{n:02}", PAYLOADS[n], PAYLOADS[n], (PAYLOADS[n],))
        for n in numbers
    ]
    factories.mirror(team, people, groups={PAYLOADS[n]: [people[n]] for n in numbers})
    made = [poison(team, PAYLOADS[n], n) for n in numbers]
    page = open_page(manager)
    page.add_init_script("window.alert = () => { window.struck = 1 }")
    paths = [url("conversation_list", team), url("conversation_list", team) + "?q=struck"]
    for talk, campaign in made:
        paths += [
            url("conversation_detail", team, talk.uuid),
            url("conversation_print", team, talk.uuid),
            url("campaign_replies", team, campaign.uuid),
        ]
    for path in paths:
        answer = page.goto(path)
        assert answer.status == 200, path
        assert page.evaluate("window.struck") is None, path
        struck = page.locator("main img, main script, main [onerror], main [onclick]")
        assert struck.count() == 0, path
        sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert sideways <= 0, path
    # A payload typed into the search comes back as text, too.
    page.goto(url("conversation_list", team))
    for payload in PAYLOADS[:4]:
        page.get_by_label("Search").fill(payload)
        page.get_by_role("button", name="Search").click()
        assert page.evaluate("window.struck") is None


@pytest.fixture
def talk(team, manager, sandbox):
    """A conversation with everything in it."""
    factories.connect(team, sandbox)
    now = timezone.now()
    ama = Contact("1", NUMBER, "Ama Mensah", "ama@mail.example", ("vip",))
    factories.mirror(team, [ama], groups={"Accra customers": [ama]})
    campaign = factories.make_checked_campaign(team, [[NUMBER, "Ama", "MF-24"]])
    factories.launch(campaign, by=manager, engine="singly")
    Campaign.objects.filter(pk=campaign.pk).update(status="completed", finished_at=now)
    campaign.recipients.update(
        status="accepted", settled_at=now - timedelta(hours=26), remote_id="wamid.sale"
    )
    photo = Media("image", content_type="image/jpeg", file_name="dress.jpg", size=348_000)
    ours = {"inbound": False, "kind": "text"}
    record_messages(
        team,
        [
            message("Is it *really* the last week?", 1500, reply_to="wamid.sale", name="Ama M."),
            message("Yes, until Sunday.", 1490, status=MessageStatus.READ, **ours),
            message("This one, please", 190, kind="image", media=photo),
            message("🎉", 188, kind="reaction", reply_to="wamid.1490"),
            message("Stop promotions", 186, kind="button", reply_to="wamid.sale"),
            message("We have it in blue", 184, status=MessageStatus.DELIVERED, **ours),
            message("Hello?", 183, status=MessageStatus.FAILED, code=131047, **ours),
            message("Thank you! https://kente.example/blue", 180),
        ],
    )
    factories.make_conversation(team, phone="233201234567", name="Kofi Boateng")
    factories.make_conversation(team, "Hello", phone="233501234567", name="")
    return Conversation.objects.get(team=team, phone=f"+{NUMBER}")


def test_pages_update_and_mark_as_read(open_page, team, manager, talk):
    page = open_page(manager)
    page.goto(url("conversation_list", team))
    first = page.locator(".talk-list li").first
    first.get_by_role("link").focus()
    who = page.locator(":focus .talk-list-who").inner_text()
    assert who != "Ama M."
    record_messages(team, [message("Are you open?", 0, remote_id="wamid.open", name="Ama M.")])
    expect(first).to_contain_text("Are you open?")
    # A person about to press Enter still opens the row they saw.
    assert page.locator(":focus .talk-list-who").inner_text() == who
    expect(page.locator("#list-latest")).to_contain_text("Ama M.")
    page.get_by_role("link", name="Ama M.").click()
    expect(page.locator(".thread-history")).to_contain_text("history, updated")
    record_messages(team, [message("And one in red?", 0, remote_id="wamid.fresh")])
    expect(page.locator(".talk").last).to_contain_text("And one in red?")
    expect(page.locator("#thread-latest")).to_contain_text("And one in red?")
    expect(page.locator(".thread-read")).to_have_count(0)
    talk.refresh_from_db()
    assert talk.unread_count == 0
    if SCREENSHOTS:
        shoot(open_page, team, manager, talk)


def shoot(open_page, team, manager, talk):
    """Take screenshots of list and thread, wide and narrow, light and dark."""
    for size in (DESKTOP, PHONE):
        page = open_page(manager, viewport=size)
        for name, path in (
            ("list", url("conversation_list", team)),
            ("thread", url("conversation_detail", team, talk.uuid)),
        ):
            page.goto(path)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                page.wait_for_timeout(400)
                file = Path(SCREENSHOTS) / f"{name}-{size['width']}-{theme}.png"
                page.screenshot(path=file, full_page=True)
