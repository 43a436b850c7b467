"""The start page: the only team, the choice, or what to do without one."""

from django.urls import reverse

from teams.models import Membership
from tests import factories


def test_only_team_is_opened(team, viewer, login):
    assert login(viewer).get("/").url == reverse("reports:home", kwargs={"team": team.slug})


def test_several_teams_are_offered_and_no_other(team, other_team, viewer, login):
    factories.make_team("secret", name="Secret Spices")
    Membership.objects.create(team=other_team, user=viewer, role="manager")
    page = login(viewer).get("/").content.decode()
    assert "Kente Corner" in page
    assert "Mango Foods" in page
    assert "Secret Spices" not in page


def test_without_a_team_the_page_says_to_ask_the_administrator(db, login):
    page = login(factories.make_user("Nana Addo")).get("/").content.decode()
    assert "You are not in a team yet" in page
    assert "Ask your administrator" in page
    assert "/admin/" not in page


def test_an_administrator_without_a_team_can_create_one(db, login):
    page = login(factories.make_user("Root Admin", is_staff=True)).get("/").content.decode()
    assert reverse("admin:teams_team_add") in page


def test_anonymous_people_go_to_the_login_page(db, client):
    assert client.get("/").url.startswith(reverse("account_login"))
