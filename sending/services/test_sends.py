"""Tests: one row of a draft, sent to phones of the team's own; and those phones."""

import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from campaigns.models import Campaign, HeaderMedia
from campaigns.services import checks, drafts
from core.errors import Refused
from sending.models import TestNumber
from sending.services import launches
from teams.services import audit

# No more tests than this in so many minutes, for the whole team.
MOST, MINUTES = 10, 10


@transaction.atomic
def send_tests(campaign, person, numbers, *, by, intent, digest):
    """Send the message of one row to test numbers, once each. Return the tests.

    Each is a campaign of one of its own, launched like any other. All go out or none: one
    that is refused keeps the others from leaving. `intent` names the press, `digest` what the
    person saw. Raise `AlreadyLaunched` or `Refused`.
    """
    # It also locks the draft before any task, as a launch of the draft does, and makes a second
    # press wait for the first.
    seen = Campaign.objects.filter(
        pk=campaign.pk, status=Campaign.Status.READY, digest=digest
    ).update(digest=digest)
    if not seen:
        raise Refused(CHANGED)
    if Campaign.objects.filter(intent__in=[_intent(intent, n) for n in numbers]).exists():
        raise launches.AlreadyLaunched("This test is on its way already. Nothing is sent twice.")
    _refuse_too_many(campaign.team, len(numbers))
    return [_send(campaign, person, number, by=by, intent=intent) for number in numbers]


CHANGED = "The recipients changed since you looked. Nothing was sent. Look again, then test."


def _intent(intent, number):
    return uuid.uuid5(intent, str(number.uuid))


def _refuse_too_many(team, wanted):
    since = timezone.now() - timedelta(minutes=MINUTES)
    lately = Campaign.objects.for_team(team).filter(is_test=True, launched_at__gt=since)
    if lately.count() + wanted > MOST:
        raise Refused(
            f"A team can send {MOST} tests in {MINUTES} minutes. Nothing was sent: wait a little, "
            "then send this one."
        )


def _send(campaign, person, number, *, by, intent):
    test = drafts.create_campaign(
        campaign.team,
        by=by,
        name=f"Test of {campaign.name}"[:120],
        audience=Campaign.Audience.NUMBER,
        phone=number.phone,
    )
    names = campaign.template.placeholders
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
        raise Refused(f"{number.label}: {error} Nothing was sent.") from None
    launches.launch(
        test,
        by=by,
        intent=_intent(intent, number),
        digest=test.digest,
        typed=test.recipient_count,
    )
    return test


def _copy_media(campaign, test):
    media = HeaderMedia.objects.filter(campaign=campaign).first()
    if media:
        media.pk, media.campaign = None, test
        media.save(force_insert=True)


@transaction.atomic
def add_number(team, *, label, phone, by):
    """Save a phone of the team's own, in E.164. Raise `Refused`."""
    saved = TestNumber.objects.filter(team=team)
    if saved.filter(phone=phone).exists():
        raise Refused("This number is saved already.")
    free = set(range(1, TestNumber.MOST + 1)) - set(saved.values_list("place", flat=True))
    if not free:
        raise Refused(f"A team can save {TestNumber.MOST} test numbers. Remove one first.")
    try:
        with transaction.atomic():
            number = TestNumber.objects.create(
                team=team, place=min(free), label=label, phone=phone, created_by=by
            )
    except IntegrityError:
        raise Refused("Somebody saved a number at this moment. Look again.") from None
    audit(team, "test number added", by=by, subject=str(number.uuid))
    return number


@transaction.atomic
def remove_number(number, *, by):
    """Forget a test number; the tests that were sent to it stay."""
    TestNumber.objects.filter(pk=number.pk).delete()
    audit(number.team, "test number removed", by=by, subject=str(number.uuid))
