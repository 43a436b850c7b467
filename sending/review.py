"""Everything that speaks for or against a launch, as one list."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from campaigns.services import groups, media
from campaigns.services.checks import digest_of
from contacts.models import OptOut
from contacts.services import opted_out_of
from core import formats, phones
from core.times import day, day_and_clock
from sending import message_state
from tasks import services as tasks

# From such a share on, the same template within a day looks like the same campaign.
SAME_PERCENT = 80
LEFT_OUT = {
    "invalid": "{} invalid",
    "duplicate": "{} duplicate",
    "opted_out": "{} opted out",
    "excluded": "{} got the earlier campaign",
    "frequency_cap": "{} had enough marketing messages lately",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One line of the list: `tone` is ok, warn or bad, and bad stands in the way."""

    tone: str
    text: str
    step: str = ""


def points(campaign):
    """Return the list, in the order in which a person would ask."""
    return [
        *_template(campaign),
        *_media(campaign),
        *(_person(campaign) if campaign.is_to_one else _people(campaign)),
        *_test(campaign),
        *_connection(campaign.team),
        *_machine(),
    ]


def _template(campaign):
    template = campaign.template
    if not template.is_sendable:
        yield Point("bad", template.unsendable_reason, "template")
        return
    if digest_of(campaign) != campaign.digest:
        if campaign.is_to_one:
            text = "The template changed since the check. Look at the values again."
            yield Point("bad", text, "number")
        else:
            text = "The template changed since the check. Check the file again."
            yield Point("bad", text, "check")
    if template.status_assumed:
        yield Point("warn", "ChumiAI does not say whether WhatsApp approved the template.")
    else:
        yield Point("ok", "WhatsApp approved the template.")
    for warning in template.warnings:
        yield Point("warn", warning)


def _media(campaign):
    kind = media.kind_of(campaign)
    if kind is None:
        return
    if missing := media.what_is_missing(campaign):
        yield Point("bad", missing, "media")
    elif campaign.header_media.link:
        until = "it has arrived" if campaign.is_to_one else "everybody has the message"
        yield Point(
            "ok",
            f"The link leads to a {kind.name} that WhatsApp takes. Keep it there until {until}.",
            "media",
        )
    else:
        yield Point(
            "warn",
            f"Nobody can look at the {kind.name} behind a media id. Send yourself a test first.",
            "media",
        )


def _people(campaign):
    if campaign.audience == Campaign.Audience.GROUP:
        yield from _group(campaign)
    if campaign.goes_through_group:
        return
    check = campaign.check_result
    noun = "member" if campaign.audience == Campaign.Audience.GROUP else "row"
    left_out = {
        outcome: words.format(f"{count:,}")
        for outcome, words in LEFT_OUT.items()
        if (count := getattr(check, outcome))
    }
    if left_out:
        rows = check.rows - check.sendable
        text = f"{rows:,} {noun}{' is' if rows == 1 else 's are'} left out: "
        yield Point("warn", f"{text}{', '.join(left_out.values())}.", "check")
    else:
        whole = "member of the group" if noun == "member" else "row of the file"
        yield Point("ok", f"Every {whole} gets the message.")
    yield from _overlap(check)
    if check.repaired:
        rows = "row was" if check.repaired == 1 else "rows were"
        yield Point("ok", f"{check.repaired:,} {rows} repaired. See what was changed.", "check")
    since = Recipient.objects.filter(
        campaign=campaign, phone__in=OptOut.objects.for_team(campaign.team).phones()
    ).count()
    if since:
        yield Point("warn", f"{since:,} opted out since the check and will be left out.")
    else:
        yield Point("ok", "Whoever opts out before their part goes out is left out, too.")


def _person(campaign):
    person = campaign.recipients.get()
    if opted_out_of(campaign.team, [person.phone]):
        yield Point("bad", "This person opted out since. Nothing will be sent.", "number")
        return
    for note in person.notes:
        yield Point("warn", formats.sentence(note), "number")
    yield Point("ok", "This person has not opted out. Should that change first, nothing is sent.")


def _test(campaign):
    """Remind of a test, until one with these words and this picture was accepted."""
    if campaign.is_to_one:
        # It is a test by itself.
        return
    tests = [test for test in message_state.tests_of(campaign) if test.is_current]
    accepted = next((test for test in tests if test.is_accepted), None)
    if accepted:
        phone = accepted.label or phones.display(accepted.phone)
        when = day_and_clock(accepted.at)
        yield Point("ok", f"ChumiAI accepted a test to {phone}, {when}.", "preview")
    elif tests:
        yield Point("warn", "No test has been accepted yet. See what became of it.", "preview")
    else:
        yield Point(
            "warn",
            "You have not sent a test of this message yet. Send one to your own phone first.",
            "preview",
        )


def _overlap(check):
    if found := check.details.get("overlap"):
        when = day(datetime.fromisoformat(found["launched_at"]))
        yield Point("warn", f"{found['percent']} % of these people got {found['name']} {when}.")


def looks_repeated(campaign):
    """Say whether most of these people got the same template within a day."""
    found = campaign.check_result.details.get("overlap")
    return bool(
        found
        and found["same_template"]
        and found["percent"] >= SAME_PERCENT
        and timezone.now() - datetime.fromisoformat(found["launched_at"]) < timedelta(days=1)
    )


def _group(campaign):
    group = campaign.group
    refused = groups.what_stands_against(campaign)
    if refused:
        yield Point("bad", f"{refused} Send to the members one by one instead.", "group")
    elif campaign.goes_through_group:
        yield Point("ok", "Nobody in the group has opted out. We ask again before it goes out.")
    yield Point(
        "ok",
        f"The group was read on {day_and_clock(group.read_at)} with {group.size:,} "
        f"{'person' if group.size == 1 else 'people'}. It is counted again before the first "
        "message; if it changed, we ask you.",
    )


def _connection(team):
    connection = getattr(team, "connection", None)
    if connection is None or not connection.has_key:
        yield Point("bad", "This team has no ChumiAI key yet. A manager can add it.")
    elif connection.problem:
        yield Point("warn", connection.problem)
    elif connection.scopes.get("whatsapp:send") == "missing":
        yield Point(
            "warn",
            "ChumiAI says that the key may not send messages. The campaign would pause at once.",
        )
    else:
        yield Point("ok", f"ChumiAI is connected with the key ending in {connection.key_last4}.")
    if connection and connection.is_sandbox:
        yield Point("warn", "This is the sandbox: nothing reaches WhatsApp.")


def _machine():
    if not settings.SENDING_ENABLED:
        yield Point("warn", "Sending is switched off on this server, so the campaign will wait.")
    elif not tasks.worker_is_alive():
        yield Point(
            "warn", "The worker is not running. The campaign starts by itself when it is back."
        )
