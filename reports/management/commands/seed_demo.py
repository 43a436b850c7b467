"""Create two demo teams, with campaigns that the sandbox really sends."""

import io
import json
import random
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError
from openpyxl import Workbook

from campaigns.models import Campaign
from campaigns.services import checks, drafts
from contacts.models import ContactSync
from contacts.services import opt_out, request_contact_sync
from message_templates import services as templates
from message_templates.models import MessageTemplate
from sending.services import jobs, launches
from tasks import services as tasks
from tasks.models import Task
from teams import services as teams
from teams.models import Connection, Membership, Role, User
from webhooks import services as webhooks
from webhooks.models import Webhook

PASSWORD = "akwaaba-demo"
ADMINISTRATOR = ("Adjoa Sarpong", "admin@demo.example")
MANAGER, MARKETER, VIEWER = Role.MANAGER, Role.MARKETER, Role.VIEWER
KEY = "chumi_sk_live_sandbox_full_{slug}"
SAMPLE, SAMPLE_ROWS = "customers.xlsx", 1000
# How long the sandbox may take to start, and a campaign to end, in seconds.
TIMEOUT = 30
# How much faster the sandbox runs while the campaigns are sent.
SPEED = 5000
# How the sandbox delivers webhooks, and how often people reply.
WEBHOOK = {"batch": 20, "replies": 0.05, "later_failures": 0.02}


@dataclass(frozen=True)
class Story:
    """A campaign of the demo: how far it gets, and with how many people."""

    name: str
    template: tuple[str, str]
    until: str = "finished"
    people: int = 0
    failing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Business:
    """A team of the demo with its members and its campaigns, the oldest first."""

    slug: str
    name: str
    members: tuple[tuple[str, str, Role], ...]
    stories: tuple[Story, ...]


WELCOME, ORDER = ("welcome_message", "en_US"), ("order_update", "en")
POINTS = ("loyalty_points", "en_GH")
# The sandbox chooses the outcome of a message by the last digits of the phone.
SOME_FAIL = ("026", "049", "026", "050", "472", "049", "053")
KOFI = ("Kofi Boateng", "kofi@kente-corner.example")

BUSINESSES = (
    Business(
        "kente-corner",
        "Kente Corner",
        (
            ("Ama Mensah", "ama@kente-corner.example", MANAGER),
            (*KOFI, MARKETER),
            ("Esi Owusu", "esi@kente-corner.example", VIEWER),
        ),
        (
            Story("New stock for regulars", WELCOME, people=480, failing=SOME_FAIL * 2),
            Story("Orders ready at Osu", ORDER, people=36),
            Story("Thank-you codes", WELCOME, "draft"),
            Story("Weekend offer", WELCOME, "ready", people=120),
        ),
    ),
    Business(
        "mango-foods",
        "Mango Foods",
        (
            ("Yaw Darko", "yaw@mango-foods.example", MANAGER),
            ("Akua Addo", "akua@mango-foods.example", MARKETER),
            ("Nii Lamptey", "nii@mango-foods.example", VIEWER),
            (*KOFI, VIEWER),
        ),
        (
            Story("Points of the month", POINTS, people=260, failing=SOME_FAIL),
            Story("Baskets to collect", ORDER, people=18),
            Story("Points before Christmas", POINTS, "draft"),
            Story("Juice bar opening", WELCOME, "ready", people=75),
        ),
    ),
)

# Separated by blanks.
FIRST_NAMES = (
    "Ama Kofi Akosua Kwame Esi Yaw Abena Kojo Adwoa Kwabena Akua Kwaku Yaa Kwasi Afia Fiifi "
    "Efua Nii Naa Selorm Dzifa Mawuli Fatima Ibrahim Zainab"
)
LAST_NAMES = (
    "Mensah Owusu Boateng Asante Appiah Osei Addo Agyeman Amoah Quaye Lamptey Tetteh Darko "
    "Ofori Adjei Sarpong Dogbe Amegah Alhassan Mahama"
)
TOWNS = ("Accra", "Kumasi", "Tema", "Ho", "Takoradi", "Tamale", "Cape Coast")
NETWORKS = (24, 54, 55, 59, 20, 50, 26, 27)


class Command(BaseCommand):
    help = "Create the demo teams. Needs a running sandbox; a second run changes nothing."

    def add_arguments(self, parser):
        parser.add_argument("--log-ins", action="store_true", help="only print how to log in")
        parser.add_argument("--address", default="http://127.0.0.1:8000")

    def handle(self, *args, log_ins, address, **options):
        if log_ins:
            wait_for(f"{address}/health/", "The web server")
            self.stdout.write(how_to_log_in(address))
            return
        base_url = settings.CHUMIAI_BASE_URLS[0]
        if base_url not in settings.CHUMIAI_SANDBOX_URLS:
            raise CommandError(
                "The demo sends invented messages, so it needs a sandbox: the first address of "
                "CHUMIAI_BASE_URLS must be in CHUMIAI_SANDBOX_URLS too."
            )
        wait_for(f"{base_url}/__sandbox__/state", "The sandbox")
        make_administrator()
        try:
            for business in BUSINESSES:
                self.make(business, base_url, address)
        except KeyboardInterrupt:
            raise CommandError("Interrupted. The next start creates the rest.") from None
        if not (sample := settings.DATA_DIR / SAMPLE).exists():
            sample.write_bytes(sample_file())

    def make(self, business, base_url, address):
        """Create what one team lacks."""
        team = teams.create_team(business.slug, name=business.name)
        members = {role: make_member(team, *who, role) for *who, role in business.members}
        connection = Connection.objects.filter(team=team).first()
        if connection is None or connection.base_url not in settings.CHUMIAI_BASE_URLS:
            key = KEY.format(slug=business.slug)
            teams.connect(team, base_url=base_url, key=key, by=members[MANAGER])
            teams.test_connection(team)
            # People who try the demo send the same list more than once.
            team.marketing_messages = 3
            team.save(update_fields=["marketing_messages"])
        webhook = Webhook.objects.filter(team=team).first()
        webhook = webhook or webhooks.renew_address(team, by=members[MANAGER])
        # The sandbox keeps no options when it restarts.
        control(base_url, "options", message_ids=True)
        url = f"{address}/webhooks/{webhook.secret()}/"
        control(base_url, "webhook", url=url, account=business.slug, **WEBHOOK)
        if not MessageTemplate.objects.for_team(team).exists():
            self.stdout.write(f"Creating {business.name} …")
            sync = templates.request_sync(team, by=members[MANAGER])
            work_until(lambda: refreshed(sync).finished_at, "the templates")
        if not ContactSync.objects.current(team):
            book = request_contact_sync(team, by=members[MANAGER])
            work_until(lambda: refreshed(book).finished_at, "the contacts")
        names = set(Campaign.objects.for_team(team).values_list("name", flat=True))
        missing = [story for story in business.stories if story.name not in names]
        if missing:
            with sped_up(base_url):
                for story in missing:
                    make_campaign(team, story, by=members[MARKETER])
            # Jobs of the account from before this product was used.
            history = jobs.request_sync(team, by=members[MANAGER])
            work_until(lambda: refreshed(history).finished_at, "the jobs")


def make_administrator():
    """Create the person who sets up teams in Django's admin."""
    name, email = ADMINISTRATOR
    if not User.objects.filter(email=email).exists():
        first, last = name.split()
        User.objects.create_superuser(email, PASSWORD, first_name=first, last_name=last)


def make_member(team, name, email, role):
    """Return the user, a member of the team."""
    user = User.objects.filter(email=email).first()
    if user is None:
        first, last = name.split()
        user = User.objects.create_user(email, PASSWORD, first_name=first, last_name=last)
    Membership.objects.get_or_create(team=team, user=user, defaults={"role": role})
    return user


def make_campaign(team, story, *, by):
    """Create one campaign and take it as far as its story says, as a person would."""
    name, language = story.template
    template = MessageTemplate.objects.for_team(team).get(name=name, language=language)
    campaign = drafts.create_campaign(team, by=by, name=story.name, template=template)
    if story.until == "draft":
        return
    rows = invented_people(story)
    file = ContentFile(workbook(rows))
    drafts.attach_upload(campaign, file, name=f"{story.name.lower()}.xlsx", by=by)
    opt_out(team, opted_out_of(rows), reason="Wrote STOP", by=by)
    checks.request_check(campaign, by=by)
    work_until(lambda: refreshed(campaign).status == Campaign.Status.READY, "the check")
    if story.until == "ready":
        return
    launches.launch(
        campaign,
        by=by,
        intent=uuid.uuid4(),
        digest=campaign.digest,
        consent=launches.consent_sentence(campaign),
        engine=Campaign.Engine.BATCHES,
        typed=campaign.recipient_count,
    )
    work_until(lambda: refreshed(campaign).is_terminal, "the campaign")


def refreshed(row):
    row.refresh_from_db()
    return row


def work_until(done, what):
    """Run due tasks until `done()` is true."""
    deadline = time.monotonic() + TIMEOUT
    while not done():
        if time.monotonic() > deadline:
            raise CommandError(f"The sandbox took too long for {what}. Start the demo again.")
        for task in Task.objects.due():
            tasks.run(task.name, task.key)
        time.sleep(0.1)


# The sandbox's controls


@contextmanager
def sped_up(base_url):
    """Make the sandbox run faster."""
    with urlopen(f"{base_url}/__sandbox__/state", timeout=10) as answer:
        speed = json.load(answer)["speed"]
    control(base_url, "speed", speed=SPEED)
    try:
        yield
    finally:
        control(base_url, "speed", speed=speed)


def control(base_url, path, **order):
    """Post an order to the sandbox."""
    request = Request(f"{base_url}/__sandbox__/{path}", json.dumps(order).encode())
    urlopen(request, timeout=10).close()


def wait_for(url, what):
    """Wait until the URL responds."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError, TimeoutError):
            urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise CommandError(f"{what} does not respond at {url}.")


# Files


def invented_people(story):
    """Return the rows of a file that fits the story's template: a header, then people."""
    chance = random.Random(story.name)
    third = {WELCOME: "Code", ORDER: "Order", POINTS: "Points"}[story.template]
    rows = [["Name", "Phone", third] + (["Amount"] if story.template == ORDER else [])]
    rows[0][0] = "First name" if story.template == POINTS else "Customer"
    endings = list(story.failing) + ["111"] * (story.people - len(story.failing))
    chance.shuffle(endings)
    for number, ending in enumerate(endings):
        phone = f"233{chance.choice(NETWORKS)}{4000 + number:04d}{ending}"
        detail = {
            WELCOME: f"KC-{chance.randrange(1000, 9999)}",
            ORDER: f"#{10_000 + number}",
            POINTS: chance.randrange(40, 900),
        }[story.template]
        amount = [f"GHS {chance.randrange(20, 400)}.00"] if story.template == ORDER else []
        rows.append([a_name(chance), phone, detail, *amount])
    return rows


def opted_out_of(rows):
    """Return the phone of the person who wrote STOP after an earlier campaign."""
    return f"+{rows[3][1]}"


def a_name(chance):
    return f"{chance.choice(FIRST_NAMES.split())} {chance.choice(LAST_NAMES.split())}"


def sample_file():
    """Return a customer list like people keep them: phones in every form, some with errors."""
    chance = random.Random("customers")
    rows = [["Customer", "Town", "WhatsApp", "Code"]]
    for number in range(SAMPLE_ROWS):
        local = f"{chance.choice(NETWORKS)}{number // 10 + 3000:04d}{number % 10}11"
        written = (
            f"0{local}",
            f"+233{local}",
            f"0{local[:2]} {local[2:5]} {local[5:]}",
            int(f"233{local}"),
            float(f"233{local}"),
            int(local),
        )[chance.choice((0, 0, 1, 2, 3, 4, 5))]
        rows.append([a_name(chance), chance.choice(TOWNS), written, f"CC-{1000 + number}"])
    rows[58][2] = "0244 12"
    rows[301][2] = "ask Kwame"
    rows[417][3] = None
    rows[530][0] = "Abena\nQuaye"
    for first, again in ((20, 640), (21, 641), (300, 702)):
        rows[again][2] = rows[first][2]
    rows[777][2] = opted_out_of(invented_people(BUSINESSES[0].stories[0]))
    rows.insert(250, [None] * 4)
    return workbook(rows)


def workbook(rows):
    """Return the bytes of an .xlsx."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Customers")
    for row in rows:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


# How to log in


def how_to_log_in(address):
    """Return the addresses and accounts, as text for a terminal."""
    people = {}
    for business in BUSINESSES:
        for name, email, role in business.members:
            people.setdefault((email, name), []).append(f"{role.label.lower()} of {business.name}")
    lines = [f"  {email:<27}{name:<15}{', '.join(does)}" for (email, name), does in people.items()]
    name, email = ADMINISTRATOR
    lines.append(f"  {email:<27}{name:<15}administrator: {address}/admin/")
    return "\n".join(
        [
            "",
            f"Chumi Admin runs at {address}",
            "",
            *lines,
            "",
            f"Everyone's password is {PASSWORD}",
            f"A customer list to try: {shown(settings.DATA_DIR / SAMPLE)}, "
            f"for the template {WELCOME[0]} ({WELCOME[1]})",
            "An image link for a template with an image header: "
            f"{settings.CHUMIAI_BASE_URLS[0]}/__sandbox__/media/picture.jpg",
            f"The sandbox in place of ChumiAI: {settings.CHUMIAI_BASE_URLS[0]}/__sandbox__/",
            "Ctrl-C stops everything.",
        ]
    )


def shown(path):
    """Return the path relative to the project's folder, if it is inside."""
    inside = path.is_relative_to(settings.BASE_DIR)
    return path.relative_to(settings.BASE_DIR) if inside else path
