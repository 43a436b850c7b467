"""What became of a message to one person, in words, and of the tests of a draft."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Campaign, Recipient, TestNumber
from campaigns.services import left_out, media
from campaigns.services.launches import STOPPED_PERSON

Status = Recipient.Status
# So many of a draft's last tests are shown.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Fate:
    """One person's message: the tone and label of its badge, and a sentence, '' if none is due."""

    tone: str
    label: str
    words: str = ""


# The reasons of many people, in words for one.
ONE_PERSON = {
    left_out.OPTED_OUT: "This person opted out before it left. Nothing was sent.",
    STOPPED_PERSON["reason"]: "It was stopped before it left. Nothing was sent.",
}


def fate_of(campaign, person):
    """Return the `Fate` of the one person of a launched campaign."""
    match person.status:
        case Status.PENDING if campaign.status == Campaign.Status.PAUSED:
            return Fate(
                "warn", "Paused", f"{campaign.get_pause_reason_display()}. Nothing was sent yet."
            )
        case Status.PENDING:
            return Fate("busy", "Waiting", campaign.wait_note or "It leaves in a moment.")
        case Status.SUBMITTING:
            return Fate("busy", "On its way to ChumiAI")
        case Status.ACCEPTED if not person.remote_id and not person.reason:
            return Fate("ok", "Accepted by ChumiAI", "It gave no id to follow the message by.")
        case Status.ACCEPTED:
            return Fate("ok", person.state_label, person.reason)
        case Status.FAILED:
            return Fate("bad", "Failed", person.reason)
        case Status.UNCONFIRMED:
            return Fate(
                "warn",
                "No clear answer",
                "It may have been sent. Nothing will be sent twice.",
            )
    return Fate("idle", "Not sent", ONE_PERSON.get(person.reason, person.reason))


@dataclass(frozen=True, slots=True)
class SentTest:
    """A test of a draft: to which phone, when, what became of it, and is it what goes out now."""

    campaign: Campaign
    phone: str
    label: str
    at: datetime
    fate: Fate
    is_open: bool
    is_current: bool

    @property
    def is_accepted(self):
        return self.fate.tone == "ok"


def tests_of(campaign):
    """Return the last tests of a draft, the youngest first."""
    people = (
        Recipient.objects.filter(campaign__test_of=campaign)
        .select_related("campaign")
        .order_by("-campaign__launched_at", "-pk")[:SHOWN]
    )
    labels = dict(TestNumber.objects.filter(team=campaign.team).values_list("phone", "label"))
    return [
        SentTest(
            campaign=person.campaign,
            phone=person.phone,
            label=labels.get(person.phone, ""),
            at=person.campaign.launched_at,
            fate=fate_of(person.campaign, person),
            is_open=person.status in (Status.PENDING, Status.SUBMITTING)
            and person.campaign.status != Campaign.Status.PAUSED,
            is_current=_is_current(person.campaign.snapshot, campaign),
        )
        for person in people
    ]


def _is_current(snapshot, campaign):
    """Say whether a test had the words and the picture that the draft has now."""
    template = campaign.template
    return template is not None and (
        snapshot["template"],
        snapshot["language"],
        snapshot["body_hash"],
        snapshot["media"],
    ) == (template.name, template.language, template.body_hash, media.content_of(campaign))
