"""Check and launch a campaign from a terminal, through the same services as the pages."""

import json
import time
import uuid
from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from django.urls import reverse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign, Check, HeaderMedia
from campaigns.services import checks, drafts, media
from core.disk import NotSaved
from core.error_pages import nothing_saved
from core.errors import Refused
from core.formats import number
from message_templates.models import MessageTemplate
from sending import holds, labels
from sending.progress_queries import load_progress
from sending.services import launches
from spreadsheets.xlsx_writer import column_letter
from tasks import services as tasks
from teams.models import Membership, Team
from teams.roles import may
from whatsapp.links import SECONDS

REFUSED, NO_WORKER, NEEDS_PERSON, NOT_EVERYONE, INTERRUPTED = 2, 3, 4, 5, 130

HELP = """Check a spreadsheet and send its people a template.

COLUMN is the name of a column, in capitals or not, or its letter. Without --map and --text the
columns are guessed, as on the page; with one for any placeholder, every placeholder needs one.
phone=COLUMN names the phone numbers; {{phone}}=COLUMN is a placeholder of that name.
"""

EXIT_CODES = """exit codes:
  0    done: checked, launched or, with --wait, accepted by ChumiAI for everyone
  2    refused: the command, the file or the template can't be used; nothing was sent
  3    no worker is running, or it stopped while we waited; nothing was lost
  4    paused: a person has to look at it
  5    over, but not everyone's message was accepted
  130  Ctrl-C while waiting: the campaign goes on
"""

COUNTS = (
    "rows", "ready", "repaired", "duplicate", "invalid", "opted_out", "excluded", "frequency_cap",
)  # fmt: skip
PROGRESS = ("accepted", "failed", "skipped", "unconfirmed", "unreported", "remaining")
KEYS = (
    "campaign", "path", "name", "status", "mapping", *COUNTS, "recipients", *PROGRESS,
    "holds", "pause_reason", "note", "error",
)  # fmt: skip

EVERY = 0.5


class AsWritten(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keep the lines of the help as they stand."""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, *args, **kwargs):
        return super().create_parser(*args, **kwargs, epilog=EXIT_CODES, formatter_class=AsWritten)

    def add_arguments(self, parser):
        add = parser.add_argument
        add("file", type=Path, help="an .xlsx or .csv file")
        add("--team", required=True, metavar="SLUG")
        add("--template", required=True, metavar="NAME")
        add("--language", required=True, metavar="LANGUAGE", help="as in en_US")
        add("--map", action="append", default=[], metavar="PLACEHOLDER=COLUMN")
        add("--text", action="append", default=[], metavar="PLACEHOLDER=TEXT")
        add(
            "--media-link",
            default="",
            metavar="URL",
            help="a public link to what the header takes",
        )
        add("--media-id", default="", metavar="ID", help="or the id that ChumiAI has for it")
        add("--name", default="", help="the campaign's name; otherwise the template and the day")
        add("--user", default="", metavar="EMAIL", help="the member in whose name it is launched")
        add(
            "--engine",
            choices=Campaign.Engine.values,
            default="",
            help="the sending method; otherwise the team's settings decide",
        )
        add(
            "--consent",
            action="store_true",
            help="confirm that these people agreed to hear from the team on WhatsApp",
        )
        add("--check", action="store_true", help="stop after the check; the draft stays")
        add("--wait", action="store_true", help="show the progress until it is over")
        add("--json", action="store_true", help="print one JSON object, and the rest on stderr")

    def handle(self, *args, **options):
        self.say = self.stderr.write if options["json"] else self.stdout.write
        self.result = dict.fromkeys(KEYS) | {"error": ""}
        try:
            self.launch_campaign(**options)
        except (CommandError, Refused, KeyboardInterrupt) as reason:
            error = self.exit_for(reason)
            self.result["error"] = str(error)
            raise error from None
        finally:
            if options["json"]:
                self.stdout.write(json.dumps(self.result))

    def exit_for(self, reason):
        """Return the error that ends the command, with its exit code."""
        if isinstance(reason, Refused):
            return CommandError(str(reason), returncode=REFUSED)
        if isinstance(reason, KeyboardInterrupt):
            launched = Campaign.objects.filter(uuid=self.result["campaign"]).first()
            if launched and launched.launched_at:
                words = _("We stopped watching. The campaign goes on: {page}").format(
                    page=where(launched)
                )
            else:
                words = _("Interrupted. Nothing was sent.")
            return CommandError(words, returncode=INTERRUPTED)
        return reason

    def launch_campaign(self, *, file, check, wait, **options):
        """Take the same steps as the pages, one after the other."""
        team = get_team(options["team"])
        by = get_person(team, options["user"])
        template = get_template(team, options["template"], options["language"])
        if not check and not options["consent"]:
            raise Refused(
                _(
                    "Add --consent to confirm that these people agreed to hear from {team} on "
                    "WhatsApp. Nothing was sent."
                ).format(team=team.name)
            )
        if wait and not check and not tasks.worker_is_alive():
            raise CommandError(
                _("No worker is running. Start one with manage.py runworker. Nothing was sent."),
                returncode=NO_WORKER,
            )
        campaign = drafts.create_campaign(
            team, by=by, name=options["name"][:120], template=template
        )
        try:
            attach(campaign, file, by=by)
            mapping = read_mapping(campaign, options["map"], options["text"])
            drafts.set_mapping(campaign, mapping, by=by)
            give_media(campaign, options["media_link"], options["media_id"], by=by)
            checks.request_check(campaign, by=by)
        except Refused:
            # The draft is of no use: the command makes a new one each time.
            drafts.delete_draft(campaign, by=by)
            raise
        self.result |= {
            "campaign": str(campaign.uuid),
            "path": where(campaign),
            "name": campaign.name,
            "status": campaign.status,
            "mapping": in_words(campaign),
        }
        run_check(campaign)
        self.report_check(campaign)
        if campaign.status != Campaign.Status.READY:
            raise Refused(
                _("No row of this file can be sent. Look at the rows: {page}").format(
                    page=where(campaign)
                )
            )
        if check:
            upcoming = holds.upcoming(campaign)
            self.result["holds"] = [hold.reason for hold in upcoming]
            for hold in upcoming:
                self.say(labels.upcoming_sentence(campaign, hold))
            text = _("Nothing was sent. The campaign is ready to launch: {page}")
            self.say(text.format(page=where(campaign)))
            return
        launches.launch(
            campaign,
            by=by,
            intent=uuid.uuid4(),
            digest=campaign.digest,
            consent=launches.consent_sentence(campaign),
            engine=options["engine"],
            typed=campaign.recipient_count,
        )
        self.record(campaign)
        text = ngettext(
            "Launched to {count} person: {page}",
            "Launched to {count} people: {page}",
            campaign.recipient_count,
        )
        self.say(text.format(count=number(campaign.recipient_count), page=where(campaign)))
        if wait:
            self.wait(campaign)
        elif not tasks.worker_is_alive():
            self.say(_("No worker is running. Start one with manage.py runworker."))

    def report_check(self, campaign):
        """Print and record what the check found."""
        found = campaign.check_result
        self.result |= {name: getattr(found, name) for name in COUNTS}
        self.result |= {"status": campaign.status, "recipients": campaign.recipient_count}
        sources = (f"{name} ← {source}" for name, source in self.result["mapping"].items())
        self.say(", ".join(sources))
        text = ngettext(
            "{rows} row: {ready} ready, {repaired} repaired, {duplicate} duplicate, "
            "{invalid} invalid, {opted_out} opted out.",
            "{rows} rows: {ready} ready, {repaired} repaired, {duplicate} duplicate, "
            "{invalid} invalid, {opted_out} opted out.",
            found.rows,
        )
        self.say(text.format(**{name: number(getattr(found, name)) for name in COUNTS}))

    def record(self, campaign):
        """Record the progress of the launched campaign. Return it."""
        campaign.refresh_from_db()
        progress = load_progress(campaign)
        self.result |= {name: getattr(progress, name) for name in PROGRESS}
        self.result |= {
            "status": campaign.status,
            "pause_reason": campaign.pause_reason,
            "note": note_of(campaign, progress),
        }
        return progress

    def wait(self, campaign):
        """Show the progress until the campaign is over or waits for a person."""
        shown = None
        while True:
            progress = self.record(campaign)
            note = self.result["note"]
            state = (campaign.status, progress.percent, note)
            if state != shown:
                shown = state
                self.say(sentence(campaign, progress, note))
            if progress.poll_seconds is None:
                break
            if campaign.status == Campaign.Status.PAUSED and not is_searched(campaign):
                raise CommandError(
                    _("Paused, a person is needed: {page}").format(page=where(campaign)),
                    returncode=NEEDS_PERSON,
                )
            if progress.sender_off:
                raise CommandError(
                    _(
                        "No worker is running. Start one with manage.py runworker. Then the "
                        "campaign goes on; nothing was lost."
                    ),
                    returncode=NO_WORKER,
                )
            time.sleep(EVERY)
        if progress.accepted != progress.total:
            raise CommandError(
                _("Over, but not everyone's message was accepted: {page}").format(
                    page=where(campaign)
                ),
                returncode=NOT_EVERYONE,
            )


def note_of(campaign, progress):
    """Return why nothing is sent at the moment, '' if something is."""
    if paused := labels.pause_sentence(campaign):
        return " ".join(filter(None, (paused, labels.rest_sentence(progress))))
    return labels.wait_sentence(campaign)


def get_team(slug):
    """Return the team. Raise `Refused`."""
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise Refused(_("There is no team {slug}.").format(slug=slug))
    return team


def get_person(team, email):
    """Return the member who launches, or None where nobody was named. Raise `Refused`."""
    if not email:
        return None
    members = Membership.objects.select_related("user").filter(team=team, user__is_active=True)
    member = members.filter(user__email__iexact=email).first()
    if member is None or not may(member, "launch"):
        text = _("{email} may not launch campaigns of {team}.")
        raise Refused(text.format(email=email, team=team.name))
    return member.user


def get_template(team, name, language):
    """Return the template in that language. Raise `Refused`."""
    of_name = MessageTemplate.objects.for_team(team).filter(name=name)
    template = of_name.filter(language=language).first()
    if template:
        return template
    languages = ", ".join(sorted(of_name.values_list("language", flat=True)))
    if languages:
        text = _("{name} does not exist in {language}. Its languages: {languages}.")
        raise Refused(text.format(name=name, language=language, languages=languages))
    text = _(
        "{team} has no template {name}. If it is young, fetch the list: "
        "manage.py sync_templates {slug}"
    )
    raise Refused(text.format(team=team.name, name=name, slug=team.slug))


def attach(campaign, path, *, by):
    """Upload the file from the disk. Raise `Refused`."""
    try:
        with path.open("rb") as file:
            drafts.attach_upload(campaign, File(file), name=path.name, by=by)
    except NotSaved as failed:
        raise Refused(nothing_saved(failed.trouble)) from None
    except OSError as error:
        text = _("{path} can't be opened: {reason}.")
        raise Refused(text.format(path=path, reason=error.strerror)) from None


def read_mapping(campaign, columns, texts):
    """Return the mapping of the arguments, in its stored form. Raise `Refused`."""
    mapping = campaign.mapping
    phone, values = mapping["phone_column"], {}
    for order in columns:
        name, column = split(order)
        index = find_column(campaign.upload.columns, column)
        if name == "phone":
            phone = index
        else:
            values[placeholder(campaign, name)] = {"column": index, "fallback": ""}
    for order in texts:
        name, text = split(order)
        values[placeholder(campaign, name)] = {"text": text}
    if not values:
        # The phones may have been guessed to be elsewhere, and this column to be a value.
        values = {
            name: source if source and source["column"] != phone else None
            for name, source in mapping["values"].items()
        }
    return {
        "phone_column": phone,
        "values": {name: values.get(name) for name in campaign.template.placeholders},
    }


def split(order):
    """Return both sides of NAME=VALUE. Raise `Refused`."""
    name, sign, value = order.partition("=")
    if not (name.strip() and sign and value.strip()):
        raise Refused(_("Write it as PLACEHOLDER=COLUMN, not as {order}").format(order=order))
    return name.strip(), value.strip()


def placeholder(campaign, name):
    """Return the placeholder of that name, written with its braces or without. Raise `Refused`."""
    bare = name.strip("{} ")
    known = campaign.template.placeholders
    if bare not in known:
        text = _("{template} has no placeholder {name}. It has: {known}.")
        shown = ", ".join(known) or _("no placeholders")
        raise Refused(text.format(template=campaign.template.name, name=bare, known=shown))
    return bare


def find_column(names, wanted):
    """Return the index of the column with that name or letter. Raise `Refused`."""
    found = [i for i, name in enumerate(names) if name.casefold() == wanted.casefold()]
    if len(found) > 1:
        letters = get_text_list([column_letter(i) for i in found], _("and"))
        text = _("Columns {letters} are both called {name}. Name the letter of one.")
        raise Refused(text.format(letters=letters, name=wanted))
    found += [i for i in range(len(names)) if column_letter(i) == wanted.upper()]
    if not found:
        text = _("The file has no column {name}. It has: {known}.")
        raise Refused(text.format(name=wanted, known=", ".join(names)))
    return found[0]


def give_media(campaign, link, media_id, *, by):
    """Set what stands above the message, and look at its link here. Raise `Refused`."""
    name = media.name_of(campaign)
    if name and not (link or media_id):
        text = _("{template} needs media ({name}). Give --media-link or --media-id.")
        raise Refused(text.format(template=campaign.template.name, name=name))
    if not (link or media_id):
        return
    media.set_media(campaign, link=link, media_id=media_id, by=by)
    asked = HeaderMedia.objects.filter(campaign=campaign, state=HeaderMedia.State.REQUESTED)
    deadline = time.monotonic() + 2 * SECONDS
    while asked.exists() and time.monotonic() < deadline:
        # Where a worker was faster, this waits for it.
        if not tasks.run("check_media", str(campaign.pk)):
            time.sleep(EVERY)
    campaign.refresh_from_db()
    if problem := media.what_is_missing(campaign):
        raise Refused(problem)


def in_words(campaign):
    """Return what each value comes from: {"phone": "Phone", "{{1}}": "Name", …}."""
    names = campaign.upload.columns
    words = {"phone": names[campaign.mapping["phone_column"]]}
    for name, source in campaign.mapping["values"].items():
        fixed = "text" in source
        words[f"{{{{{name}}}}}"] = f"“{source['text']}”" if fixed else names[source["column"]]
    return words


def run_check(campaign):
    """Run the check here, or wait for the worker that was faster. Raise `Refused`."""
    deadline = time.monotonic() + 2 * settings.CHECK_SECONDS
    while True:
        tasks.run("check_campaign", str(campaign.pk))
        found = Check.objects.filter(campaign=campaign).first()
        if found is None or time.monotonic() > deadline:
            raise Refused(
                _("The check did not end, or the draft was edited meanwhile. Try again.")
            )
        if found.state == Check.State.FAILED:
            raise Refused(found.error)
        if found.state == Check.State.DONE:
            break
        time.sleep(EVERY)
    campaign.refresh_from_db()


def where(campaign):
    """Return the path of the campaign's page."""
    return reverse("campaigns:campaign_detail", args=[campaign.team.slug, campaign.uuid])


def is_searched(campaign):
    """Return True while the job of an unconfirmed batch is searched for: no one is needed yet."""
    return (
        campaign.pause_reason == Campaign.Pause.UNCONFIRMED
        and campaign.batches.exclude(next_search_at=None).exists()
    )


def sentence(campaign, progress, note):
    """Return the progress of the campaign in one line."""
    counts = {
        name: "–" if count is None else number(count)
        for name, count in (
            ("accepted", progress.accepted),
            ("failed", progress.failed),
            ("remaining", progress.remaining),
        )
    }
    text = _(
        "{status}: {percent} %, {accepted} accepted, {failed} failed, {remaining} to go. {note}"
    )
    return text.format(
        status=campaign.get_status_display(), percent=progress.percent, note=note, **counts
    ).rstrip()
