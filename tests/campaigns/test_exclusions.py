"""Skip people of an earlier campaign, and people over the frequency limit."""

import time
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import ProtectedError
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from campaigns.services import checks, drafts, exclusions
from contacts.services import opt_out
from core.sentences import from_json
from message_templates.models import MessageTemplate
from sending.message_state import reason_of
from sending.services import launches, retries
from tests.campaigns.pages import text, url
from tests.factories import (
    account_of,
    drain,
    finish,
    launch,
    make_campaign,
    make_checked_campaign,
    make_checked_campaigns,
    make_ready_campaign,
    make_template,
    make_test_number,
    people,
    send_test,
    xlsx,
)

# Not through ChumiAI's group: it can't skip anyone (see test_send_to_group).
ENGINES = [engine for engine in Campaign.Engine.values if engine != Campaign.Engine.GROUP]
Status = Recipient.Status


@pytest.fixture
def fast(connected):
    connected.messages_per_second = 100
    connected.save()
    return connected


@pytest.fixture
def capped(fast):
    """The team with the frequency limit of a new team: one marketing message per day."""
    fast.marketing_messages, fast.marketing_hours = 1, 24
    fast.save()
    return fast


def draft(team, rows, *, name="Second", template=None):
    template = template or MessageTemplate.objects.for_team(team).first() or make_template(team)
    campaign = make_campaign(team, template=template, name=name)
    file = xlsx(rows)
    drafts.attach_upload(campaign, file, name=file.name, by=None)
    return Campaign.objects.with_relations().get(pk=campaign.pk)


def check(campaign):
    checks.request_check(campaign, by=None)
    drain("check_campaign")
    return Campaign.objects.with_relations().get(pk=campaign.pk)


def excluding(team, rows, earlier):
    campaign = draft(team, rows)
    drafts.exclude_campaign(campaign, earlier, by=None)
    return check(campaign)


def outcome(campaign):
    found = campaign.check_result
    skipped = {"excluded": found.excluded, "frequency_cap": found.frequency_cap}
    return {"rows": found.rows, "sent": found.sendable} | {
        name: count for name, count in skipped.items() if count
    }


def sent(sandbox, team):
    ledger = sandbox.ledger(account_of(team))
    return sorted(message["to"] for message in ledger if message["outcome"] == "accepted")


def numbers(rows):
    return [phone for phone, *_ in rows[1:]]


# An earlier campaign


@pytest.mark.parametrize("engine", ENGINES)
def test_people_of_the_earlier_campaign_are_skipped(engine, fast, sandbox):
    earlier = finish(launch(make_ready_campaign(fast, rows=people(4)), engine=engine))
    later = excluding(fast, people(7), earlier)
    assert outcome(later) == {"rows": 7, "sent": 3, "excluded": 4}
    finish(launch(later, engine=engine))
    assert sent(sandbox, fast) == numbers(people(7))


def test_people_the_earlier_campaign_failed_for_or_skipped_are_not_skipped(fast):
    earlier = make_checked_campaign(fast, people(6)[1:])
    launch(earlier, engine="singly")
    states = dict(zip(range(1, 7), Status.values, strict=True))
    for position, status in states.items():
        Recipient.objects.filter(campaign=earlier, position=position).update(
            status=status, skip_reason="opted_out" if status == Status.SKIPPED else ""
        )
    later = excluding(fast, people(6), earlier)
    stay = [n for n, status in states.items() if status in ("failed", "skipped")]
    rows = later.recipients.order_by("position").values_list("row_number", flat=True)
    assert list(rows) == [n + 1 for n in stay]
    assert outcome(later) == {"rows": 6, "sent": 2, "excluded": 4}


def test_skipped_people_have_a_tile_rows_a_download_and_a_line_on_the_review(
    fast, marketer, login
):
    earlier = launch(make_ready_campaign(fast, rows=people(2), name="spring_sale"))
    later = excluding(fast, people(5), earlier)
    client = login(marketer)
    page = client.get(url(later, "check"), {"rows": "excluded"})
    tile = next(tile for tile in page.context["tiles"] if tile["outcome"] == "excluded")
    assert tile["count"] == 2
    assert "Already in spring_sale." in text(page)
    download = client.get(url(later, "rows", outcome="excluded"))
    assert b"".join(download.streaming_content).decode().count("Already in spring_sale.") == 2
    review = text(client.get(url(later, "review")))
    assert "people who got spring_sale" in review
    assert "2 rows are skipped: 2 got the earlier campaign." in review


def test_the_earlier_campaign_is_chosen_on_the_check_page(fast, marketer, login):
    earlier = launch(make_ready_campaign(fast, rows=people(2), name="spring_sale"))
    later = check(draft(fast, people(5)))
    client = login(marketer)
    assert "spring_sale, today" in text(client.get(url(later, "check")))
    client.post(url(later, "check"), {"exclude_campaign": earlier.pk})
    drain("check_campaign")
    later = Campaign.objects.get(pk=later.pk)
    assert (later.exclude_campaign, later.recipient_count) == (earlier, 3)
    # A new check without the field keeps the choice; an empty field removes it.
    client.post(url(later, "check"))
    drain("check_campaign")
    assert Campaign.objects.get(pk=later.pk).recipient_count == 3
    client.post(url(later, "check"), {"exclude_campaign": ""})
    drain("check_campaign")
    assert Campaign.objects.get(pk=later.pk).recipient_count == 5


def test_a_campaign_of_another_team_or_a_draft_cannot_be_chosen(fast, other_team, marketer, login):
    theirs = make_ready_campaign(other_team, count=2)
    Campaign.objects.filter(pk=theirs.pk).update(
        status="completed",
        launched_at=timezone.now(),
        finished_at=timezone.now(),
        intent=uuid.uuid4(),
        snapshot={},
        engine="batches",
    )
    later = check(draft(fast, people(5)))
    client = login(marketer)
    for pk in (theirs.pk, later.pk, "x", 10**12):
        client.post(url(later, "check"), {"exclude_campaign": pk})
        assert Campaign.objects.get(pk=later.pk).exclude_campaign is None
        page = text(client.get(url(later, "check")))
        assert later.name not in page.partition("Skip people from an earlier campaign")[2]


def test_the_choice_is_an_edit_and_changes_the_digest(fast):
    earlier = launch(make_ready_campaign(fast, rows=people(2)))
    later = check(draft(fast, people(5, start=100)))
    seen = later.digest
    drafts.exclude_campaign(later, earlier, by=None)
    assert (later.status, later.digest) == ("draft", "")
    again = check(Campaign.objects.with_relations().get(pk=later.pk))
    # The same five people, but another choice.
    assert again.recipient_count == 5 and again.digest != seen
    drafts.exclude_campaign(again, earlier, by=None)
    assert again.status == "ready"


def test_a_chosen_earlier_campaign_cannot_be_deleted(fast):
    earlier = launch(make_ready_campaign(fast, rows=people(2)))
    excluding(fast, people(5), earlier)
    with pytest.raises(ProtectedError):
        earlier.delete()


@pytest.mark.parametrize("engine", ENGINES)
def test_people_who_get_the_earlier_campaign_after_the_check_are_skipped(engine, fast, sandbox):
    earlier = finish(launch(make_ready_campaign(fast, rows=people(3)), engine=engine))
    first = Recipient.objects.filter(campaign=earlier, position=1)
    first.update(status=Status.FAILED)
    later = excluding(fast, people(4), earlier)
    assert later.recipient_count == 2
    first.update(status=Status.ACCEPTED)
    finish(launch(later, engine=engine))
    skipped = later.recipients.get(status=Status.SKIPPED)
    assert (skipped.position, skipped.skip_reason) == (1, "earlier_campaign")
    assert reason_of(later, skipped) == f"Already in {earlier.name}."
    assert sent(sandbox, fast) == numbers(people(4))


# The frequency limit


def test_a_new_team_has_a_frequency_limit():
    from teams.models import Team

    assert (Team().marketing_messages, Team().marketing_hours) == (1, 24)


@pytest.mark.parametrize("engine", ENGINES)
def test_people_over_the_frequency_limit_are_listed_and_skipped(
    engine, capped, sandbox, marketer, login
):
    finish(launch(make_ready_campaign(capped, rows=people(3)), engine=engine))
    later = check(draft(capped, people(5)))
    assert outcome(later) == {"rows": 5, "sent": 2, "frequency_cap": 3}
    client = login(marketer)
    page = text(client.get(url(later, "check"), {"rows": "frequency_cap"}))
    assert "Got a marketing message in the last 24 hours." in page
    assert "3 at the frequency limit" in text(client.get(url(later, "review")))
    finish(launch(later, engine=engine))
    assert sent(sandbox, capped) == numbers(people(5))


def test_old_messages_do_not_count(capped):
    earlier = finish(launch(make_ready_campaign(capped, rows=people(3))))
    long_ago = timezone.now() - timedelta(hours=25)
    earlier.recipients.filter(position=1).update(settled_at=long_ago)
    assert outcome(check(draft(capped, people(3)))) == {"rows": 3, "sent": 1, "frequency_cap": 2}
    Campaign.objects.filter(pk=earlier.pk).update(finished_at=long_ago)
    assert outcome(check(draft(capped, people(3)))) == {"rows": 3, "sent": 3}


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("accepted", True),
        ("submitting", True),
        ("unconfirmed", True),
        ("failed", False),
        ("skipped", False),
        ("pending", False),
    ],
)
def test_messages_that_may_have_been_sent_count(status, counts, capped):
    earlier = finish(launch(make_ready_campaign(capped, rows=people(1))))
    reason = "opted_out" if status == "skipped" else ""
    earlier.recipients.update(status=status, skip_reason=reason)
    assert set(exclusions.over_frequency_cap(draft(capped, people(1)))) == (
        {f"+{numbers(people(1))[0]}"} if counts else set()
    )


def test_the_limit_may_be_more_than_one_message(capped):
    capped.marketing_messages, capped.marketing_hours = 2, 168
    capped.save()
    finish(launch(make_ready_campaign(capped, rows=people(3))))
    assert outcome(check(draft(capped, people(3)))) == {"rows": 3, "sent": 3}
    finish(launch(make_ready_campaign(capped, rows=people(2), name="Another")))
    last = check(draft(capped, people(3)))
    assert outcome(last) == {"rows": 3, "sent": 1, "frequency_cap": 2}
    [sentence] = last.check_result.details["samples"]["frequency_cap"][0][4]
    assert from_json(sentence) == "Got 2 marketing messages or more in the last 168 hours."


def test_only_marketing_messages_count_and_are_limited(capped):
    order = make_template(capped, "order_update", category="UTILITY")
    finish(launch(make_ready_campaign(capped, rows=people(2), template=order)))
    sale = make_template(capped, "sale")
    campaign = make_ready_campaign(capped, rows=people(2), template=sale)
    assert outcome(campaign) == {"rows": 2, "sent": 2}
    finish(launch(campaign))
    again = make_ready_campaign(capped, rows=people(2), template=order)
    assert outcome(again) == {"rows": 2, "sent": 2}


def test_messages_of_another_team_do_not_count_and_zero_means_no_limit(capped, other_team):
    finish(launch(make_ready_campaign(capped, rows=people(2))))
    other_team.marketing_messages = 1
    other_team.save()
    theirs = make_ready_campaign(other_team, rows=people(2))
    assert outcome(theirs) == {"rows": 2, "sent": 2}
    capped.marketing_messages = 0
    capped.save()
    assert outcome(check(draft(capped, people(2)))) == {"rows": 2, "sent": 2}


def test_tests_to_own_numbers_do_not_count(capped):
    test = finish(launch(make_ready_campaign(capped, rows=people(1))))
    Campaign.objects.filter(pk=test.pk).update(is_test=True)
    assert outcome(check(draft(capped, people(1)))) == {"rows": 1, "sent": 1}
    test.refresh_from_db()
    assert not exclusions.has_frequency_cap(test, "MARKETING")


def test_a_test_does_not_count_after_its_draft_was_deleted(capped):
    ready = make_ready_campaign(capped, rows=people(1))
    number = make_test_number(capped, phone=ready.recipients.get().phone)
    finish(send_test(ready, number=number))
    drafts.delete_draft(ready, by=None)
    assert outcome(check(draft(capped, people(1)))) == {"rows": 1, "sent": 1}


@pytest.mark.parametrize("engines", [(a, b) for a in ENGINES for b in ENGINES])
def test_two_campaigns_at_the_same_time_reach_each_person_once(engines, capped, sandbox):
    pair = [
        make_ready_campaign(capped, rows=people(6), name="One"),
        make_ready_campaign(capped, rows=people(9), name="Two"),
    ]
    for campaign, engine in zip(pair, engines, strict=True):
        assert not campaign.check_result.frequency_cap
        launch(campaign, engine=engine)
    for campaign in pair:
        finish(campaign)
    assert sent(sandbox, capped) == numbers(people(9))
    skipped = Recipient.objects.filter(status=Status.SKIPPED)
    reasons = skipped.values_list("skip_reason", flat=True)
    assert list(reasons) == [Recipient.SkipReason.FREQUENCY_CAP] * 6


def test_a_retry_is_not_limited_by_its_own_campaign(capped, sandbox):
    phone = numbers(people(2))[0]
    sandbox.post("codes", code=131000, phones=[phone], account=account_of(capped), times=1)
    campaign = finish(launch(make_ready_campaign(capped, rows=people(2)), engine="singly"))
    failed = campaign.recipients.filter(status=Status.FAILED)
    assert failed.update(settled_at=timezone.now() - timedelta(days=2)) == 1
    retries.retry(campaign, 131000, by=None)
    finish(campaign)
    assert sent(sandbox, capped) == numbers(people(2))


def test_the_frequency_limit_uses_an_index(capped):
    """The recipients of the campaigns in the window are found by an index, not by a scan."""
    finish(launch(make_ready_campaign(capped, rows=people(3))))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # PostgreSQL scans small tables; without scans, its plan is that of a large table.
            cursor.execute("SET LOCAL enable_seqscan = off")
    found = exclusions.over_frequency_cap(draft(capped, people(3)))
    for rows in (found, found.filter(phone__in=["+233244000111"])):
        plan = rows.explain().lower()
        assert "search campaigns_recipient using" in plan or "index cond: (" in plan
        assert "scan campaigns_recipient" not in plan and "seq scan" not in plan


@pytest.mark.long
def test_the_frequency_limit_is_fast_for_a_million_recipients(team):
    """A hundred campaigns of 10,000 people each; three are in the window."""
    team.marketing_messages = 1
    team.save()
    campaigns = make_checked_campaigns(team, [[]] * 101)
    json = "'[]'::jsonb" if connection.vendor == "postgresql" else "'[]'"
    now = timezone.now()
    for number, campaign in enumerate(campaigns[1:]):
        ago = now - timedelta(hours=number * 10 + 1)
        Campaign.objects.filter(pk=campaign.pk).update(
            status="completed",
            intent=uuid.uuid4(),
            snapshot={"category": "MARKETING"},
            engine="batches",
            launched_at=ago,
            finished_at=ago,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO campaigns_recipient (campaign_id, position, row_number, phone,"
                ' "values", notes, status, remote_id, reason, retries, settled_at) '
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
                f"SELECT %s, i, i, '+23324' || (1000000 + i + %s), {json}, {json}, 'accepted', "
                "'', '', 0, %s FROM n",
                [campaign.pk, number * 5000, ago],
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert Recipient.objects.count() == 1_000_000
    begun = time.monotonic()
    assert len(exclusions.over_frequency_cap(campaigns[0])) == 20_000
    counted = time.monotonic() - begun
    begun = time.monotonic()
    some = [f"+23324{1000000 + n}" for n in range(1, 501)]
    assert len(exclusions.over_frequency_cap(campaigns[0]).filter(phone__in=some)) == 500
    asked = time.monotonic() - begun
    print(f"{connection.vendor}: all in {counted * 1000:.0f} ms, 500 in {asked * 1000:.0f} ms")
    assert counted < 3 and asked < 0.5


# Overlap


def test_the_review_shows_the_overlap_with_an_earlier_campaign(fast, marketer, login):
    earlier = finish(launch(make_ready_campaign(fast, rows=people(25), name="spring_sale")))
    Campaign.objects.filter(pk=earlier.pk).update(
        launched_at=timezone.now() - timedelta(days=1), finished_at=timezone.now()
    )
    other = make_template(fast, "other")
    rows = people(23) + people(2, start=100)[1:]
    later = check(draft(fast, rows, template=other))
    client = login(marketer)
    page = text(client.get(url(later, "review")))
    assert "92 % of these people got spring_sale yesterday." in page
    assert "looks like the same campaign" not in page


@pytest.mark.parametrize(
    ("shared", "hours", "warned"), [(8, 1, True), (7, 1, False), (8, 25, False)]
)
def test_the_review_warns_of_the_same_template_to_the_same_people(
    shared, hours, warned, fast, marketer, login
):
    earlier = finish(launch(make_ready_campaign(fast, rows=people(shared), name="spring_sale")))
    Campaign.objects.filter(pk=earlier.pk).update(
        launched_at=timezone.now() - timedelta(hours=hours)
    )
    later = check(draft(fast, people(10)))
    page = text(login(marketer).get(url(later, "review")))
    assert f"{shared}0 % of these people got spring_sale" in page
    assert ("This looks like the same campaign." in page) == warned


@pytest.mark.parametrize("shared", [0, 4])
def test_an_overlap_below_half_is_not_shown(shared, fast, marketer, login):
    finish(launch(make_ready_campaign(fast, rows=people(5), name="spring_sale")))
    later = check(draft(fast, people(10, start=6 - shared)))
    assert later.check_result.details["overlap"] is None
    assert "of these people got" not in text(login(marketer).get(url(later, "review")))


def test_the_largest_overlap_is_shown_but_not_that_of_an_old_campaign(fast):
    for count, name, days in ((6, "six", 0), (8, "eight", 1), (10, "ten", 8)):
        row = finish(launch(make_ready_campaign(fast, rows=people(count), name=name)))
        Campaign.objects.filter(pk=row.pk).update(
            launched_at=timezone.now() - timedelta(days=days)
        )
    found = check(draft(fast, people(10))).check_result.details["overlap"]
    assert (found["name"], found["percent"]) == ("eight", 80)


def test_check_and_review_need_a_constant_number_of_queries(
    fast, marketer, login, django_assert_max_num_queries
):
    earlier = finish(launch(make_ready_campaign(fast, rows=people(5), name="spring_sale")))
    later = excluding(fast, people(40), earlier)
    client = login(marketer)
    for page in ("check", "review"):
        with django_assert_max_num_queries(12):
            client.get(url(later, page))


def test_opted_out_is_the_first_reason(capped):
    earlier = finish(launch(make_ready_campaign(capped, rows=people(3))))
    opt_out(capped, f"+{numbers(people(1))[0]}")
    later = excluding(capped, people(4), earlier)
    found = later.check_result
    assert (found.opted_out, found.excluded, found.frequency_cap, found.sendable) == (1, 2, 0, 1)


def test_a_launch_after_another_choice_is_refused(fast):
    earlier = launch(make_ready_campaign(fast, rows=people(2)))
    later = check(draft(fast, people(5)))
    seen = later.digest
    drafts.exclude_campaign(later, earlier, by=None)
    check(later)
    with pytest.raises(launches.Refused, match="changed since you opened"):
        launches.launch(later, by=None, intent=uuid.uuid4(), digest=seen)
