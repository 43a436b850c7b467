"""Home and the results of campaigns. Reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from campaigns import steps
from campaigns.models import Campaign, Recipient
from contacts.models import OptOut, UnreadableOptOut
from core import clocks, formats, times
from message_templates.models import MessageTemplate, TemplateSync
from reports.results import funnel
from sending.failure_groups import failures_of
from sending.models import Batch
from sending.progress import Progress
from sending.progress_queries import load_progress, load_progresses
from tasks.health import problems
from teams.models import Team
from teams.requests import TeamRequest
from webhooks.services import moments, silence_of

RECENT = 6
# More than this at once is a list of campaigns, not a home page.
MAX_RUNNING = 10
# The shortest interval of the home page's poll, in seconds.
MIN_POLL_SECONDS = 5
REPORTED = timedelta(days=30)
# Campaigns that are running, or that have ended with messages to decide about.
NEEDS_A_LOOK = (
    Q(status__in=Campaign.LIVE)
    | Q(
        Exists(
            Recipient.objects.filter(campaign=OuterRef("pk"), status=Recipient.Status.UNCONFIRMED)
        )
    )
    | Q(Exists(Batch.objects.filter(campaign=OuterRef("pk"), status=Batch.Status.UNCONFIRMED)))
)


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """Something that a person should look at; `url` is empty if there is no page for it."""

    title: str
    text: str
    url: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step of the set-up; `who` names the roles that may do it."""

    title: str
    text: str
    url: str
    who: str
    may: bool
    is_done: bool


@require_safe
def home(request: TeamRequest) -> HttpResponse:
    """Show the first steps until they are done, then what is running."""
    since = clocks.now() - REPORTED
    campaigns = Campaign.objects.for_team(request.team).filter(
        Q(launched_at__gte=since) | NEEDS_A_LOOK
    )
    launched = load_progresses(campaigns.order_by("-launched_at", "-pk"))
    running = [found for found in launched if _needs_a_look(*found)]
    figures = _figures(request.team, since, launched)
    first_steps = _first_steps(request, has_launched=figures["launched_ever"] > 0)
    return render(
        request,
        "reports/home.html",
        _running_context(request, running[:MAX_RUNNING])
        | {
            "steps": first_steps,
            "next_step": next((step for step in first_steps if not step.is_done), None),
            "is_set_up": all(step.is_done for step in first_steps),
            "recent": _recent(request.team),
            "figures": figures,
        },
    )


@require_safe
def home_running(request: TeamRequest) -> HttpResponse:
    """Show the live region of the page: one request for all running campaigns."""
    campaigns = Campaign.objects.for_team(request.team).without_tests().filter(NEEDS_A_LOOK)
    running = load_progresses(campaigns.order_by("-launched_at", "-pk")[:MAX_RUNNING])
    return render(request, "reports/home.html#running", _running_context(request, running))


def _needs_a_look(campaign: Campaign, progress: Progress) -> bool:
    """Return True for what `NEEDS_A_LOOK` finds, tests aside."""
    return campaign.test_of_id is None and bool(campaign.is_live or progress.unconfirmed)


def _running_context(
    request: TeamRequest, campaigns: Sequence[tuple[Campaign, Progress]]
) -> dict[str, Any]:
    running = [found for found in campaigns if found[0].is_live]
    return {
        "running": running,
        "attention": _attention(request, campaigns),
        "poll_seconds": min(
            (
                max(progress.poll_seconds, MIN_POLL_SECONDS)
                for _campaign, progress in running
                if progress.poll_seconds is not None
            ),
            default=None,
        ),
    }


def _attention(
    request: TeamRequest, running: Iterable[tuple[Campaign, Progress]]
) -> list[AttentionItem]:
    """Return what a person should look at."""
    items = [AttentionItem(str(it.title), str(it.text)) for it in problems()]
    if any(progress.sender_off for _campaign, progress in running):
        items.append(
            AttentionItem(
                _("Sending is paused on our server"),
                _("It continues by itself. Tell your administrator."),
            )
        )
    for campaign, progress in running:
        url = _url(request, "campaigns:campaign_detail", uuid=campaign.uuid)
        if progress.decisions:
            text = ngettext(
                "Batch {numbers} needs a decision.",
                "Batches {numbers} need a decision.",
                len(progress.decisions),
            ).format(numbers=", ".join(str(batch.number) for batch in progress.decisions))
            items.append(AttentionItem(campaign.name, text, url, _("Decide")))
        elif progress.singles.undecided:
            number = progress.singles.undecided
            text = ngettext(
                "{count} message needs a decision.", "{count} messages need a decision.", number
            ).format(count=formats.number(number))
            items.append(AttentionItem(campaign.name, text, url, _("Decide")))
        elif campaign.status == Campaign.Status.PAUSED:
            reason = campaign.get_pause_reason_display()
            items.append(AttentionItem(campaign.name, reason, url, _("View")))
        elif progress.is_stalled:
            text = _("No update from ChumiAI. We keep checking.")
            items.append(AttentionItem(campaign.name, text, url, _("View")))
    connection = request.team_connection
    if connection and connection.problem:
        url = _url(request, "teams:connection")
        title = _("The connection to ChumiAI has a problem")
        items.append(AttentionItem(title, connection.problem_sentence, url, _("View")))
    rows = _rows_to_look_at(request.team)
    if unreadable := rows["unreadable"]:
        text = ngettext(
            "{count} person asked for no more messages, and we can't read the number.",
            "{count} people asked for no more messages, and we can't read their numbers.",
            unreadable,
        ).format(count=formats.number(unreadable))
        url = _url(request, "contacts:opt_out_list")
        items.append(AttentionItem(_("An opt-out needs a person"), text, url, _("Decide")))
    if silence := silence_of(request.team, rows):
        title = _("No delivery updates for {duration}").format(
            duration=times.duration(silence.lasts)
        )
        text = ngettext(
            "{count} message was accepted in this time. Replies and opt-outs don't arrive either.",
            "{count} messages were accepted in this time. Replies and opt-outs don't arrive "
            "either.",
            silence.messages,
        ).format(count=formats.number(silence.messages))
        url = _url(request, "webhooks:webhook_detail")
        items.append(AttentionItem(title, text, url, _("View")))
    if rows["sync_state"] == TemplateSync.State.FAILED:
        url = _url(request, "message_templates:template_list")
        title = _("The last template sync failed")
        items.append(AttentionItem(title, rows["sync_error"], url, _("View")))
    return items


def _rows_to_look_at(team: Team) -> dict[str, Any]:
    """Return opt-outs that need a person, the last template sync and webhook, in one query."""
    syncs = TemplateSync.objects.filter(team=OuterRef("pk")).order_by("-pk")
    return (
        Team.objects.filter(pk=team.pk)
        .values(
            unreadable=_count(UnreadableOptOut.objects.filter(decision="")),
            sync_state=Subquery(syncs.values("state")[:1]),
            sync_error=Subquery(syncs.values("error")[:1]),
            **moments(),
        )
        .get()
    )


def _url(request: TeamRequest, name: str, **kwargs: Any) -> str:
    return reverse(name, kwargs={"team": request.team.slug} | kwargs)


def _first_steps(request: TeamRequest, *, has_launched: bool) -> list[FirstStep]:
    team, connection = request.team, request.team_connection
    managers = _("Managers of this team can do this.")
    marketers = _("Marketers and managers can do this.")
    return [
        FirstStep(
            title=_("Connect to ChumiAI"),
            text=_("Paste the API key of your business."),
            url=_url(request, "teams:connection"),
            who=managers,
            may=request.may["connect"],
            is_done=bool(connection and connection.has_key),
        ),
        FirstStep(
            title=_("Sync the templates"),
            text=_("Fetch the messages that WhatsApp has approved."),
            url=_url(request, "message_templates:template_list"),
            who=marketers,
            may=request.may["sync"],
            is_done=has_launched or MessageTemplate.objects.for_team(team).offered().exists(),
        ),
        FirstStep(
            title=_("Send your first campaign"),
            text=_("Choose a template, upload a spreadsheet, check it and send."),
            url=_url(request, "campaigns:campaign_new"),
            who=marketers,
            may=request.may["prepare"],
            is_done=has_launched,
        ),
    ]


def _recent(team: Team) -> QuerySet[Campaign]:
    campaigns: QuerySet[Campaign] = Campaign.objects.for_team(team).to_many()
    campaigns = campaigns.exclude(status__in=Campaign.LIVE)
    campaigns = campaigns.select_related("template", "created_by", "launched_by")
    return campaigns.order_by("-created_at", "-pk")[:RECENT]


def _figures(
    team: Team, since: datetime, campaigns: Iterable[tuple[Campaign, Progress]]
) -> dict[str, int]:
    """Return the numbers of the team's campaigns launched since, added up."""
    launched = Campaign.objects.without_tests().exclude(launched_at=None)
    counted = (
        Team.objects.filter(pk=team.pk)
        .values(
            launched_ever=_count(launched),
            launched=_count(launched.filter(launched_at__gte=since)),
            new_opt_outs=_count(OptOut.objects.filter(created_at__gte=since)),
        )
        .get()
    )
    found = [
        progress
        for campaign, progress in campaigns
        if campaign.launched_at and campaign.launched_at >= since
    ]
    return counted | {
        "accepted": sum(progress.accepted or 0 for progress in found),
        "failed": sum(progress.failed or 0 for progress in found),
    }


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Return a subquery that counts the rows of the outer query's team."""
    of_team = rows.filter(team=OuterRef("pk")).order_by().values("team")
    return Coalesce(Subquery(of_team.annotate(count=Count("pk")).values("count")), 0)


@require_safe
def campaign_results(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Show the results of a launched campaign; redirect a draft to its open step."""
    campaigns = Campaign.objects.for_team(request.team).select_related("team", "launched_by")
    campaign = get_object_or_404(campaigns, uuid=uuid)
    if campaign.is_editable:
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    progress = load_progress(campaign)
    context = {
        "campaign": campaign,
        "progress": progress,
        "stages": funnel(campaign, progress),
        "failures": failures_of(campaign, progress),
    }
    return render(request, "reports/campaign_results.html", context)
