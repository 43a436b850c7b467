"""The addresses of a draft, and what stands on its pages."""

import re

from django.urls import reverse
from django.utils.html import strip_tags

BLOCK = re.compile(r"<(?!/?(?:span|strong|b|em|a)\b)")


def url(campaign, page, **kwargs):
    return reverse(
        f"campaigns:campaign_{page}",
        kwargs={"team": campaign.team.slug, "uuid": campaign.uuid} | kwargs,
    )


def list_url(team, page="list"):
    return reverse(f"campaigns:campaign_{page}", kwargs={"team": team.slug})


def text(response):
    """Return the words of a page, with every gap as one space."""
    html = BLOCK.sub(" <", response.content.decode())
    return " ".join(strip_tags(html).split())


def told(client, path):
    """Return the messages that the next page shows."""
    return [str(message) for message in client.get(path).context["messages"]]
