"""What became of a message to one person, in words, and of the tests of a draft."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Campaign, Decision, Recipient
from campaigns.services import exclusions, media
from sending.models import TestNumber
from whatsapp.errors import explain

Status, SkipReason = Recipient.Status, Recipient.SkipReason
# So many of a draft's last tests are shown.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class MessageState:
    """One person's message: the tone and label of its badge, and a sentence, '' if none is due."""

    tone: str
    label: str
    words: str = ""


SKIPPED = {
    SkipReason.OPTED_OUT: "Opted out after the file was checked.",
    SkipReason.FREQUENCY_CAP: "Had as many marketing messages as your team allows.",
    SkipReason.STOPPED: "The campaign was stopped before this part.",
    SkipReason.DECIDED: "Left out: no clear answer.",
}
# The same for a message to one person.
ONE_PERSON = {
    SkipReason.OPTED_OUT: "This person opted out before it left. Nothing was sent.",
    SkipReason.STOPPED: "It was stopped before it left. Nothing was sent.",
}


def reason_of(campaign, person):
    """Return the sentence that explains the person's status, '' where there is none."""
    match person.status:
        case Status.SKIPPED if person.skip_reason == SkipReason.EARLIER_CAMPAIGN:
            return exclusions.already_in(campaign)
        case Status.SKIPPED if person.decided_by:
            return f"{person.decided_by} decided to leave it out."
        case Status.SKIPPED:
            return SKIPPED[person.skip_reason]
        case Status.ACCEPTED if person.decision == Decision.COUNT_AS_SENT:
            return f"{person.decided_by or 'Someone'} decided to count it as sent."
        case Status.UNCONFIRMED:
            return "We got no clear answer."
        case Status.FAILED if person.failure_code is None and person.reason:
            return person.reason
        case Status.FAILED:
            return explain(person.failure_code).sentence
    return ""


def state_of(campaign, person):
    """Return the `MessageState` of the one person of a launched campaign."""
    match person.status:
        case Status.PENDING if campaign.status == Campaign.Status.PAUSED:
            return MessageState(
                "warn", "Paused", f"{campaign.get_pause_reason_display()}. Nothing was sent yet."
            )
        case Status.PENDING:
            return MessageState("busy", "Waiting", campaign.wait_note or "It leaves in a moment.")
        case Status.SUBMITTING:
            return MessageState("busy", "On its way to ChumiAI")
        case Status.ACCEPTED if person.decision == Decision.COUNT_AS_SENT:
            return MessageState("ok", person.state_label, reason_of(campaign, person))
        case Status.ACCEPTED if not person.remote_id:
            return MessageState(
                "ok", "Accepted by ChumiAI", "It gave no id to follow the message by."
            )
        case Status.ACCEPTED:
            return MessageState("ok", person.state_label)
        case Status.FAILED:
            return MessageState("bad", "Failed", reason_of(campaign, person))
        case Status.UNCONFIRMED:
            return MessageState(
                "warn",
                "No clear answer",
                "It may have been sent. Nothing will be sent twice.",
            )
    return MessageState(
        "idle", "Not sent", ONE_PERSON.get(person.skip_reason) or reason_of(campaign, person)
    )


@dataclass(frozen=True, slots=True)
class SentTest:
    """A test of a draft: to which phone, when, what became of it, and is it what goes out now."""

    campaign: Campaign
    phone: str
    label: str
    at: datetime
    message_state: MessageState
    is_open: bool
    is_current: bool

    @property
    def is_accepted(self):
        return self.message_state.tone == "ok"


def tests_of(campaign):
    """Return the last tests of a draft, the youngest first."""
    people = (
        Recipient.objects.filter(campaign__test_of=campaign)
        .select_related("campaign", "decided_by")
        .order_by("-campaign__launched_at", "-pk")[:SHOWN]
    )
    labels = dict(TestNumber.objects.filter(team=campaign.team).values_list("phone", "label"))
    return [
        SentTest(
            campaign=person.campaign,
            phone=person.phone,
            label=labels.get(person.phone, ""),
            at=person.campaign.launched_at,
            message_state=state_of(person.campaign, person),
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
