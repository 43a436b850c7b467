"""Why a campaign is paused or waits, as sentences for people.

Rows keep a reason and its details only; the sentences are made here, where they are shown.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns import group_rules
from campaigns.models import Campaign, Decision, GroupChoice
from core.disk import Trouble
from core.formats import number, sentence
from message_templates.sendability import Unsendable
from sending.holds import Hold
from sending.models import Batch
from sending.progress import Progress
from sending.services import template_guard
from teams.models import Team
from teams.services import NotConnected, client_for
from whatsapp import errors

Pause, Wait = Campaign.Pause, Campaign.Wait


def pause_sentence(campaign: Campaign) -> str:
    """Return why the campaign is paused and what to do, '' if it is not paused."""
    if campaign.pause_reason == Pause.NOT_CONNECTED:
        return _not_connected(campaign.team) or _("There is a key again. Resume to continue.")
    if campaign.pause_reason == Pause.TEMPLATE_CHANGED:
        return _of_changed_template(campaign)
    if campaign.pause_reason:
        return _of_pause(campaign.pause_reason, campaign.pause_details)
    return ""


def rest_sentence(progress: Progress) -> str:
    """Return what a pause does not stop, and how many people wait, '' if neither is anyone."""
    sentences = []
    if progress.in_progress:
        text = ngettext(
            "{count} message is already with ChumiAI and may still arrive.",
            "{count} messages are already with ChumiAI and may still arrive.",
            progress.in_progress,
        )
        sentences.append(text.format(count=number(progress.in_progress)))
    waiting = progress.remaining - progress.submitting
    if waiting:
        text = ngettext(
            "{count} person waits and has got no message yet.",
            "{count} people wait and have got no message yet.",
            waiting,
        )
        sentences.append(text.format(count=number(waiting)))
    return " ".join(sentences)


def wait_sentence(campaign: Campaign) -> str:
    """Return why the campaign sends nothing at the moment, '' if it does not wait."""
    return _of_wait(campaign.wait_reason, campaign.wait_details) if campaign.wait_reason else ""


def upcoming_sentence(campaign: Campaign, hold: Hold) -> str:
    """Return the sentence of one of `holds.upcoming`: what would happen after a launch."""
    match hold.reason:
        case Wait.SWITCHED_OFF:
            return _("Sending is turned off on our server, so the campaign will wait.")
        case Pause.NOT_CONNECTED:
            return _not_connected(campaign.team)
        case Pause.TEMPLATE:
            return str(Unsendable(hold.details["unsendable"]).label)
        case Pause.NOT_TESTED:
            return str(NOT_TESTED)
    raise ValueError(f"{hold.reason} is not known before the launch")


def batch_sentence(batch: Batch) -> str:
    """Return what happened to the batch beyond its state, '' if nothing did."""
    details = batch.details
    match batch.status:
        case Batch.Status.REJECTED:
            return _why(details)
        case Batch.Status.SKIPPED if not batch.decision:
            return _("Everyone in this batch is skipped.")
        case Batch.Status.ACCEPTED if details.get("found"):
            return _("Confirmed: ChumiAI did start batch {batch}.").format(
                batch=number(batch.number)
            )
    if "by" not in details:
        return ""
    match batch.decision:
        case Decision.SEND_AGAIN:
            text = _("{person} decided to send this batch again.")
        case Decision.COUNT_AS_SENT:
            text = _("{person} decided to count this batch as sent. ChumiAI shows no job for it.")
        case _decision:
            text = _("{person} decided to skip this batch.")
    return text.format(person=details["by"])


NOT_TESTED = gettext_lazy(
    "The template has a part that ChumiAI does not document. Send a test first: the campaign can "
    "start once one was accepted."
)


def _not_connected(team: Team) -> str:
    """Return why the team has no usable key at this moment, '' if it has one."""
    try:
        client_for(team)
    except NotConnected as error:
        return str(error)
    return ""


def _of_wait(reason: str, details: Mapping[str, Any]) -> str:
    match reason:
        case Wait.SWITCHED_OFF:
            return _("Sending is turned off on our server. Nothing is lost.")
        case Wait.RATE_LIMITED:
            seconds = details.get("seconds", 0)
            return ngettext(
                "Too many requests. We wait {seconds} second, then continue.",
                "Too many requests. We wait {seconds} seconds, then continue.",
                seconds,
            ).format(seconds=number(seconds))
        case Wait.UNREACHABLE:
            seconds = details.get("seconds", 0)
            return ngettext(
                "ChumiAI can't be reached at the moment. Nothing was lost. We try again every "
                "{seconds} second.",
                "ChumiAI can't be reached at the moment. Nothing was lost. We try again every "
                "{seconds} seconds.",
                seconds,
            ).format(seconds=number(seconds))
        case Wait.WHATSAPP:
            why = sentence(errors.explain(details.get("code")).sentence)
            return _("{why} Nothing was lost. We try again in a minute.").format(why=why)
        case Wait.GROUP_COUNT:
            return _("ChumiAI counts the group before the first message.")
        case Wait.TEMPLATE_READ:
            return _("ChumiAI is asked for the template again before the next message.")
        case Wait.BATCH_IN_FLIGHT:
            return _("Another batch is being submitted with the same key.")
        case Wait.OPEN_JOBS:
            return _("ChumiAI is still sending earlier batches.")
        case Wait.DISK if details.get("trouble") == Trouble.NO_ROOM:
            return _(
                "There is too little room on the server. Nothing was lost. Sending continues by "
                "itself once there is room: tell your administrator."
            )
        case Wait.DISK:
            return _(
                "The server can't write its files. Nothing was lost. Sending continues by itself "
                "once it can: tell your administrator."
            )
    return str(Wait(reason).label)


def _of_pause(reason: str, details: Mapping[str, Any]) -> str:
    event = details.get("event")
    if event == "batch_refused":
        return _(
            "ChumiAI refused batch {batch}: {why} Nobody in this batch got the message."
        ).format(batch=number(details["batch"]), why=_why(details))
    if event in ("job_failed", "job_cancelled"):
        return _of_job(event, details)
    match reason:
        case Pause.RESTORED_COPY if "adopted_at" in details:
            return _(
                "The database was put back from a copy, and an administrator has checked what was "
                "sent after it. Decide about unconfirmed messages, then resume or stop."
            )
        case Pause.RESTORED_COPY:
            return _(
                "This may be a restored copy of the database: people who are shown as waiting may "
                "have got their message. Nothing is sent until an administrator has run "
                "“manage.py adopt”."
            )
        case Pause.PERSON:
            return _("No more messages are sent until someone resumes.")
        case Pause.UNCONFIRMED if "batch" in details:
            return _(
                "We sent batch {batch} but got no clear answer. It may have started. "
                "We are checking ChumiAI's job list. Nothing will be sent twice."
            ).format(batch=number(details["batch"]))
        case Pause.UNCONFIRMED:
            count = details.get("unconfirmed", 0)
            return ngettext(
                "{count} of the last {last} messages got no clear answer. It may have been sent. "
                "Nothing will be sent twice.",
                "{count} of the last {last} messages got no clear answer. They may have been "
                "sent. Nothing will be sent twice.",
                count,
            ).format(count=number(count), last=number(details.get("last", 0)))
        case Pause.FAILURES:
            count = details.get("failed", 0)
            return _(
                "{count} of the last {last} messages failed. See below why, then resume or stop."
            ).format(count=number(count), last=number(details.get("last", 0)))
        case Pause.NOT_TESTED:
            return str(NOT_TESTED)
        case Pause.GROUP_CHANGED:
            return _of_changed_group(details)
        case Pause.GROUP_REFUSED:
            return _of_refused_group(details)
        case Pause.TEMPLATE if "unsendable" in details:
            why = str(Unsendable(details["unsendable"]).label)
            return why
    return _why(details) or str(Pause(reason).label)


def _of_changed_template(campaign: Campaign) -> str:
    """Return what changed of the template since it was checked, with both texts."""
    changes = template_guard.changes_to(campaign, template_guard.template_now(campaign))
    if not changes:
        return _("It is the one that was checked again. Resume to continue.")
    return _("{changes}.").format(changes=". ".join(map(str, changes)))


def _why(details: Mapping[str, Any]) -> str:
    """Return what ChumiAI or WhatsApp said: the meaning of a code, or our own sentence."""
    if details.get("code") is not None:
        known = errors.explain(details["code"])
        return f"{sentence(known.sentence)} {sentence(known.advice)}"
    if "message" in details:
        return sentence(details["message"], details.get("params") or None)
    return ""


def _of_job(event: str, details: Mapping[str, Any]) -> str:
    why = _why(details) or _("Check the template in ChumiAI.")
    text = (
        _("ChumiAI could not send batch {batch}. {why} Then resume or stop.")
        if event == "job_failed"
        else _("ChumiAI cancelled batch {batch}. {why} Then resume or stop.")
    )
    return text.format(batch=number(details["batch"]), why=why)


def _of_changed_group(details: Mapping[str, Any]) -> str:
    size = details["size"]
    if details["way"] == GroupChoice.Way.ENDPOINT:
        then = ngettext(
            "Resume to send to {count} person, or stop.",
            "Resume to send to all {count}, or stop.",
            size,
        ).format(count=number(size))
    else:
        then = _(
            "Resume to send to the people who were checked, or stop and check the group again in "
            "a new campaign."
        )
    return _(
        "“{name}” had {was} when you last saw it and has {now} now. No message was sent yet. "
        "{then}"
    ).format(name=details["name"], was=people(details["was"]), now=people(size), then=then)


def _of_refused_group(details: Mapping[str, Any]) -> str:
    if details.get("gone"):
        why = _("ChumiAI does not have this group any more.")
    else:
        why = sentence(group_rules.refusal(**details))
    return _(
        "{why} No message was sent. Change the group in ChumiAI and resume, or stop and send to "
        "it in a new campaign “{way}”."
    ).format(why=why, way=str(GroupChoice.Way.EXPANDED.label).lower())


def people(count: int) -> str:
    """Write a number of people."""
    return ngettext("{count} person", "{count} people", count).format(count=number(count))
