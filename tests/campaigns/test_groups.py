"""Send to a ChumiAI group: choose it, check its members, use their contact fields."""

import uuid

import pytest

from audience import contact_fields
from campaigns import group_rules
from campaigns.models import Campaign, GroupChoice, Recipient
from campaigns.services import checks, drafts, groups
from contacts import services as contacts
from contacts.services import opt_out
from core.errors import Refused
from core.sentences import from_json
from sending.labels import pause_sentence
from sending.services import launches
from tests.campaigns.pages import list_url, messages, text, url
from tests.factories import (
    account_of,
    again,
    drain,
    finish,
    launch,
    make_campaign,
    make_group,
    make_group_campaign,
    make_ready_campaign,
    make_template,
    members,
    people,
    xlsx,
)

Way = GroupChoice.Way
MAPPING = {
    "1": {"field": "first_name", "fallback": "customer"},
    "2": {"field": "custom:Town", "fallback": ""},
}


@pytest.fixture
def crowd():
    """Six members: one twice, one without a name, one without a town, one with no number."""
    found = members(6)
    found.append({**found[0], "name": "Zoe Double"})
    found[3] |= {"name": None}
    found[4] |= {"fields": {}}
    found.append({"phone": "12", "name": "Aaron Nonumber", "fields": {"Town": "Ho"}})
    return found


@pytest.fixture
def group(connected, sandbox, crowd):
    return make_group(connected, sandbox, crowd)


@pytest.fixture
def campaign(connected, group, crowd):
    opt_out(connected, f"+{crowd[5]['phone']}")
    return make_group_campaign(connected, group, way=Way.EXPANDED, mapping=MAPPING)


@pytest.fixture
def client(login, marketer):
    return login(marketer)


def intended(crowd):
    """Return the messages to send, ordered by name, those without a name last."""
    rows = [(crowd[n]["phone"], ["Ama", f"Town {n + 1}"]) for n in (0, 1, 2)]
    return [*rows, (crowd[3]["phone"], ["customer", "Town 4"])]


def sent(sandbox, team):
    return [(m["to"], m["values"]) for m in sandbox.ledger(account_of(team))]


# Choosing


def test_the_names_of_custom_fields_are_stored(group):
    assert group.sync.custom_fields == ["Town"]


def test_fields_are_suggested(connected, group):
    template = make_template(connected, body="Hi {{1}}, {{2}} is your code.")
    campaign = make_campaign(connected, template=template)
    groups.choose_group(campaign, group, by=None)
    campaign = again(campaign)
    assert campaign.audience == Campaign.Audience.GROUP
    assert campaign.mapping["values"]["1"] == {"field": "name", "fallback": ""}
    assert campaign.mapping["values"]["2"] is None, (
        "unlike columns, remaining fields are not suggested in their order"
    )


def test_choosing_a_group_removes_the_file_and_vice_versa(connected, group):
    campaign = make_ready_campaign(connected)
    file = campaign.upload.file.path
    groups.choose_group(campaign, group, by=None)
    campaign = again(campaign)
    assert (campaign.status, campaign.audience) == ("draft", "group")
    assert not hasattr(campaign, "upload")
    assert not hasattr(campaign, "check_result")
    assert file
    groups.choose_audience(campaign, "file", by=None)
    campaign = again(campaign)
    assert campaign.audience == "file"
    assert not hasattr(campaign, "group")
    assert campaign.mapping is None


def test_another_template_gets_new_suggestions(connected, group):
    campaign = make_group_campaign(connected, group, way=Way.EXPANDED)
    template = make_template(connected, "other", body="Hello {{1}}.")
    drafts.choose_template(campaign, template, by=None)
    assert again(campaign).mapping["values"] == {"1": {"field": "name", "fallback": ""}}
    GroupChoice.objects.update(way=Way.ENDPOINT)
    drafts.choose_template(again(campaign), make_template(connected, "third"), by=None)
    assert again(campaign).mapping["values"] == {"1": None, "2": None}


def test_the_recommended_way(connected, group, sandbox):
    whole = make_group(connected, sandbox, members(6))
    plain = make_campaign(connected, template=make_template(connected, "plain", body="Hello."))
    best = groups.ways(plain, whole, None)[0]
    assert (best.way, best.why[:21]) == (Way.ENDPOINT, "Everyone gets the sam")
    plain.team.singly_up_to = 250
    assert groups.ways(plain, whole, None)[0].why.startswith("The group is small")
    personal = make_campaign(connected, template=make_template(connected))
    assert "differ from person" in groups.ways(personal, whole, None)[0].why
    opt_out(connected, f"+{members(1)[0]['phone']}")
    best, other = groups.ways(plain, whole, None)
    assert best.way == Way.EXPANDED
    assert "1 member of this group opted out" in other.refused


def test_a_group_that_is_too_large_is_not_checked_member_by_member(connected, group, settings):
    settings.MAX_ROWS = 5
    plain = make_campaign(connected, template=make_template(connected, "plain", body="Hello."))
    offers = {offer.way: offer.refused for offer in groups.ways(plain, group, None)}
    assert "more than we check at once" in offers[Way.EXPANDED]


def test_a_refused_way_cannot_be_chosen(connected, group):
    campaign = make_group_campaign(connected, group, way=Way.EXPANDED)
    with pytest.raises(Refused, match="that we can't read.*Nothing was changed"):
        groups.choose_way(campaign, Way.ENDPOINT, by=None)


# The check


def test_every_member_is_checked(campaign):
    check = campaign.check_result
    counts = (check.rows, check.ready, check.repaired, check.duplicate, check.invalid)
    assert counts == (8, 4, 0, 1, 2)
    assert check.opted_out == 1
    assert check.details["header"] == ["Phone", "Name", "E-mail", "Town", "First name"]
    [(number, _, _, _, sentences, cells)] = check.details["samples"]["duplicate"]
    assert list(map(from_json, sentences)) == ["Same number as member 2, which is sent."]
    assert cells[1] == "Zoe Double"
    problems = [from_json(row[4][0]) for row in check.details["samples"]["invalid"]]
    assert "{{2}} is empty. Add it to the contact in ChumiAI, or set a fallback." in problems
    [[note, _]] = check.details["notes"]
    assert from_json(note) == "{{1}} is empty: “customer” is used."


def test_each_gets_the_values_of_their_contact(campaign, crowd, sandbox):
    finish(launch(campaign, engine="singly"))
    assert campaign.status == "completed"
    assert sorted(sent(sandbox, campaign.team)) == sorted(intended(crowd))
    assert campaign.snapshot["group"] == {
        "name": "Regulars",
        "remote_id": campaign.group.remote_id,
        "size": 8,
        "read_at": campaign.group.read_at.isoformat(),
        "way": "expanded",
    }


def test_batches_have_the_values_of_the_contacts(campaign, crowd, sandbox):
    finish(launch(campaign, engine="batches"))
    assert sent(sandbox, campaign.team) == intended(crowd)


def test_members_opted_out_in_chumiai_are_skipped(connected, sandbox):
    crowd = members(3)
    crowd[1]["opted_out"] = True
    group = make_group(connected, sandbox, crowd)
    campaign = make_group_campaign(connected, group, way=Way.EXPANDED, mapping=MAPPING)
    assert campaign.check_result.opted_out == 1
    assert not Recipient.objects.filter(phone=f"+{crowd[1]['phone']}").exists()


def test_the_check_uses_the_last_sync(connected, sandbox, campaign, crowd):
    make_group(connected, sandbox, crowd[:3])
    checks.request_check(campaign, by=None)
    drain("check_campaign")
    campaign = again(campaign)
    assert campaign.check_result.rows == 3
    assert campaign.group.size == 3


def test_a_group_that_vanished_fails_the_check(connected, sandbox, campaign):
    make_group(connected, sandbox, members(2), name="Others")
    checks.request_check(campaign, by=None)
    drain("check_campaign")
    campaign = again(campaign)
    assert campaign.check_result.state == "failed"
    assert campaign.check_result.error == group_rules.VANISHED


def test_a_launch_after_another_group_was_chosen_is_refused(campaign, connected, sandbox):
    digest = campaign.digest
    other = make_group(connected, sandbox, members(2), name="Others")
    groups.choose_group(campaign, other, by=None)
    checks.request_check(again(campaign), by=None)
    drain("check_campaign")
    with pytest.raises(Refused, match="changed since you opened"):
        launches.launch(again(campaign), by=None, intent=uuid.uuid4(), digest=digest)


# A file with values from contact fields


def test_a_file_may_use_contact_fields(connected, sandbox, crowd):
    make_group(connected, sandbox, crowd)
    campaign = make_campaign(connected, template=make_template(connected))
    file = xlsx([*people(4), ["233240000333", "Not a contact", "C-9"]])
    drafts.attach_upload(campaign, file, name=file.name, by=None)
    values = {
        "1": {"column": 1, "fallback": ""},
        "2": {"field": "custom:Town", "fallback": "Accra"},
    }
    drafts.set_mapping(campaign, {"phone_column": 0, "values": values}, by=None)
    checks.request_check(again(campaign), by=None)
    drain("check_campaign")
    found = Recipient.objects.order_by("position").values_list("values", flat=True)
    assert list(found) == [
        *(["Person " + str(n), f"Town {n}"] for n in (1, 2, 3, 4)),
        ["Not a contact", "Accra"],
    ]


def test_a_row_without_contact_and_fallback_is_invalid(connected, sandbox, crowd):
    make_group(connected, sandbox, crowd)
    campaign = make_campaign(connected, template=make_template(connected))
    file = xlsx([*people(2), ["233240000333", "Not a contact", "C-9"]])
    drafts.attach_upload(campaign, file, name=file.name, by=None)
    drafts.set_mapping(campaign, {"phone_column": 0, "values": MAPPING}, by=None)
    checks.request_check(again(campaign), by=None)
    drain("check_campaign")
    check = again(campaign).check_result
    assert (check.ready, check.invalid) == (2, 1)


def test_texts_of_fields():
    class Contact:
        name, first_name, email, custom = "Ama Mensah", "Ama", "a@b.example", {"Town": "Ho"}

    fields = contact_fields.offered(["Town"])
    assert [contact_fields.text_of(Contact, field) for field in fields] == [
        "Ama Mensah", "Ama", "a@b.example", "Ho",
    ]  # fmt: skip
    assert contact_fields.text_of(Contact, "custom:Gone") == ""


# The size of the group before the first message


def test_a_changed_size_pauses_the_campaign(campaign, sandbox, crowd, marketer):
    account = account_of(campaign.team)
    sandbox.post("groups", account=account, name="Regulars", members=crowd[:4])
    launch(campaign, engine="singly")
    drain()
    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("paused", "group_changed")
    assert "had 8 people when you last saw it and has 4 people now" in pause_sentence(campaign)
    assert sent(sandbox, campaign.team) == []
    launches.resume(campaign, by=marketer)
    finish(campaign)
    # It goes to the members that were checked, as the note says.
    assert sorted(sent(sandbox, campaign.team)) == sorted(intended(crowd))


def test_the_group_is_counted_once(campaign, sandbox, marketer, crowd):
    sandbox.post("groups", account=account_of(campaign.team), name="Regulars", members=crowd[:4])
    launch(campaign, engine="batches")
    drain()
    campaign.refresh_from_db()
    launches.resume(campaign, by=marketer)
    sandbox.post("groups", account=account_of(campaign.team), name="Regulars", members=crowd[:1])
    finish(campaign)
    assert campaign.status == "completed"


def test_a_key_without_contact_scope_pauses(campaign, sandbox):
    sandbox.fault("403", path="/api/v1/contacts/groups/.*", method="GET", times=9)
    launch(campaign, engine="batches")
    drain()
    campaign.refresh_from_db()
    assert campaign.status == "paused"
    assert sent(sandbox, campaign.team) == []


def test_a_temporary_error_delays_the_count(campaign, sandbox, crowd):
    sandbox.fault("503", path="/api/v1/contacts/groups/.*", method="GET", times=2)
    finish(launch(campaign, engine="batches"))
    assert campaign.status == "completed"
    assert sent(sandbox, campaign.team) == intended(crowd)


# The pages


def test_the_pages_from_the_group_to_the_launch(connected, group, client, sandbox, crowd):
    template = make_template(connected)
    path = f"{list_url(connected, 'new')}?group={group.uuid}"
    assert "It goes to the group Regulars, 8 people." in text(client.get(path))
    answer = client.post(path, {"template": template.uuid})
    campaign = Campaign.objects.get()
    assert answer.url == url(campaign, "group")
    page = text(client.get(url(campaign, "group")))
    assert "Not possible: 1 member has a number that we can't read" in page.replace("&#x27;", "'")
    answer = client.post(url(campaign, "group"), {"way": "expanded"})
    assert answer.url == url(campaign, "values")
    assert "Change" in text(client.get(url(campaign, "values")))
    answer = client.post(
        url(campaign, "values"),
        {
            "source_0": "field:first_name",
            "fallback_0": "customer",
            "source_1": "field:custom:Town",
            "then": "check",
        },
    )
    assert answer.url == url(campaign, "check")
    assert again(campaign).mapping == {"phone_column": 0, "values": MAPPING}
    drain("check_campaign")
    page = text(client.get(url(campaign, "check")))
    assert "8 members of Regulars" in page
    assert "row" not in page
    rows = client.get(url(campaign, "rows", outcome="invalid"))
    assert b"Member,Phone" in b"".join(rows.streaming_content)
    page = text(client.get(url(campaign, "preview")))
    assert "Member of the group" in page
    page = text(client.get(url(campaign, "review")))
    assert "3 members are skipped: 2 invalid, 1 duplicate." in page
    assert "We count it again before the first message" in page
    for step in ("group", "values", "check", "preview", "review"):
        assert client.get(url(campaign, step)).status_code == 200, step
    assert client.get(url(campaign, "file")).status_code == 302


def test_the_pages_through_chumiais_group(connected, sandbox, client):
    group = make_group(connected, sandbox, members(6))
    campaign = make_campaign(connected, template=make_template(connected))
    client.post(url(campaign, "audience"), {"audience": "group"})
    assert client.get(url(campaign, "file")).url == url(campaign, "group")
    client.post(url(campaign, "group"), {"group": group.uuid})
    client.post(url(campaign, "group"), {"way": "endpoint"})
    page = client.get(url(campaign, "values"))
    assert "so everyone gets the same text" in text(page)
    answer = client.post(url(campaign, "values"), {"then": "check", "source_0": "text"})
    assert "Type the text that everyone gets." in text(answer)
    texts = {"source_0": "text", "text_0": "dear", "source_1": "text", "text_1": "MF-1"}
    assert client.post(url(campaign, "values"), {**texts, "then": "check"}).url == url(
        campaign, "check"
    )
    drain("check_campaign")
    assert "All 6 members of Regulars" in text(client.get(url(campaign, "check")))
    assert "Everyone gets the same message" in text(client.get(url(campaign, "preview")))
    page = text(client.get(url(campaign, "review")))
    assert "No member of the group has opted out." in page
    assert "To the group by ChumiAI" in page
    opt_out(connected, f"+{members(1)[0]['phone']}")
    page = text(client.get(url(campaign, "review")))
    assert "Blocked: 1 member of this group opted out" in page
    data = {
        "intent": uuid.uuid4(),
        "digest": again(campaign).digest,
        "consent": launches.consent_sentence(again(campaign)),
    }
    assert "Nothing was sent." in text(client.post(url(campaign, "launch"), data))
    contacts.lift(connected.opt_outs.get(), reason="Asked", by=None)
    client.post(url(campaign, "launch"), data)
    campaign = finish(again(campaign))
    assert campaign.status == "completed"
    page = text(client.get(url(campaign, "detail")))
    assert "Download recipients" not in page
    assert "Regulars" in page


def test_a_group_of_another_team_is_not_found(connected, other_team, client):
    assert contacts.request_contact_sync(other_team)
    path = f"{list_url(connected, 'new')}?group={uuid.uuid4()}"
    assert client.get(path).status_code == 404


def test_an_unknown_audience_is_refused(connected, client):
    campaign = make_campaign(connected, template=make_template(connected))
    client.post(url(campaign, "audience"), {"audience": "number"})
    assert "Choose a file or a group. Nothing was changed." in messages(
        client, url(campaign, "file")
    )
