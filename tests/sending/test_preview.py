"""See the message as one recipient's phone will."""

import pytest

from tests import factories
from tests.campaigns.pages import text, url

ROWS = [
    ["Phone", "Name", "Code"],
    ["0244123001", "Ama", "A-1"],
    ["0244123002", "Kofi-Emmanuel Boateng", "A-2"],
    ["0244123003", "<img src=x onerror=alert(1)>", "*A-3*"],
]


@pytest.fixture
def ready(team):
    return factories.make_ready_campaign(team, rows=ROWS)


@pytest.fixture
def client(login, marketer):
    return login(marketer)


def test_the_first_recipient_with_the_values_marked(ready, client):
    page = client.get(url(ready, "preview"))
    assert "Recipient 1 of 3" in text(page)
    assert "Hi Ama, your code is A-1." in text(page)
    assert '<span class="value">Ama</span>' in page.content.decode()
    assert "+233 24 412 3001" in text(page)


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ({"position": "2"}, 2),
        ({"show": "longest"}, 3),
        ({"position": "0"}, 1),
        ({"position": "99999999999999999999"}, 3),
        ({"position": "-4"}, 1),
        ({"position": "two\0"}, 1),
        ({"show": "other"}, 1),
    ],
)
def test_any_recipient_can_be_shown(ready, client, query, position):
    page = client.get(url(ready, "preview"), query)
    assert f"Recipient {position} of 3" in text(page)


def test_a_value_never_becomes_markup(ready, client):
    html = client.get(url(ready, "preview"), {"position": 3}).content.decode()
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_before_the_check_it_redirects_to_the_file(team, client):
    draft = factories.make_campaign(team, template=factories.make_template(team))
    assert client.get(url(draft, "preview")).url == url(draft, "file")
    assert client.get(url(draft, "review")).url == url(draft, "file")
