"""URLs of campaign pages, and the text and messages on them."""

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
    """Return the text of a page, with each run of white space as one space."""
    html = BLOCK.sub(" <", response.content.decode())
    return " ".join(strip_tags(html).split())


def messages(client, path):
    """Return the messages that the page at `path` shows."""
    return [str(message) for message in client.get(path).context["messages"]]
