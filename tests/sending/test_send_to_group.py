"""A campaign through ChumiAI's group: one request, never twice, never against an opt-out."""

import pytest

from campaigns import group_rules
from campaigns.audiences import audience_of
from campaigns.models import Campaign, GroupChoice
from campaigns.services import checks, drafts, groups, media
from chumi_api.types import Contact, ContactGroup, GroupDetail
from contacts.models import OptOut
from contacts.services import lift, opt_out
from core.errors import Refused
from sending.labels import batch_sentence, pause_sentence
from sending.models import Attempt
from sending.services import batches, group_counts, jobs, launches
from sending.services.batches import Decision
from tests.chaos.ledger_check import problems_in_words
from tests.factories import (
    account_of,
    again,
    drain,
    finish,
    launch,
    let_time_pass,
    make_campaign,
    make_group,
    make_group_campaign,
    make_media_template,
    make_ready_campaign,
    media_link,
    members,
)
from tests.sending.test_opted_out import answer_about

SEND = "/api/v1/whatsapp/send-template-to-group"
Way = GroupChoice.Way


@pytest.fixture
def group(connected, sandbox):
    return make_group(connected, sandbox, members(6))


@pytest.fixture
def campaign(connected, group):
    return make_group_campaign(connected, group, way=Way.ENDPOINT)


def phones(count):
    return [member["phone"] for member in members(count)]


def lines(sandbox, campaign):
    return sandbox.ledger(account_of(campaign.team))


def requests_to_group(sandbox, campaign):
    return len({line["job_id"] for line in lines(sandbox, campaign)})


def change_group(sandbox, campaign, people):
    sandbox.post("groups", account=account_of(campaign.team), name="Regulars", members=people)


def test_the_whole_group_gets_the_same_in_one_request(campaign, sandbox):
    assert campaign.status == Campaign.Status.READY
    assert campaign.recipient_count == 6
    finish(launch(campaign, engine=""))
    assert (campaign.status, campaign.engine) == ("completed", "group")
    assert [line["to"] for line in lines(sandbox, campaign)] == phones(6)
    assert {(line["via"], *line["values"]) for line in lines(sandbox, campaign)} == {
        ("group", "Text 1", "Text 2")
    }
    assert requests_to_group(sandbox, campaign) == 1
    batch = campaign.batches.get()
    assert (batch.size, batch.submitted, batch.status) == (6, 6, "accepted")
    assert batch.job.accepted == 6
    assert not list(problems_in_words(campaign))
    assert campaign.snapshot["group"]["size"] == 6


def test_a_picture_goes_along(connected, sandbox, group, marketer):
    template = make_media_template(connected, "promotion_broadcast")
    campaign = drafts.create_campaign(connected, by=marketer, template=template)
    groups.choose_group(campaign, group, by=marketer)
    campaign = again(campaign)
    groups.choose_way(campaign, Way.ENDPOINT, by=marketer)
    values = {name: {"text": "x"} for name in template.placeholders}
    drafts.set_mapping(campaign, {"phone_column": 0, "values": values}, by=marketer)
    link = media_link(sandbox)
    media.set_media(campaign, link=link, by=marketer)
    drain("check_media")
    campaign = again(campaign)
    checks.request_check(campaign, by=marketer)
    drain("check_campaign")
    finish(launch(again(campaign), engine=""))
    assert {(line["via"], line["media"]) for line in lines(sandbox, campaign)} == {("group", link)}


@pytest.mark.parametrize(
    "kind", ["500", "502html", "503", "half_json", "200_no_id", "accepted_then_500"]
)
def test_an_unclear_answer_is_never_repeated(campaign, sandbox, settings, marketer, kind):
    settings.RECONCILE_SECONDS = 0
    sandbox.fault(kind, path=SEND)
    launch(campaign, engine="")
    for _ in range(12):
        drain()
        let_time_pass()
    campaign.refresh_from_db()
    batch = campaign.batches.get()
    if lines(sandbox, campaign):
        # It had been accepted, and its job was found among those without a file.
        assert "did start batch 1" in batch_sentence(batch)
        finish(campaign)
        assert requests_to_group(sandbox, campaign) == 1
        return
    assert (campaign.status, campaign.pause_reason) == ("paused", "unconfirmed")
    with pytest.raises(Refused):
        launches.resume(campaign, by=marketer)
    assert batch.search_ended_at, "a person can decide"
    batches.decide(batch, Decision.SEND_AGAIN, by=marketer)
    finish(campaign)
    assert requests_to_group(sandbox, campaign) == 1
    assert Attempt.objects.filter(batch=batch).count() == 2


def test_a_job_that_counts_its_people_otherwise_is_not_adopted(campaign, sandbox, settings):
    """ChumiAI may write to a number once that stands in the group twice: then nobody is sure."""
    settings.RECONCILE_SECONDS = 0
    sandbox.fault("500", path=SEND)
    launch(campaign, engine="")
    drain()
    sandbox.post("jobs", account=account_of(campaign.team), total=5)
    for _ in range(12):
        drain()
        let_time_pass()
    batch = campaign.batches.get()
    assert (batch.status, batch.candidates) == ("unconfirmed", 1)


def test_a_job_with_a_file_is_not_taken_for_the_groups(campaign, sandbox, settings):
    settings.RECONCILE_SECONDS = 0
    sandbox.fault("500", path=SEND)
    launch(campaign, engine="")
    drain()
    sandbox.post("jobs", account=account_of(campaign.team), total=6, file_name="other.xlsx")
    for _ in range(12):
        drain()
        let_time_pass()
    batch = campaign.batches.get()
    assert (batch.status, batch.candidates) == ("unconfirmed", 0)


def test_a_refusal_fails_the_group_and_may_be_tried_again(campaign, sandbox):
    sandbox.fault("200_success_false", path=SEND, message="(#131026) Message undeliverable")
    launch(campaign, engine="")
    drain("send_batches")
    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("completed", "")
    assert campaign.batches.get().status == "rejected"
    assert not lines(sandbox, campaign)


# Opt-outs


def test_who_opted_out_before_the_check_refuses_the_way(connected, sandbox, group):
    opt_out(connected, f"+{phones(3)[2]}")
    draft = make_campaign(connected)
    assert group_rules.why_not_through_group(draft, group).startswith("1 member of this group")
    with pytest.raises(Refused, match="opted out"):
        make_group_campaign(connected, group, way=Way.ENDPOINT)


def test_who_opted_out_after_the_choice_fails_the_check(connected, sandbox, campaign):

    opt_out(connected, f"+{phones(3)[2]}")
    checks.request_check(campaign, by=None)
    drain("check_campaign")
    campaign = again(campaign)
    assert campaign.status == Campaign.Status.DRAFT
    assert campaign.check_result.state == "failed"
    assert "opted out" in campaign.check_result.error
    # Stored apart from their values, for the language of the page.
    assert campaign.check_result.errors == [
        [group_rules.OPTED_OUT[0], {"count": 1}, group_rules.OPTED_OUT[1]],
        "Choose “Check every member” instead.",
    ]
    assert f"“{Way.EXPANDED.label}”" in campaign.check_result.errors[1]


def test_who_opted_out_after_the_check_refuses_the_launch(campaign, sandbox):
    opt_out(campaign.team, f"+{phones(3)[2]}")
    with pytest.raises(Refused, match="opted out.*Nothing was sent"):
        launch(campaign, engine="")
    campaign.refresh_from_db()
    assert campaign.launched_at is None


def test_who_opted_out_after_the_launch_holds_it(campaign, sandbox, manager):
    launch(campaign, engine="")
    row, _ = opt_out(campaign.team, f"+{phones(3)[2]}")
    drain()
    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("paused", "group_refused")
    assert "opted out" in pause_sentence(campaign)
    assert not lines(sandbox, campaign)
    launches.resume(campaign, by=manager)
    drain()
    campaign.refresh_from_db()
    assert campaign.status == "paused", "asked again, refused again"
    lift(row, reason="Asked for it", by=manager)
    launches.resume(campaign, by=manager)
    finish(campaign)
    assert [line["to"] for line in lines(sandbox, campaign)] == phones(6)


def test_who_joined_the_group_and_opted_out_is_seen(campaign, sandbox):
    """Our reading of the group is older than the group."""
    people = members(7)
    opt_out(campaign.team, f"+{people[6]['phone']}")
    change_group(sandbox, campaign, people)
    launch(campaign, engine="")
    drain()
    campaign.refresh_from_db()
    assert campaign.pause_reason == "group_refused"
    assert not lines(sandbox, campaign)


def test_members_that_chumiai_calls_opted_out_count_too(campaign, sandbox):
    people = members(6)
    people[2]["opted_out"] = True
    change_group(sandbox, campaign, people)
    launch(campaign, engine="")
    drain()
    campaign.refresh_from_db()
    assert campaign.pause_reason == "group_refused"
    assert not lines(sandbox, campaign)


@pytest.mark.parametrize("moment", ["before the claim", "at the last byte"])
def test_who_opts_out_in_the_last_moment_is_not_reached(campaign, sandbox, monkeypatch, moment):
    """Each of the two guards by itself: in the claim, and just before the last byte."""
    phone = f"+{phones(3)[2]}"
    launch(campaign, engine="")
    if moment == "before the claim":
        prepare = batches.prepare_group

        def slowly(batch, numbers):
            opt_out(campaign.team, phone)
            return prepare(batch, numbers)

        monkeypatch.setattr(batches, "prepare_group", slowly)
    else:
        may = batches.may_finish

        def late(attempt):
            opt_out(campaign.team, phone)
            return may(attempt)

        monkeypatch.setattr(batches, "may_finish", late)
    drain("send_batches")
    monkeypatch.undo()
    finish(campaign)
    assert not lines(sandbox, campaign)
    assert campaign.pause_reason == "group_refused"
    assert campaign.batches.get().status == "pending"
    outcomes = [attempt.outcome for attempt in campaign.attempts.all()]
    assert outcomes == ([] if moment == "before the claim" else ["not_sent"])


def test_a_pause_in_the_last_moment_is_obeyed(campaign, sandbox, monkeypatch, marketer):
    launch(campaign, engine="")
    may = batches.group_may_finish

    def late(attempt, prepared):
        launches.pause(campaign, by=marketer)
        return may(attempt, prepared)

    monkeypatch.setattr(batches, "group_may_finish", late)
    drain("send_batches")
    monkeypatch.undo()
    assert not lines(sandbox, campaign)
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert requests_to_group(sandbox, campaign) == 1


def test_a_group_that_did_not_come_whole_is_refused():
    known = Contact("1", phone="233244123456")
    for detail in (
        GroupDetail(ContactGroup("g", size=3), members=(known,)),
        GroupDetail(ContactGroup("g"), members=(known,), skipped=1),
    ):
        refused = group_rules.refusal(
            opted_out=0,
            over_frequency_cap=0,
            unreadable=0,
            whole=detail.complete,
            size=len(detail.members),
        )
        assert "did not list all members" in refused


def test_a_number_that_we_cannot_read_refuses_the_way(connected, sandbox):
    group = make_group(connected, sandbox, [*members(3), {"phone": "12"}])
    refused = group_rules.why_not_through_group(make_campaign(connected), group)
    assert "1 member has a number that we can't read" in refused


def test_who_had_enough_refuses_the_way(connected, sandbox, group):
    connected.marketing_messages = 1
    connected.save()
    rows = [["Phone", "Name", "Code"], [phones(3)[2], "Ama", "C"]]
    launch(make_ready_campaign(connected, rows=rows))
    drain("send_batches")
    with pytest.raises(Refused, match="1 member of this group reached the frequency limit"):
        make_group_campaign(connected, group, way=Way.ENDPOINT)


def test_who_had_enough_since_the_launch_gets_nothing(connected, sandbox, campaign):
    connected.marketing_messages = 1
    connected.save()
    rows = [["Phone", "Name", "Code"], [phones(3)[2], "Ama", "C"]]
    other = make_ready_campaign(connected, rows=rows)
    launch(campaign, engine="")
    launch(other)
    Campaign.objects.filter(pk=campaign.pk).update(status="paused", pause_reason="person")
    drain("send_batches")
    launches.resume(campaign, by=None)
    drain("send_batches")
    campaign.refresh_from_db()
    assert campaign.status == "paused" and "frequency limit" in pause_sentence(campaign)
    assert [line["via"] for line in lines(sandbox, campaign)] == ["bulk"]


def test_an_earlier_campaign_to_leave_out_refuses_the_way(connected, sandbox, campaign):
    earlier = launch(make_ready_campaign(connected))
    Campaign.objects.filter(pk=campaign.pk).update(exclude_campaign=earlier)
    campaign = Campaign.objects.with_relations().get(pk=campaign.pk)
    assert "are to be skipped" in audience_of(campaign).what_blocks()


def test_stopped_marketing_is_put_on_the_list_once(connected, sandbox, manager):
    """Every answer about a job repeats its failures, also after an opt-out was removed."""
    stopped = "233240001050"
    group = make_group(connected, sandbox, [*members(3), {"phone": stopped, "name": "Esi"}])
    campaign = make_group_campaign(connected, group, way=Way.ENDPOINT)
    finish(launch(campaign, engine=""))
    assert campaign.status == "completed"
    row = OptOut.objects.get()
    assert (row.phone, row.source) == (f"+{stopped}", "whatsapp")
    lift(row, reason="Asked for it", by=manager)

    job = campaign.batches.get().job
    type(job).objects.filter(pk=job.pk).update(state="running")
    jobs.apply_status(job, answer_about(job, stopped))
    assert not OptOut.objects.in_force().exists()


# The size


def test_a_changed_size_holds_the_campaign_and_asks(campaign, sandbox, marketer):
    change_group(sandbox, campaign, members(12))
    launch(campaign, engine="")
    drain()
    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("paused", "group_changed")
    assert "had 6 people" in pause_sentence(campaign)
    assert "has 12 people now" in pause_sentence(campaign)
    assert not lines(sandbox, campaign)
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert [line["to"] for line in lines(sandbox, campaign)] == phones(12)
    assert (campaign.recipient_count, campaign.batches.get().size) == (12, 12)
    assert campaign.snapshot["group"]["size"] == 6, "frozen as it was launched"
    assert not list(problems_in_words(campaign))


def test_a_small_change_asks_nobody(campaign, sandbox):
    change_group(sandbox, campaign, members(8))
    finish(launch(campaign, engine=""))
    assert campaign.status == "completed"
    assert campaign.recipient_count == 8
    assert len(lines(sandbox, campaign)) == 8


@pytest.mark.parametrize(
    ("old", "new", "other"),
    [
        (6, 8, False), (6, 9, True), (6, 3, True), (100, 105, False), (100, 106, True),
        (100, 94, True), (1000, 950, False), (1000, 949, True), (2, 0, False),
    ],
)  # fmt: skip
def test_which_change_is_another_group(old, new, other):
    assert group_rules.is_other_group(old, new) == other


def test_a_group_that_is_gone_holds_the_campaign(campaign, sandbox):
    GroupChoice.objects.update(remote_id="nobody")
    campaign = again(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(digest=checks.digest_of(campaign))
    campaign.refresh_from_db()
    launch(campaign, engine="")
    drain()
    campaign.refresh_from_db()
    assert campaign.pause_reason == "group_refused"
    assert "does not have this group any more" in pause_sentence(campaign)


def test_the_number_is_counted_before_each_try(campaign, sandbox):
    """A batch that was pending for long is as old as its last try."""
    launch(campaign, engine="")
    assert group_counts.record_count(campaign, 6)
    assert GroupChoice.objects.get().counted_size == 6
