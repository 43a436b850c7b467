"""One template: preview, content, placeholders, and why it can't be sent."""

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_template


def url(template, team=None):
    return reverse(
        "message_templates:template_detail",
        kwargs={"team": (team or template.team).slug, "uuid": template.uuid},
    )


@pytest.fixture
def show(marketer, login):
    """Return a function that gives the page of a template, as text."""
    client = login(marketer)

    def get(template):
        response = client.get(url(template))
        assert response.status_code == 200
        return response.content.decode()

    return get


RICH = [
    {"type": "HEADER", "format": "TEXT", "text": "Welcome to Makola"},
    {
        "type": "BODY",
        "text": "Hi {{1}}, your code is *{{2}}*.",
        "example": {"body_text": [["Ama", "MF-24"]]},
    },
    {"type": "FOOTER", "text": "Reply STOP to opt out"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "Stop promotions"},
            {"type": "URL", "text": "Our shop", "url": "https://makola.example/"},
        ],
    },
]


def test_every_component_is_shown(team, show):
    page = show(make_template(team, components=RICH, language="en_GH", quality="YELLOW"))
    for words in (
        "Welcome to Makola",
        "Reply STOP to opt out",
        "Stop promotions",
        "https://makola.example/",
        "English (Ghana)",
        "Marketing",
        "Medium",
        "WhatsApp rates the quality of this template as medium.",
    ):
        assert words in page, words
    assert '<strong><span class="value">MF-24</span></strong>' in page


def test_placeholders_with_their_examples(team, show):
    page = show(make_template(team, components=RICH))
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    for words in ("{{1}}", "{{2}}", "Ama", "MF-24", "your code is"):
        assert words in table, words


def test_without_placeholders(team, show):
    assert "everyone gets the same text" in show(make_template(team, body="Happy Easter!"))


def test_sendable_leads_to_a_campaign(team, show):
    template = make_template(team)
    target = reverse("campaigns:campaign_new", kwargs={"team": team.slug})
    assert f'href="{target}?template={template.uuid}"' in show(template)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "PAUSED"}, "WhatsApp paused this template"),
        (
            {"status": "REJECTED", "rejected_reason": "PROMOTIONAL"},
            "It promotes something, so it has to be in the category Marketing.",
        ),
        ({"vanished_at": timezone.now()}, "No longer listed since"),
        ({"components": [*RICH, {"type": "CAROUSEL", "cards": []}]}, "carousel of cards"),
        ({"components": [*RICH, {"type": "HOLOGRAM"}]}, "not known here"),
        ({"components": []}, "no text to send"),
        ({"components": {"type": 3}}, "no text to send"),
    ],
)
def test_why_it_cannot_be_sent(fields, reason, team, show):
    page = show(make_template(team, **fields))
    assert reason in page
    assert "Use in a campaign" not in page


def test_an_unknown_rejection_reason_is_shown(team, show):
    template = make_template(team, status="REJECTED", rejected_reason="Too <loud>")
    assert "Too &lt;loud&gt;" in show(template)


def test_a_viewer_sees_it_without_the_campaign_button(team, viewer, login):
    page = login(viewer).get(url(make_template(team)))
    assert page.status_code == 200
    assert b"Use in a campaign" not in page.content


def test_invisible_to_a_stranger(team, other_team, outsider, login):
    template = make_template(team)
    client = login(outsider)
    assert client.get(url(template)).status_code == 404
    assert client.get(url(template, other_team)).status_code == 404
