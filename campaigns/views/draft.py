"""A draft as a whole: made, renamed, deleted."""

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import steps
from campaigns.forms import NameForm, NewCampaignForm
from campaigns.models import Campaign
from campaigns.pages import chosen_group, chosen_template, draft_page
from campaigns.services import drafts, groups
from campaigns.views.template import gallery
from contacts.models import Contact
from core.actions import refusal_as_error, refusal_as_message
from teams.requests import TeamRequest
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
def campaign_new(request: TeamRequest) -> HttpResponse:
    """Make a draft, with its template where one was chosen."""
    chosen, group = chosen_template(request), chosen_group(request)
    form = NewCampaignForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusal_as_error(form):
            campaign = drafts.create_campaign(
                request.team, by=request.user, name=form.cleaned_data["name"], template=chosen
            )
            if group:
                campaign = groups.choose_group(campaign, group, by=request.user)
            following = steps.after(campaign, "template") if chosen else "template"
            return redirect(steps.url_of(campaign, following))
    context = {
        "form": form,
        "steps": steps.first_bar(),
        "group": group,
        **gallery(request, chosen),
    }
    return render(request, "campaigns/campaign_new.html", context)


@require_http_methods(["GET", "POST"])
@requires("prepare")
def message_new(request: TeamRequest) -> HttpResponse:
    """Begin a message to one number, that of a contact where one is named."""
    chosen, contact = chosen_template(request), _contact(request)
    if request.method == "POST":
        with refusal_as_message(request):
            campaign = drafts.create_campaign(
                request.team,
                by=request.user,
                template=chosen,
                audience=Campaign.Audience.NUMBER,
                phone=contact.phone if contact else "",
            )
            return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    context = {
        "contact": contact,
        "steps": steps.first_bar(Campaign.Audience.NUMBER),
        **gallery(request, chosen),
    }
    return render(request, "campaigns/message_new.html", context)


def _contact(request: TeamRequest) -> Contact | None:
    """Return the contact that the address names, or None."""
    try:
        wanted = uuid.UUID(request.GET.get("contact", ""))
    except ValueError:
        return None
    reachable = Contact.objects.current(request.team).exclude(phone="")
    return get_object_or_404(reachable, uuid=wanted)


@require_POST
@requires("prepare")
@draft_page
def campaign_rename(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Give the draft another name."""
    form = NameForm(request.POST)
    if form.is_valid():
        with refusal_as_message(request):
            campaign = drafts.rename(campaign, form.cleaned_data["name"], by=request.user)
    else:
        messages.error(request, _("The name was not changed: enter 1 to 120 characters."))
    return redirect(steps.url_of(campaign, steps.open_step(campaign)))


@require_POST
@requires("prepare")
@draft_page
def campaign_delete(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Delete a draft."""
    with refusal_as_message(request):
        drafts.delete_draft(campaign, by=request.user)
        messages.success(request, _("Draft “{name}” deleted").format(name=campaign.name))
    return redirect("campaigns:campaign_list", team=request.team.slug)
