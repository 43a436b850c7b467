"""Tests: one row of a draft, sent to phones of the team's own; and those phones."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign, HeaderMedia, Recipient
from campaigns.services import checks, drafts
from core import clocks
from core.errors import Refused
from sending.models import TestNumber
from sending.services import launches, template_guard
from teams.models import Team, User
from teams.services import audit

# The most tests of a team, and within how many minutes.
MOST, MINUTES = 10, 10


@transaction.atomic
def send_tests(
    campaign: Campaign,
    person: Recipient,
    numbers: Sequence[TestNumber],
    *,
    by: User | None,
    intent: uuid.UUID,
    digest: str,
) -> list[Campaign]:
    """Send the message of one row to test numbers, once each. Return the tests.

    Each test is a campaign to one number, launched like any other. If one is refused, none is
    sent. `intent` names the press of the button, `digest` what the person saw. Raise
    `AlreadyLaunched` or `Refused`.
    """
    # It also locks the draft before any task, as a launch of the draft does, and makes a second
    # press wait for the first.
    seen = Campaign.objects.filter(
        pk=campaign.pk, status=Campaign.Status.READY, digest=digest
    ).update(digest=digest)
    if not seen:
        raise Refused(str(CHANGED))
    campaign.refresh_from_db()
    if changes := checks.template_changes(campaign):
        raise Refused(
            _("{why} Check again, then send the test. Nothing was sent.").format(
                why=template_guard.in_words(changes)
            )
        )
    if Campaign.objects.filter(intent__in=[_intent(intent, n) for n in numbers]).exists():
        raise launches.AlreadyLaunched(_("This test was already sent. Nothing is sent twice."))
    _refuse_too_many(campaign.team, len(numbers))
    return [_send(campaign, person, number, by=by, intent=intent) for number in numbers]


CHANGED = gettext_lazy(
    "The recipients changed since you opened this page. Nothing was sent. Check them again, then "
    "send the test."
)


def _intent(intent: uuid.UUID, number: TestNumber) -> uuid.UUID:
    return uuid.uuid5(intent, str(number.uuid))


def _refuse_too_many(team: Team, wanted: int) -> None:
    since = clocks.now() - timedelta(minutes=MINUTES)
    lately = Campaign.objects.for_team(team).filter(is_test=True, launched_at__gt=since)
    if lately.count() + wanted > MOST:
        raise Refused(
            _(
                "A team can send {most} tests in {minutes} minutes. Nothing was sent: wait a "
                "little, then send this one."
            ).format(most=MOST, minutes=MINUTES)
        )


def _send(
    campaign: Campaign,
    person: Recipient,
    number: TestNumber,
    *,
    by: User | None,
    intent: uuid.UUID,
) -> Campaign:
    template = campaign.template
    if template is None:
        raise Refused(str(CHANGED))
    test: Campaign = drafts.create_campaign(
        campaign.team,
        by=by,
        name=_("Test of {campaign}").format(campaign=campaign.name)[:120],
        audience=Campaign.Audience.NUMBER,
        phone=number.phone,
    )
    names = template.placeholders
    values = {n: {"text": value} for n, value in zip(names, person.values, strict=True)}
    Campaign.objects.filter(pk=test.pk).update(
        is_test=True,
        test_of=campaign,
        template=campaign.template,
        mapping={"phone": number.phone, "values": values},
    )
    _copy_media(campaign, test)
    try:
        checks.check_number(test, by=by)
    except Refused as error:
        raise Refused(
            _("{number}: {why} Nothing was sent.").format(number=number.label, why=error)
        ) from None
    launches.launch(
        test,
        by=by,
        intent=_intent(intent, number),
        digest=test.digest,
        typed=test.recipient_count,
    )
    return test


def _copy_media(campaign: Campaign, test: Campaign) -> None:
    media = HeaderMedia.objects.filter(campaign=campaign).first()
    if media:
        media.pk, media.campaign = None, test
        media.save(force_insert=True)


@transaction.atomic
def add_number(team: Team, *, label: str, phone: str, by: User | None) -> TestNumber:
    """Save a phone of the team's own, in E.164. Raise `Refused`."""
    saved = TestNumber.objects.filter(team=team)
    if saved.filter(phone=phone).exists():
        raise Refused(_("This number is already saved."))
    free = set(range(1, TestNumber.MOST + 1)) - set(saved.values_list("place", flat=True))
    if not free:
        raise Refused(
            _("A team can save {most} test numbers. Remove one first.").format(
                most=TestNumber.MOST
            )
        )
    try:
        with transaction.atomic():
            number = TestNumber.objects.create(
                team=team, place=min(free), label=label, phone=phone, created_by=by
            )
    except IntegrityError:
        raise Refused(
            _("Someone else saved a number at the same time. Load the page again.")
        ) from None
    audit(team, "test number added", by=by, subject=str(number.uuid))
    return number


@transaction.atomic
def remove_number(number: TestNumber, *, by: User | None) -> None:
    """Remove a test number; the tests that were sent to it stay."""
    TestNumber.objects.filter(pk=number.pk).delete()
    audit(number.team, "test number removed", by=by, subject=str(number.uuid))
