"""The state of the message to one recipient, in words, and the tests of a draft."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign, Decision, Recipient
from campaigns.services import exclusions, media
from core.formats import sentence
from sending.labels import wait_sentence
from sending.models import TestNumber
from whatsapp.errors import explain

Status, SkipReason = Recipient.Status, Recipient.SkipReason
# Tests of a draft on its page.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class MessageState:
    """The badge of a message, its tone and label, and a sentence, '' if none is needed."""

    tone: str
    label: str
    words: str = ""


SKIPPED = {
    SkipReason.OPTED_OUT: gettext_lazy("Opted out after the check."),
    SkipReason.FREQUENCY_CAP: gettext_lazy("Reached your team's limit of marketing messages."),
    SkipReason.STOPPED: gettext_lazy("The campaign was stopped first."),
    SkipReason.DECIDED: gettext_lazy("Skipped, because there was no clear answer."),
}
# The same for a message to one person.
ONE_PERSON = {
    SkipReason.OPTED_OUT: gettext_lazy(
        "This person opted out before the message was sent. Nothing was sent."
    ),
    SkipReason.STOPPED: gettext_lazy("The message was stopped first. Nothing was sent."),
}


def reason_of(campaign: Campaign, person: Recipient) -> str:
    """Return the sentence that explains the recipient's status, '' if there is none."""
    match person.status:
        case Status.SKIPPED if person.skip_reason == SkipReason.EARLIER_CAMPAIGN:
            return str(exclusions.already_in(campaign))
        case Status.SKIPPED if person.decided_by:
            return _("{name} decided to skip this person.").format(name=person.decided_by)
        case Status.SKIPPED:
            return str(SKIPPED[SkipReason(person.skip_reason)])
        case Status.ACCEPTED if person.decision == Decision.COUNT_AS_SENT:
            if person.decided_by is None:
                return _("Counted as sent by a decision.")
            return _("{name} decided to count it as sent.").format(name=person.decided_by)
        case Status.UNCONFIRMED:
            return _("We got no clear answer.")
        case Status.FAILED if person.failure_code is None and person.reason:
            return person.reason
        case Status.FAILED:
            return sentence(explain(person.failure_code).sentence)
    return ""


def advice_for(person: Recipient) -> str:
    """Return what to do about a failure, '' if there is none."""
    if person.status != Status.FAILED:
        return ""
    # A failure without a code of WhatsApp has ChumiAI's own words instead.
    has_code = person.failure_code is not None
    if not has_code and person.reason:
        return ""
    return sentence(explain(person.failure_code).advice)


def state_of(campaign: Campaign, person: Recipient) -> MessageState:
    """Return the `MessageState` of the one recipient of a launched campaign."""
    match person.status:
        case Status.PENDING if campaign.status == Campaign.Status.PAUSED:
            text = _("{reason}. Nothing was sent yet.")
            reason = campaign.get_pause_reason_display()
            return MessageState("warn", _("Paused"), text.format(reason=reason))
        case Status.PENDING:
            return MessageState("busy", _("Waiting"), wait_sentence(campaign) or _("Sending…"))
        case Status.SUBMITTING:
            return MessageState("busy", _("Sending"))
        case Status.ACCEPTED if person.decision == Decision.COUNT_AS_SENT:
            return MessageState("ok", person.state_label, reason_of(campaign, person))
        case Status.ACCEPTED if not person.remote_id:
            text = _("ChumiAI gave no id for it, so its delivery can't be followed.")
            return MessageState("ok", person.state_label, text)
        case Status.ACCEPTED:
            return MessageState("ok", person.state_label)
        case Status.FAILED:
            return MessageState("bad", _("Failed"), reason_of(campaign, person))
        case Status.UNCONFIRMED:
            text = _("It may have been sent. Nothing will be sent twice.")
            return MessageState("warn", _("Unconfirmed"), text)
    one_person = ONE_PERSON.get(SkipReason(person.skip_reason))
    return MessageState("idle", _("Skipped"), str(one_person or reason_of(campaign, person)))


@dataclass(frozen=True, slots=True)
class SentTest:
    """A test of a draft. `is_current`: it had the text and the media that the draft has now."""

    campaign: Campaign
    phone: str
    label: str
    at: datetime
    message_state: MessageState
    is_open: bool
    is_current: bool

    @property
    def is_accepted(self) -> bool:
        return self.message_state.tone == "ok"


def tests_of(campaign: Campaign) -> list[SentTest]:
    """Return the last tests of a draft, the newest first."""
    people = (
        Recipient.objects.filter(campaign__test_of=campaign)
        .select_related("campaign", "decided_by")
        .order_by("-campaign__launched_at", "-pk")[:SHOWN]
    )
    labels = dict(TestNumber.objects.filter(team=campaign.team).values_list("phone", "label"))
    return [_sent_test(campaign, person, labels.get(person.phone, "")) for person in people]


def _sent_test(draft: Campaign, person: Recipient, label: str) -> SentTest:
    test = person.campaign
    assert test.launched_at is not None
    waits = person.status in (Status.PENDING, Status.SUBMITTING)
    return SentTest(
        campaign=test,
        phone=person.phone,
        label=label,
        at=test.launched_at,
        message_state=state_of(test, person),
        is_open=waits and test.status != Campaign.Status.PAUSED,
        is_current=_is_current(test, draft),
    )


def _is_current(test: Campaign, draft: Campaign) -> bool:
    template, sent = draft.template, test.snapshot or {}
    return (
        template is not None
        and (test.template_id, test.template_hash) == (template.pk, template.content_hash)
        and sent["media"] == media.content_of(draft)
    )
