"""The steps of a draft: which there are, which one is open, which can be gone back to."""

from typing import TypedDict

from django.urls import reverse

from campaigns.audiences import audience_of, steps_before
from campaigns.models import Campaign
from campaigns.services import media


class BarStep(TypedDict):
    """A step in the bar above a page; `state` is done, current or todo."""

    label: str
    url: str
    state: str


def steps_of(campaign: Campaign) -> dict[str, str]:
    """Return the steps in their order, each with its label."""
    name = media.name_of(campaign)
    labels = audience_of(campaign).steps | {"media": name[:1].upper() + name[1:]}
    return {step: str(label) for step, label in labels.items() if label}


def after(campaign: Campaign, step: str) -> str:
    """Return the step that follows."""
    order = list(steps_of(campaign))
    return order[order.index(step) + 1]


def before(campaign: Campaign, step: str) -> str:
    """Return the step that comes before."""
    order = list(steps_of(campaign))
    return order[order.index(step) - 1]


def open_step(campaign: Campaign) -> str:
    """Return the first step that is not done yet."""
    if campaign.status == Campaign.Status.READY:
        return "review"
    if campaign.template is None or not campaign.template.is_sendable:
        return "template"
    audience = audience_of(campaign)
    if audience.what_is_missing():
        return audience.source_step
    if audience.what_is_unmapped():
        return audience.values_step
    if media.what_is_missing(campaign):
        return "media"
    if hasattr(campaign, "check_result"):
        return "check"
    return audience.step_of_check(has_media=media.kind_of(campaign) is not None)


def can_open(campaign: Campaign, step: str) -> bool:
    """Return True if everything before the step is done."""
    order = list(steps_of(campaign))
    return step in order and order.index(step) <= order.index(open_step(campaign))


def url_of(campaign: Campaign, step: str) -> str:
    """Return the address of the step."""
    return reverse(f"campaigns:campaign_{step}", args=(campaign.team.slug, campaign.uuid))


def bar(campaign: Campaign, current: str) -> list[BarStep]:
    """Return the steps for the bar above a page."""
    steps = steps_of(campaign)
    order = list(steps)
    here, until = order.index(current), order.index(open_step(campaign))
    found: list[BarStep] = []
    for place, (step, label) in enumerate(steps.items()):
        state = "todo"
        if step == current:
            state = "current"
        # A preview has nothing to fill in: it is done once a later step is open.
        elif place < here or (place < until and step != "preview"):
            state = "done"
        url = url_of(campaign, step) if place <= until else ""
        found.append({"label": label, "url": url, "state": state})
    return found


def first_bar(kind: str = Campaign.Audience.FILE) -> list[BarStep]:
    """Return the steps of a campaign that does not exist yet."""
    labels = [str(label) for label in steps_before(kind).values() if label]
    return [
        {"label": label, "url": "", "state": "todo" if place else "current"}
        for place, label in enumerate(labels)
    ]
