"""A draft as a whole: made, renamed, deleted."""

import uuid

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import steps
from campaigns.forms import (
    NameForm,
    NewCampaignForm,
)
from campaigns.models import Campaign
from campaigns.pages import chosen_group, chosen_template, draft_page, get_draft
from campaigns.services import drafts, groups
from campaigns.views.template import gallery
from contacts.models import Contact, ContactSync
from core.errors import Refused
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
def campaign_new(request):
    """Make a draft, with its template where one was chosen."""
    chosen, group = chosen_template(request), chosen_group(request)
    form = NewCampaignForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            campaign = drafts.create_campaign(
                request.team, by=request.user, name=form.cleaned_data["name"], template=chosen
            )
            if group:
                groups.choose_group(campaign, group, by=request.user)
                campaign = get_draft(request, campaign.uuid)
        except Refused as error:
            form.add_error(None, str(error))
        else:
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
def message_new(request):
    """Begin a message to one number, that of a contact where one is named."""
    chosen, contact = chosen_template(request), _contact(request)
    to_one = Campaign.Audience.NUMBER
    if request.method == "POST":
        try:
            campaign = drafts.create_campaign(
                request.team,
                by=request.user,
                template=chosen,
                audience=to_one,
                phone=contact.phone if contact else "",
            )
        except Refused as error:
            messages.error(request, str(error))
        else:
            return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    context = {
        "contact": contact,
        "steps": steps.first_bar(to_one),
        **gallery(request, chosen),
    }
    return render(request, "campaigns/message_new.html", context)


def _contact(request):
    """Return the contact whom the address names, or None."""
    try:
        wanted = uuid.UUID(request.GET.get("contact", ""))
    except ValueError:
        return None
    current = ContactSync.objects.current(request.team)
    return get_object_or_404(Contact.objects.exclude(phone=""), sync=current, uuid=wanted)


@require_POST
@requires("prepare")
@draft_page
def campaign_rename(request, campaign):
    """Give the draft another name."""
    form = NameForm(request.POST)
    if form.is_valid():
        try:
            drafts.rename(campaign, form.cleaned_data["name"], by=request.user)
        except Refused as error:
            messages.error(request, str(error))
    else:
        messages.error(request, "The name was not changed: give it 1 to 120 characters.")
    return redirect(steps.url_of(campaign, steps.open_step(campaign)))


@require_POST
@requires("prepare")
@draft_page
def campaign_delete(request, campaign):
    """Delete a draft."""
    try:
        drafts.delete_draft(campaign, by=request.user)
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The draft “{campaign.name}” was deleted.")
    return redirect("campaigns:campaign_list", team=request.team.slug)
