"""Rows for tests, made through the services wherever there is one."""

import io
import time
import uuid
from datetime import timedelta

import requests
import xlsxwriter
from bs4 import BeautifulSoup
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.utils import timezone

from campaigns.models import Campaign, Check, Recipient, Upload
from campaigns.services import checks, drafts, groups
from chumi_api.types import Contact as RemoteContact
from chumi_api.types import ContactGroup as RemoteGroup
from chumi_api.types import Listing
from chumi_api.types import Message as RemoteMessage
from contacts import services as contacts
from contacts.models import ContactGroup, UnreadableOptOut
from conversations.models import Conversation
from conversations.services import record_messages
from message_templates.models import MessageTemplate
from message_templates.sendability import why_unsendable
from sending.models import Batch, BulkJob
from sending.services import launches, test_sends
from tasks import services as tasks
from tasks.models import Task
from teams import services as teams
from teams.models import Connection, Membership, Team, User

PASSWORD = "correct horse battery staple"
PREFIXES = (24, 54, 55, 59, 20, 50)
BODY = "Hi {{1}}, your code is {{2}}."


# A test of another engine or of the frequency limit sets these itself.
OFF = {"singly_up_to": 0, "marketing_messages": 0}


def make_team(slug, **fields):
    return Team.objects.create(slug=slug, **(OFF | {"name": slug.title()} | fields))


def make_user(name, team=None, role="marketer", **fields):
    first, _, last = name.partition(" ")
    user = User.objects.create_user(
        f"{first.lower()}@example.com", PASSWORD, first_name=first, last_name=last, **fields
    )
    if team:
        Membership.objects.create(team=team, user=user, role=role)
    return user


def connect(team, sandbox, *, kind="full", account=None):
    """Connect the team to an account of its own at the sandbox."""
    teams.connect(team, base_url=sandbox.url, key=sandbox.key(account or account_of(team), kind))
    for template in MessageTemplate.objects.for_team(team):
        publish(template)
    return team


def publish(template, **changes):
    """Let ChumiAI list the template as our row has it, or with changes; the row stays."""
    connection = Connection.objects.filter(team=template.team).first()
    if connection is None or not (connection.has_key and connection.is_sandbox):
        return
    fields = ("name", "language", "category", "status", "parameter_format", "components")
    order = {field: getattr(template, field) for field in fields} | changes
    order |= {"quality": template.quality, "listed": True, "key": connection.key()}
    url = f"{connection.base_url}/__sandbox__/templates"
    requests.post(url, json=order, timeout=10).raise_for_status()


def account_of(team):
    return team.slug


def make_template(team, name="welcome_message", *, body=BODY, language="en_US", **fields):
    now = timezone.now()
    components = fields.pop("components", [{"type": "BODY", "text": body}])
    values = {
        "category": "MARKETING",
        "status": "APPROVED",
        "quality": "GREEN",
        "parameter_format": "POSITIONAL",
    } | fields
    code = why_unsendable(
        components=components,
        parameter_format=values["parameter_format"],
        category=values["category"],
        status=values["status"],
        vanished=values.get("vanished_at") is not None,
    )
    template = MessageTemplate.objects.create(
        team=team,
        name=name,
        language=language,
        components=components,
        unsendable_code=code or "",
        first_seen_at=now,
        changed_at=now,
        **values,
    )
    publish(template)
    return template


def xlsx(rows, name="customers.xlsx"):
    """Return an upload of a real .xlsx; strings as text, numbers as numbers."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return SimpleUploadedFile(name, buffer.getvalue())


def people(count, *, start=1):
    """Return rows of made-up people: header, then phone, name and code."""
    rows = [["Phone", "Name", "Code"]]
    rows += [
        # Digits that the sandbox delivers: other last three digits choose an outcome.
        [f"233{PREFIXES[n // 10_000]}{(4000 + n) % 10_000:04d}111", f"Person {n}", f"C-{n:05d}"]
        for n in range(start, start + count)
    ]
    return rows


def make_campaign(team, *, by=None, template=None, name="Easter sale"):
    """Return a draft."""
    return drafts.create_campaign(team, by=by, name=name, template=template)


def make_ready_campaign(team, *, rows=None, count=5, by=None, template=None, name="Easter sale"):
    """Return a campaign after upload, mapping and check, ready to launch."""
    template = (
        template
        or MessageTemplate.objects.for_team(team).filter(name="welcome_message").first()
        or make_template(team)
    )
    campaign = make_campaign(team, by=by, template=template, name=name)
    file = xlsx(rows or people(count))
    drafts.attach_upload(campaign, file, name=file.name, by=by)
    campaign = Campaign.objects.get(pk=campaign.pk)
    checks.request_check(campaign, by=by)
    drain("check_campaign")
    return Campaign.objects.get(pk=campaign.pk)


def again(campaign):
    """Return the campaign as its row is now, without cached relations."""
    return Campaign.objects.get(pk=campaign.pk)


def make_unreadable(team, *, event="wamid.1", number="0244", message="STOP", name="Ama Mensah"):
    """Return the opt-out of a person whose number can't be read."""
    unread = contacts.Unread(event, number, "keyword", message=message, name=name)
    contacts.record_unreadable_opt_outs(team, [unread])
    return UnreadableOptOut.objects.waiting(team).get(number=number)


def contact_page(*ids, phone="233244123456", skipped=0):
    """Return a page of contacts as the client gives it."""
    page = Listing(RemoteContact(remote_id, phone, f"Person {remote_id}") for remote_id in ids)
    page.skipped = skipped
    return page


def group_page(*ids, size=None):
    return Listing(RemoteGroup(remote_id, f"Group {remote_id}", size=size) for remote_id in ids)


def mirror(team, people=None, *, groups=()):
    """Return a complete sync of these people (one by default) and of these groups."""
    people = contact_page("1") if people is None else Listing(people)
    sync = contacts.request_contact_sync(team)
    contacts.begin_contact_sync(sync)
    contacts.apply_contact_page(sync, people)
    members = dict(groups)
    for group in contacts.apply_groups(sync, group_page(*members)):
        contacts.apply_member_page(sync, group, Listing(members[group.remote_id]))
        contacts.record_group_synced(sync, group)
    contacts.record_contact_sync_succeeded(sync)
    sync.refresh_from_db()
    return sync


def make_conversation(team, *texts, phone="233244123456", name="Ama Mensah"):
    """Return a conversation in which the person wrote these texts, the last a minute ago."""
    now = timezone.now()
    texts = texts or ("Do you have it in blue?",)
    record_messages(
        team,
        [
            RemoteMessage(
                remote_id=f"wamid.{team.slug}.{phone}.{number}",
                phone=phone,
                inbound=True,
                text=text,
                name=name,
                at=now - timedelta(minutes=len(texts) - number),
            )
            for number, text in enumerate(texts)
        ],
    )
    return Conversation.objects.get(team=team, phone=f"+{phone}")


def make_single(team, *, by=None, template=None, phone="0244000111", values=("Ama", "C-1")):
    """Return a draft to one number in which everything is typed, but not checked yet."""
    template = template or (
        MessageTemplate.objects.for_team(team).filter(name="welcome_message").first()
        or make_template(team)
    )
    single = drafts.create_campaign(
        team, by=by, template=template, audience=Campaign.Audience.NUMBER
    )
    typed = {
        name: {"text": value} for name, value in zip(template.placeholders, values, strict=True)
    }
    drafts.set_mapping(single, {"phone": phone, "values": typed}, by=by)
    return Campaign.objects.get(pk=single.pk)


def make_test_number(team, *, label="Kofi's phone", phone="+233244000001", by=None):
    return test_sends.add_number(team, label=label, phone=phone, by=by)


def send_test(campaign, *, position=1, number=None, by=None):
    """Send a row of a ready campaign to one test number, as its preview does."""
    number = number or campaign.team.test_numbers.first() or make_test_number(campaign.team)
    person = campaign.recipients.get(position=position)
    press = {"intent": uuid.uuid4(), "digest": campaign.digest}
    return test_sends.send_tests(campaign, person, [number], by=by, **press)[0]


def members(count, *, start=1):
    """Return members of a group that the sandbox delivers to, each with a custom field."""
    return [
        {
            "phone": phone,
            "name": f"Ama Person-{n}",
            "email": f"ama{n}@mail.example",
            "fields": {"Town": f"Town {n}"},
        }
        for n, (phone, _, _) in enumerate(people(count, start=start)[1:], start=start)
    ]


def make_group(team, sandbox, people, *, name="Regulars"):
    """Make a group at the sandbox, in an address book without others, and read it."""
    account = account_of(team)
    sandbox.post("contacts", account=account, contacts=0, groups=0)
    sandbox.post("groups", account=account, name=name, members=people)
    contacts.request_contact_sync(team)
    drain("sync_contacts")
    return ContactGroup.objects.current(team).select_related("sync").get(name=name)


def make_group_campaign(team, group, *, way, template=None, mapping=None, by=None):
    """Return a campaign to the group that was checked, if it could be; fresh from its row."""
    template = template or MessageTemplate.objects.for_team(team).first() or make_template(team)
    campaign = make_campaign(team, by=by, template=template, name="To the group")
    groups.choose_group(campaign, group, by=by)
    campaign = Campaign.objects.get(pk=campaign.pk)
    if campaign.group.way != way:
        groups.choose_way(campaign, way, by=by)
    values = mapping or {name: {"text": f"Text {name}"} for name in template.placeholders}
    drafts.set_mapping(campaign, {"phone_column": 0, "values": values}, by=by)
    campaign = Campaign.objects.get(pk=campaign.pk)
    checks.request_check(campaign, by=by)
    drain("check_campaign")
    return Campaign.objects.get(pk=campaign.pk)


def soup(answer):
    return BeautifulSoup(answer.content, "html.parser")


def make_media_template(team, name="fresh_offer", *, kind="IMAGE", **fields):
    header = {"type": "HEADER", "format": kind}
    components = [header, {"type": "BODY", "text": BODY}]
    return make_template(team, name, components=components, **fields)


def make_media_campaign(team, *, by=None, template=None, count=3, name="Fresh week"):
    """Return a draft that only lacks its header media and the check."""
    template = template or make_media_template(team)
    campaign = make_campaign(team, by=by, template=template, name=name)
    file = xlsx(people(count))
    drafts.attach_upload(campaign, file, name=file.name, by=by)
    return Campaign.objects.get(pk=campaign.pk)


def media_link(sandbox, name="picture.jpg"):
    """Return the link of a file that the sandbox has for headers."""
    return f"{sandbox.url}/__sandbox__/media/{name}"


def make_checked_campaign(team, rows, *, name="Easter sale"):
    """Return a ready campaign as a check leaves it, without running the check."""
    return make_checked_campaigns(team, [rows], name=name)[0]


def make_checked_campaigns(team, lists, *, name="Easter sale"):
    """Return a ready campaign for each list of rows, all at once: where hundreds are needed."""
    template = MessageTemplate.objects.for_team(team).first() or make_template(team)
    mapping = {"phone_column": 0, "values": {"1": 1, "2": 2}}
    campaigns = Campaign.objects.bulk_create(
        Campaign(
            team=team, template=template, name=name, mapping=mapping, recipient_count=len(rows)
        )
        for rows in lists
    )
    Upload.objects.bulk_create(
        Upload(campaign=campaign, file="made/up", name="customers.xlsx", size=1)
        for campaign in campaigns
    )
    Check.objects.bulk_create(
        Check(
            campaign=campaign, state=Check.State.DONE, requested_at=timezone.now(), ready=len(rows)
        )
        for campaign, rows in zip(campaigns, lists, strict=True)
    )
    Recipient.objects.bulk_create(
        Recipient(
            campaign=campaign, position=n, row_number=n + 1, phone=f"+{phone}", values=values
        )
        for campaign, rows in zip(campaigns, lists, strict=True)
        for n, (phone, *values) in enumerate(rows, start=1)
    )
    # The same content, so the same digest: it does not name the people themselves.
    digest = checks.digest_of(Campaign.objects.get(pk=campaigns[0].pk))
    made = Campaign.objects.filter(pk__in=[campaign.pk for campaign in campaigns])
    made.update(status=Campaign.Status.READY, digest=digest)
    return list(made.select_related("team", "template").order_by("pk"))


def launch(campaign, *, by=None, engine="batches"):
    """Launch as the review page does."""
    launches.launch(
        campaign,
        by=by,
        intent=uuid.uuid4(),
        digest=campaign.digest,
        consent=launches.consent_sentence(campaign),
        engine=engine,
        typed=campaign.recipient_count,
    )
    return campaign


def finish(campaign, rounds=60):
    """Let worker and sandbox go on until the campaign has ended or waits for a person."""
    for _ in range(rounds):
        drain()
        campaign.refresh_from_db()
        looking = campaign.batches.exclude(next_search_at=None).exists()
        if campaign.is_terminal or campaign.status == Campaign.Status.PAUSED and not looking:
            return campaign
        let_time_pass()
    raise AssertionError("the campaign never ended")


def adopt(*options):
    """Run `manage.py adopt`. Return what it says."""
    out = io.StringIO()
    call_command("adopt", *options, stdout=out)
    return out.getvalue()


def let_time_pass():
    """Make everything due that waits for its time; the sandbox runs a thousand times faster."""
    now = timezone.now()
    time.sleep(0.05)
    # One row at a time: workers at work lock several, in an order of their own.
    for rows, moment in (
        (Task.objects.waiting(), "due_at"),
        (BulkJob.objects.exclude(next_poll_at=None), "next_poll_at"),
        (Batch.objects.exclude(next_search_at=None), "next_search_at"),
    ):
        for pk in list(rows.values_list("pk", flat=True)):
            rows.filter(pk=pk).update(**{moment: now})


def drain(*names, rounds=400):
    """Run the tasks that are due, or only those with one of the names, until none is."""
    for _ in range(rounds):
        due = Task.objects.due()
        if names:
            due = due.filter(name__in=names)
        task = due.order_by("due_at").first()
        if task is None:
            return
        tasks.run(task.name, task.key)
    raise AssertionError("the tasks never came to rest")
