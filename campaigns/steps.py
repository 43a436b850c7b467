"""The steps of a draft: which there are, which one is open, which can be gone back to."""

from django.urls import reverse

from campaigns.models import Campaign
from campaigns.services import checks, media

# The word of a step stands in its URL, its view and its template. "media" is there only where
# the template needs it, under the name of what it needs.
STEPS = {
    Campaign.Audience.FILE: {
        "template": "Template",
        "file": "File",
        "values": "Columns",
        "media": "",
        "check": "Check",
        "preview": "Preview",
        "review": "Review and send",
    },
    Campaign.Audience.NUMBER: {
        "template": "Template",
        "number": "Number and values",
        "media": "",
        "review": "Review and send",
    },
    Campaign.Audience.GROUP: {
        "template": "Template",
        "group": "Group",
        "values": "Values",
        "media": "",
        "check": "Check",
        "preview": "Preview",
        "review": "Review and send",
    },
}


def steps_of(campaign=None, audience=Campaign.Audience.FILE):
    """Return the steps in their order, each with its label."""
    kind = media.kind_of(campaign) if campaign else None
    labels = dict(STEPS[campaign.audience if campaign else audience])
    if "media" in labels:
        labels["media"] = kind.name.capitalize() if kind else ""
    return {step: label for step, label in labels.items() if label}


def after(campaign, step):
    """Return the step that follows."""
    order = list(steps_of(campaign))
    return order[order.index(step) + 1]


def open_step(campaign):
    """Return the first step that is not done yet."""
    if campaign.status == Campaign.Status.READY:
        return "review"
    if campaign.template is None or not campaign.template.is_sendable:
        return "template"
    if campaign.is_to_one:
        return _open_step_to_one(campaign)
    if campaign.audience == Campaign.Audience.GROUP:
        if not hasattr(campaign, "group"):
            return "group"
    elif not hasattr(campaign, "upload"):
        return "file"
    if checks.what_is_unmapped(campaign):
        return "values"
    if media.what_is_missing(campaign):
        return "media"
    if not hasattr(campaign, "check_result"):
        return "check" if media.kind_of(campaign) else "values"
    return "check"


def _open_step_to_one(campaign):
    # What was typed is checked by the step that comes last.
    typed = not checks.what_is_unmapped(campaign)
    return "media" if typed and media.kind_of(campaign) else "number"


def can_open(campaign, step):
    """Say whether all that comes before the step is there."""
    order = list(steps_of(campaign))
    return step in order and order.index(step) <= order.index(open_step(campaign))


def url_of(campaign, step):
    """Return the address of the step."""
    return reverse(f"campaigns:campaign_{step}", args=(campaign.team.slug, campaign.uuid))


def bar(campaign, current):
    """Return the steps as the bar above a page shows them."""
    steps = steps_of(campaign)
    order = list(steps)
    here, until = order.index(current), order.index(open_step(campaign))
    return [
        {
            "label": label,
            "url": url_of(campaign, step) if number <= until else "",
            # A preview asks for nothing: it is done by going past it.
            "state": "current"
            if step == current
            else "done"
            if number < here or (number < until and step != "preview")
            else "todo",
        }
        for number, (step, label) in enumerate(steps.items())
    ]


def first_bar(audience=Campaign.Audience.FILE):
    """Return the steps of a campaign that does not exist yet."""
    return [
        {"label": label, "url": "", "state": "todo" if number else "current"}
        for number, label in enumerate(steps_of(audience=audience).values())
    ]
