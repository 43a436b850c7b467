"""The list of the review page: everything that speaks for or against a launch."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import group_rules
from campaigns.audiences import audience_of
from campaigns.models import Campaign, Check, Recipient
from campaigns.services import media
from campaigns.services.checks import digest_of
from contacts.models import OptOut
from contacts.services import opted_out_of
from core import clocks, phones
from core.formats import number, sentence
from core.sentences import Sentence
from core.times import day, day_and_clock
from sending import holds, message_state
from sending.labels import NOT_TESTED, upcoming_sentence
from sending.tested import lacks_test
from tasks import services as tasks
from teams.models import Team

# From this share of the same people on, the same template within a day looks repeated.
SAME_PERCENT = 80


@dataclass(frozen=True, slots=True)
class Point:
    """A line of the list. `tone` is ok, warn or bad; bad blocks the launch.

    `step` names the step of the draft where it can be viewed or changed, '' for none.
    """

    tone: str
    text: str
    step: str = ""


def points(campaign: Campaign) -> list[Point]:
    """Return the list, in the order in which a person would ask."""
    return [
        *_template(campaign),
        *_media(campaign),
        *(_person(campaign) if audience_of(campaign).is_single else _people(campaign)),
        *_test(campaign),
        *_holds(campaign),
        *_connection(campaign.team),
        *_worker(),
    ]


def _template(campaign: Campaign) -> Iterator[Point]:
    template = campaign.template
    assert template is not None
    if not template.is_sendable:
        yield Point("bad", template.unsendable_reason, "template")
        return
    if digest_of(campaign) != campaign.digest:
        if audience_of(campaign).is_single:
            text = _("The template changed since the check. Check the values again.")
            yield Point("bad", text, "number")
        else:
            text = _("The template changed since the check. Check the recipients again.")
            yield Point("bad", text, "check")
    if template.status_assumed:
        text = _("ChumiAI does not say whether WhatsApp approved the template.")
        yield Point("warn", text)
    else:
        yield Point("ok", _("WhatsApp approved the template."))
    for warning in template.warnings:
        yield Point("warn", warning)


def _media(campaign: Campaign) -> Iterator[Point]:
    kind = media.kind_of(campaign)
    if kind is None:
        return
    if missing := media.what_is_missing(campaign):
        yield Point("bad", missing, "media")
    elif campaign.header_media.link:
        if audience_of(campaign).is_single:
            text = _(
                "WhatsApp accepts the linked file. Keep the link working until it is delivered."
            )
        else:
            text = _("WhatsApp accepts the linked file. Keep the link working until all are sent.")
        yield Point("ok", text, "media")
    else:
        text = _("We can't check the file behind a media ID. Send yourself a test first.")
        yield Point("warn", text, "media")


def _people(campaign: Campaign) -> Iterator[Point]:
    audience = audience_of(campaign)
    if audience.is_recounted:
        yield from _group(campaign)
    if audience.same_for_all:
        return
    check = campaign.check_result
    yield _skipped(campaign, check)
    yield from _overlap(check)
    if check.repaired:
        text = ngettext(
            "{count} row was repaired. View what was changed.",
            "{count} rows were repaired. View what was changed.",
            check.repaired,
        )
        yield Point("ok", text.format(count=number(check.repaired)), "check")
    since = Recipient.objects.filter(
        campaign=campaign, phone__in=OptOut.objects.for_team(campaign.team).phones()
    ).count()
    if since:
        text = ngettext(
            "{count} person opted out since the check and will be skipped.",
            "{count} people opted out since the check and will be skipped.",
            since,
        )
        yield Point("warn", text.format(count=number(since)))
    else:
        yield Point("ok", _("People who opt out before we send are skipped."))


def _skipped(campaign: Campaign, check: Check) -> Point:
    """Say how many rows or members are skipped, with each reason's number."""
    audience, reasons = audience_of(campaign), _reasons(check)
    if not reasons:
        return Point("ok", str(audience.everyone_gets_it))
    skipped = check.rows - check.sendable
    text = Sentence(audience.skipped_rows, {"count": skipped, "reasons": ", ".join(reasons)})
    return Point("warn", sentence(text), "check")


def _reasons(check: Check) -> list[str]:
    """Return each reason for which rows are skipped, with its number."""
    counts = [
        (check.invalid, ngettext("{count} invalid", "{count} invalid", check.invalid)),
        (check.duplicate, ngettext("{count} duplicate", "{count} duplicates", check.duplicate)),
        (check.opted_out, ngettext("{count} opted out", "{count} opted out", check.opted_out)),
        (
            check.excluded,
            ngettext(
                "{count} got the earlier campaign",
                "{count} got the earlier campaign",
                check.excluded,
            ),
        ),
        (
            check.frequency_cap,
            ngettext(
                "{count} at the frequency limit",
                "{count} at the frequency limit",
                check.frequency_cap,
            ),
        ),
    ]
    return [text.format(count=number(count)) for count, text in counts if count]


def _person(campaign: Campaign) -> Iterator[Point]:
    person = Recipient.objects.get(campaign=campaign)
    if opted_out_of(campaign.team, [person.phone]):
        yield Point("bad", _("This person has opted out. Nothing will be sent."), "number")
        return
    for note in person.notes:
        yield Point("warn", sentence(note), "number")
    text = _("This person has not opted out. If they opt out before we send, nothing is sent.")
    yield Point("ok", text)


def _test(campaign: Campaign) -> Iterator[Point]:
    """Remind of a test until one with the current text and media was accepted."""
    if audience_of(campaign).is_single:
        return
    tests = [test for test in message_state.tests_of(campaign) if test.is_current]
    accepted = next((test for test in tests if test.is_accepted), None)
    if lacks_test(campaign):
        yield Point("bad", str(NOT_TESTED), "preview")
    elif accepted:
        text = _("ChumiAI accepted a test to {phone}, {time}.").format(
            phone=accepted.label or phones.display(accepted.phone),
            time=day_and_clock(accepted.at),
        )
        yield Point("ok", text, "preview")
    elif tests:
        yield Point("warn", _("No test has been accepted yet."), "preview")
    else:
        text = _("You have not sent a test of this message yet. Send one to your own phone first.")
        yield Point("warn", text, "preview")


def _overlap(check: Check) -> Iterator[Point]:
    if found := check.details.get("overlap"):
        text = _("{percent} % of these people got {campaign} {day}.").format(
            percent=found["percent"],
            campaign=found["name"],
            day=day(datetime.fromisoformat(found["launched_at"])),
        )
        yield Point("warn", text)


def looks_repeated(campaign: Campaign) -> bool:
    """Return True if most of these people got the same template within a day."""
    found = campaign.check_result.details.get("overlap")
    return bool(
        found
        and found["same_template"]
        and found["percent"] >= SAME_PERCENT
        and clocks.now() - datetime.fromisoformat(found["launched_at"]) < timedelta(days=1)
    )


def _group(campaign: Campaign) -> Iterator[Point]:
    group = campaign.group
    refused = audience_of(campaign).what_blocks()
    if refused:
        advice = _("Check every member instead.")
        yield Point("bad", f"{refused} {advice}", "group")
    elif audience_of(campaign).same_for_all:
        text = _("No member of the group has opted out. We check again before sending.")
        yield Point("ok", text)
    current = group_rules.current_group(campaign)
    if current and current.problem:
        text = _("{problem} We have its members as of {time}.").format(
            problem=current.get_problem_display(), time=day_and_clock(group.read_at)
        )
        yield Point("warn", text, "group")
    text = ngettext(
        "The group was updated on {time} with {count} person. We count it again before the first "
        "message and ask you if it changed.",
        "The group was updated on {time} with {count} people. We count it again before the first "
        "message and ask you if it changed.",
        group.size,
    )
    updated = day_and_clock(group.read_at)
    yield Point("ok", text.format(time=updated, count=number(group.size)))


def _holds(campaign: Campaign) -> Iterator[Point]:
    """Yield what would keep the campaign from sending if it was launched now."""
    for hold in holds.upcoming(campaign):
        # The template and the test have their own lines above.
        if hold.reason not in (Campaign.Pause.TEMPLATE, Campaign.Pause.NOT_TESTED):
            tone = "bad" if hold.kind == holds.Kind.PAUSE else "warn"
            yield Point(tone, upcoming_sentence(campaign, hold))


def _connection(team: Team) -> Iterator[Point]:
    connection = getattr(team, "connection", None)
    if connection is None or not connection.has_key:
        return
    if connection.problem:
        yield Point("warn", connection.problem_sentence)
    elif connection.scopes.get("whatsapp:send") == "missing":
        text = _(
            "ChumiAI says that the key may not send messages. The campaign would pause at once."
        )
        yield Point("warn", text)
    else:
        text = _("ChumiAI is connected with the key ending in {digits}.")
        yield Point("ok", text.format(digits=connection.key_last4))
    if connection.is_sandbox:
        yield Point("warn", _("This is the sandbox: nothing is sent to WhatsApp."))


def _worker() -> Iterator[Point]:
    if not tasks.worker_is_alive():
        text = _("Sending is paused on our server. The campaign starts by itself afterwards.")
        yield Point("warn", text)
