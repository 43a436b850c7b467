"""Home: what runs, what needs a person, and how the last month went. Reads only."""

from datetime import timedelta

from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from campaigns import steps
from campaigns.models import Batch, Campaign, Recipient
from campaigns.reasons import failures_of
from campaigns.standing import standing_of, standings
from contacts.models import OptOut
from message_templates.models import MessageTemplate, TemplateSync
from reports.results import funnel
from teams.models import Team

RECENT = 6
# More than this at once is a list of campaigns, not a home page.
MOST_RUNNING = 10
REPORTED = timedelta(days=30)


@require_safe
def home(request):
    """Show the first steps until they are done, then what goes on."""
    figures = _figures(request.team, timezone.now() - REPORTED)
    steps = _first_steps(request, has_launched=figures["ever"] > 0)
    return render(
        request,
        "reports/home.html",
        _running_context(request)
        | {
            "steps": steps,
            "is_set_up": all(step["done"] for step in steps),
            "recent": _recent(request.team),
            "figures": figures,
        },
    )


@require_safe
def home_running(request):
    """Show the part of the page that moves: one request for every campaign on it."""
    return render(request, "reports/home.html#running", _running_context(request))


def _running_context(request):
    campaigns = Campaign.objects.for_team(request.team).without_tests().running()
    running = standings(campaigns.order_by("-launched_at", "-pk")[:MOST_RUNNING])
    return {
        "running": running,
        "attention": _attention(request, running),
        "poll_seconds": min(
            (max(progress.poll_seconds, 5) for _, progress in running), default=None
        ),
    }


def _attention(request, running):
    """Return what a person has to look at: title, text, and where to go."""
    items = []
    if any(progress.sender_off for _, progress in running):
        items.append(
            _item(
                "Nothing is moving, because no worker is running.",
                "Nothing is lost. Ask your administrator to start one.",
            )
        )
    for campaign, progress in running:
        url = _url(request, "campaigns:campaign_detail", uuid=campaign.uuid)
        if progress.decisions:
            numbers = ", ".join(str(part.number) for part in progress.decisions)
            items.append(_item(campaign.name, f"Part {numbers} needs a decision.", url, "Decide"))
        elif progress.singles.undecided:
            number = progress.singles.undecided
            text = f"{number:,} message{'s need' if number != 1 else ' needs'} a decision."
            items.append(_item(campaign.name, text, url, "Decide"))
        elif campaign.status == Campaign.Status.PAUSED:
            items.append(_item(campaign.name, f"{campaign.get_pause_reason_display()}.", url))
        elif progress.is_stalled:
            items.append(_item(campaign.name, "No news from ChumiAI. We keep asking.", url))
    connection = request.team_connection
    if connection and connection.problem:
        url = _url(request, "teams:connection")
        items.append(_item("The connection to ChumiAI has a problem.", connection.problem, url))
    sync = TemplateSync.objects.latest_of(request.team)
    if sync and sync.has_failed:
        url = _url(request, "message_templates:template_list")
        items.append(_item("The last sync of the templates failed.", sync.error, url))
    return items


def _item(title, text, url="", action="Look at it"):
    return {"title": title, "text": text, "url": url, "action": action}


def _url(request, name, **kwargs):
    return reverse(name, kwargs={"team": request.team.slug} | kwargs)


def _first_steps(request, *, has_launched):
    team, connection = request.team, request.team_connection
    steps = [
        {
            "title": "Connect to ChumiAI",
            "text": "Paste the API key of your business.",
            "done": bool(connection and connection.has_key),
            "url": _url(request, "teams:connection"),
            "may": request.may["connect"],
            "who": "A manager of this team does this.",
        },
        {
            "title": "Sync the templates",
            "text": "Fetch the messages that WhatsApp has approved.",
            "done": has_launched or MessageTemplate.objects.for_team(team).offered().exists(),
            "url": _url(request, "message_templates:template_list"),
            "may": request.may["sync"],
            "who": "A marketer or a manager does this.",
        },
        {
            "title": "Send a first campaign",
            "text": "Choose a template, upload a spreadsheet, look at it, launch.",
            "done": has_launched,
            "url": _url(request, "campaigns:campaign_new"),
            "may": request.may["prepare"],
            "who": "A marketer or a manager does this.",
        },
    ]
    following = next((step for step in steps if not step["done"]), None)
    for step in steps:
        step["is_next"] = step is following
    return steps


def _recent(team):
    return (
        Campaign.objects.for_team(team)
        .to_many()
        .exclude(status__in=Campaign.LIVE)
        .select_related("template", "created_by", "launched_by")
        .order_by("-created_at", "-pk")[:RECENT]
    )


def _figures(team, since):
    """Count the last month from what ChumiAI told of its jobs and of messages sent singly.

    Who was tried again singly has left the failures of the job behind.
    """
    taken = Q(status=Batch.Status.ACCEPTED)
    jobs = Batch.objects.filter(campaign__team=team, settled_at__gte=since).aggregate(
        accepted=Sum("job__accepted", filter=taken, default=0),
        failed=Sum("job__failed", filter=taken, default=0),
        by_hand=Sum("handed_over", filter=taken & Q(job=None), default=0),
        refused=Sum("handed_over", filter=Q(status=Batch.Status.REJECTED), default=0),
    )
    launched = Campaign.objects.without_tests().exclude(launched_at=None)
    people = Recipient.objects.filter(campaign__launched_at__gte=since)
    in_parts = Q(campaign__engine=Campaign.Engine.BATCHES)
    singly = people.filter(~in_parts | Q(retries__gt=0))
    counted = (
        Team.objects.filter(pk=team.pk)
        .values(
            ever=_count(launched),
            lately=_count(launched.filter(launched_at__gte=since)),
            new_opt_outs=_count(OptOut.objects.filter(created_at__gte=since)),
            accepted=_count(singly.filter(status=Recipient.Status.ACCEPTED), "campaign__team"),
            failed=_count(singly.filter(status=Recipient.Status.FAILED), "campaign__team"),
            tried_again=_count(people.filter(in_parts, retries__gt=0), "campaign__team"),
        )
        .get()
    )
    failed = max(jobs["failed"] + jobs["refused"] - counted["tried_again"], 0)
    return counted | {
        "accepted": counted["accepted"] + jobs["accepted"] + jobs["by_hand"],
        "failed": counted["failed"] + failed,
    }


def _count(rows, team="team"):
    """Return a subquery that counts the rows of the team in the outer query."""
    of_team = rows.filter(**{team: OuterRef("pk")}).order_by().values(team)
    return Coalesce(Subquery(of_team.annotate(count=Count("pk")).values("count")), 0)


@require_safe
def campaign_results(request, uuid):
    """Show what came of a launched campaign; a draft goes on where it was left."""
    campaigns = Campaign.objects.for_team(request.team).select_related("team", "launched_by")
    campaign = get_object_or_404(campaigns, uuid=uuid)
    if campaign.is_editable:
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    progress = standing_of(campaign)
    context = {
        "campaign": campaign,
        "progress": progress,
        "stages": funnel(campaign, progress),
        "failures": failures_of(campaign, progress),
    }
    return render(request, "reports/campaign_results.html", context)
