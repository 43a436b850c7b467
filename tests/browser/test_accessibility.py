"""Every page, light and dark, wide and narrow: axe finds nothing and nothing overflows."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from campaigns.models import Check
from campaigns.services import checks
from campaigns.services.media import set_media
from message_templates.models import MessageTemplate, TemplateSync
from message_templates.services import request_sync
from sending.models import Batch, JobSync
from sending.progress_queries import load_progress
from sending.services import jobs
from teams.services import connect
from tests import factories, messages
from tests.access import ACCESS, address
from tests.browser.conftest import DESKTOP, PHONE
from webhooks import services as webhooks

pytestmark = [pytest.mark.browser, pytest.mark.stack]

# A folder for screenshots of each page; without it, none are taken.
SCREENSHOTS = os.environ.get("SCREENSHOTS")
ANONYMOUS = ["/accounts/login/", "/accounts/password/reset/"]
WITHOUT_TEAM = [
    "/",
    "/nowhere/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    # Asks for the password first.
    "/accounts/email/",
    "/admin/",
]
# Without preload: axe would load imported style sheets through inline styles, which the content
# policy refuses. No rule that applies here needs them.
ALL_RULES = {"resultTypes": ["violations"], "preload": False}
# The rules that depend on the colours.
COLOURS = ALL_RULES | {"runOnly": ["color-contrast", "link-in-text-block"]}
LIGHT, DARK = ("light", ALL_RULES), ("dark", COLOURS)
AXE = Axe().axe_script
RUN = "async options => (await axe.run(options)).violations"
SEND = "/api/v1/whatsapp/send-template"
BULK = "/api/v1/whatsapp/bulk-import-messages"

# End the transitions between the themes: their colours have no meaningful contrast.
SETTLE = """async () => {
  for (const _ of "ab") await new Promise(requestAnimationFrame);
  for (const change of document.getAnimations()) {
    if (change instanceof CSSTransition) change.finish();
  }
}"""

OVERFLOWS = """() => [...document.querySelectorAll("main *")].filter(
  element => element.getBoundingClientRect().right > innerWidth
).map(element => element.outerHTML.slice(0, 200)).at(-1)"""


def addresses(team, subjects, *, permissions=None):
    """Return the paths of all GET URLs for these subjects and permissions."""
    return [
        address(name, team, subjects)
        for name, url in ACCESS.items()
        if "GET" in url.methods
        and (not url.subject or url.subject in subjects)
        and (not permissions or url.permission in permissions)
    ]


def admin_addresses(*objects):
    """Return the paths of Django's admin: lists, forms, and the page of each object."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
    yield reverse("admin:teams_team_add")
    yield reverse("admin:teams_user_add")
    for shown in objects:
        yield reverse(f"admin:{shown._meta.label_lower.replace('.', '_')}_change", args=[shown.pk])


def is_page(page, path):
    """Return True if the URL returns a whole page: no download and no live region."""
    # The server may close an idle connection just when it is used again.
    return page.request.get(path, max_retries=3).body()[:15].lower() == b"<!doctype html>"


def faults(page, path, themes):
    """Open the page in each theme and yield what is wrong with it."""
    page.goto(path)
    yield from faults_here(page, path, themes)


def faults_here(page, path, themes):
    """Yield what is wrong with the page that is open; `path` is its name in what is yielded."""
    width = page.viewport_size["width"]
    page.evaluate(AXE)
    for theme, options in themes:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.evaluate(SETTLE)
        if SCREENSHOTS:
            name = f"{slugify(path.replace('/', ' ')) or 'start'}-{width}-{theme}.png"
            page.screenshot(path=Path(SCREENSHOTS) / name, full_page=True)
        for found in page.evaluate(RUN, options):
            for node in found["nodes"]:
                yield f"{path} ({width}, {theme}): {found['id']}: {node['html'][:200]}"
    sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if sideways > 0 and not path.startswith("/admin/"):
        yield f"{path} ({width}): {sideways} pixels overflow: {page.evaluate(OVERFLOWS)}"


@pytest.fixture
def world(stack, subjects, manager, viewer, team, sandbox, settings):
    """The pages to test, by the person who opens them: full, empty and failed ones.

    All of it is made before the worker starts, which would otherwise process it.
    """
    manager.is_staff = manager.is_superuser = True
    manager.save()
    empty = factories.make_team("empty", name="Just made")
    locked = factories.make_team("locked", name="Volta Textiles")
    factories.connect(locked, sandbox, kind="readonly")
    revoked = factories.make_team("revoked", name="Harbour Crafts")
    connect(revoked, base_url=sandbox.url, key="chumi_sk_live_nobodys")
    for other in (empty, locked, revoked):
        other.memberships.create(user=manager, role="manager")
    for synced in (team, revoked):
        request_sync(synced, by=manager)
        jobs.request_sync(synced, by=manager)
    while TemplateSync.objects.filter(finished_at=None):
        factories.let_time_pass()
        factories.drain("sync_templates", "sync_jobs")
    team.confirm_above = 2
    team.save()
    webhook = webhooks.renew_address(team, by=manager)
    for secret in ("the one before", "the new one"):
        webhooks.change_signing(webhook, secret, by=manager)

    subjects["template"].refresh_from_db()
    mixed = factories.people(6)
    mixed[2][0] = "233244000026"
    mixed[3][0] = "0244 000"
    mixed[4][0] = mixed[1][0]
    mixed[5][0] = "233244000333.0"
    make = {"rows": mixed, "template": subjects["template"], "by": manager}
    checked = factories.make_ready_campaign(team, name="Mixed rows", **make)
    partly = factories.make_ready_campaign(team, name="Partly failed", **make)
    asking = factories.make_ready_campaign(team, name="One batch lost", **make)
    unread = factories.make_ready_campaign(team, name="Took too long", **make)
    paused = factories.make_ready_campaign(locked, count=3, by=manager, name="Paused")
    for campaign in (partly, paused):
        factories.finish(factories.launch(campaign, by=manager))
    picture = MessageTemplate.objects.get(team=team, name="promotion_broadcast")
    pictures = [factories.make_media_campaign(team, template=picture) for _ in range(3)]
    for campaign, name in zip(pictures, ("picture.jpg", "page.jpg"), strict=False):
        set_media(campaign, link=factories.media_link(sandbox, name), by=manager)
    factories.drain("check_media")
    # One by one: some failed, some can be retried, some are unconfirmed.
    alone = factories.people(7)
    alone[1][0], alone[2][0] = "233244000026", "233244000000"
    maybe = factories.make_ready_campaign(team, name="Maybe sent", **make | {"rows": alone})
    sandbox.fault("500", path=SEND, after=3, times=None)
    factories.finish(factories.launch(maybe, by=manager, engine="singly"))
    sandbox.clear_faults()
    long_ago = timezone.now() - timedelta(hours=1)
    maybe.attempts.update(started_at=long_ago)
    maybe.recipients.update(settled_at=long_ago)
    settings.RECONCILE_SECONDS = 0
    sandbox.fault("500", path=BULK)
    factories.finish(factories.launch(asking, by=manager))
    settings.CHECK_SECONDS = 0.01
    checks.request_check(unread, by=manager)
    factories.drain("check_campaign")

    assert TemplateSync.objects.get(team=revoked).state == "failed"
    assert JobSync.objects.get(team=revoked).error
    assert Batch.objects.get(campaign=asking).search_ended_at
    progress = load_progress(maybe)
    assert progress.failed and progress.singles.undecided
    assert Check.objects.get(campaign=unread).state == "failed"
    asked = address("campaigns:campaign_detail", team, {"launched": asking})
    both = (DESKTOP, PHONE)
    return [
        (
            manager,
            both,
            [
                *addresses(team, subjects | {"ready": checked, "launched": partly}),
                *addresses(empty, {}),
                *addresses(revoked, {}),
                address("campaigns:campaign_detail", locked, {"launched": paused}),
                # Blocked: the sync changed the text of the template.
                address("campaigns:campaign_review", team, subjects),
                asked,
                address("campaigns:campaign_detail", team, {"launched": maybe}),
                *(
                    address(f"campaigns:campaign_{step}", team, {"ready": subjects["grouped"]})
                    for step in ("values", "check", "review")
                ),
                address("campaigns:campaign_check", team, {"ready": unread}),
                *(address("campaigns:campaign_media", team, {"media": c}) for c in pictures),
                *WITHOUT_TEAM,
            ],
        ),
        (manager, both, list(admin_addresses(team, manager, asking))),
        (
            viewer,
            [DESKTOP],
            [
                *addresses(team, subjects | {"launched": partly}, permissions={"read"}),
                asked,
                # A page that viewers may not open.
                address("campaigns:campaign_new", team, {}),
            ],
        ),
        (None, both, ANONYMOUS),
    ]


@pytest.fixture
def pseudo_locale(stack, tmp_path):
    """The product in a made-up language whose texts are 40 % longer than in English."""
    messages.write_pseudo(messages.collect(messages.sources()), tmp_path / "locale")
    stack.env["PSEUDO_LOCALE"] = str(tmp_path / "locale")


def faults_of(world, open_page, themes):
    found = []
    for user, sizes, paths in world:
        pages = [open_page(user, viewport=size) for size in sizes]
        for path in paths:
            if is_page(pages[0], path):
                for page in pages:
                    found += faults(page, path, themes)
    return found


def test_axe_finds_nothing_on_any_page(world, open_page):
    found = faults_of(world, open_page, (LIGHT, DARK))
    assert found == [], "\n".join(found)


def test_a_longer_language_breaks_no_page(world, pseudo_locale, open_page):
    page = open_page()
    page.goto("/accounts/login/")
    assert page.locator("html").get_attribute("lang") == messages.PSEUDO
    manager, _, _, anonymous = world
    found = faults_of([manager, anonymous], open_page, [LIGHT])
    assert found == [], "\n".join(found)
