"""Remove a number from the list: only managers, with a reason, kept in the history."""

import pytest
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from contacts import services
from contacts.models import OptOut
from core.errors import Refused
from teams.models import AuditEvent

PHONE = "+233244123456"


@pytest.fixture
def opt_out(team, marketer):
    return services.opt_out(team, PHONE, reason="Wrote to us", by=marketer)[0]


def url(name, opt_out):
    kwargs = {"team": opt_out.team.slug, "uuid": opt_out.uuid}
    return reverse(f"contacts:{name}", kwargs=kwargs)


def lift(client, opt_out, reason="Asked for offers again"):
    return client.post(url("opt_out_lift", opt_out), {"reason": reason}, follow=True)


def test_a_manager_lifts_it(opt_out, manager, login):
    page = lift(login(manager), opt_out).content.decode()
    assert "was removed from the list" in page
    assert "Asked for offers again" in page
    assert services.opted_out_of(opt_out.team, [PHONE]) == set()
    opt_out.refresh_from_db()
    assert (opt_out.lifted_by, opt_out.lifted_reason) == (manager, "Asked for offers again")
    event = AuditEvent.objects.get(action="opt-out lifted")
    assert (event.user, event.after) == (manager, {"reason": "Asked for offers again"})
    assert event.before["source"] == "by_hand"
    assert "123456" not in event.subject


def test_a_number_that_opts_out_again_has_both_rows_in_the_history(
    opt_out, manager, viewer, login
):
    services.lift(opt_out, reason="Asked for offers again", by=manager)
    again, created = services.opt_out(opt_out.team, PHONE, reason="Changed her mind", by=manager)
    assert created and again.pk != opt_out.pk
    assert services.opted_out_of(opt_out.team, [PHONE]) == {PHONE}
    for row in (opt_out, again):
        page = login(viewer).get(url("opt_out_detail", row)).content.decode()
        for text in ("Wrote to us", "Asked for offers again", "Changed her mind", "Opted out"):
            assert text in page
        assert "+233 24 *** 3456" in page and "412 3456" not in page
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["opt-out added", "opt-out lifted", "opt-out added"]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_without_a_reason_nothing_is_lifted(reason, opt_out, manager, login):
    page = lift(login(manager), opt_out, reason)
    assert page.status_code == 200
    assert "field-error" in page.content.decode()
    assert services.opted_out_of(opt_out.team, [PHONE]) == {PHONE}


def test_the_service_and_the_database_require_a_reason(opt_out, manager):
    with pytest.raises(Refused):
        services.lift(opt_out, reason=" ", by=manager)
    with pytest.raises(IntegrityError):
        OptOut.objects.update(lifted_at=timezone.now())


def test_lifting_twice_is_refused(opt_out, manager, login):
    client = login(manager)
    lift(client, opt_out)
    page = lift(client, opt_out, "Once more").content.decode()
    assert "was already removed from the list" in page
    opt_out.refresh_from_db()
    assert opt_out.lifted_reason == "Asked for offers again"
    assert AuditEvent.objects.filter(action="opt-out lifted").count() == 1


def test_an_old_row_does_not_lift_the_new_one(opt_out, manager):
    services.lift(opt_out, reason="Asked", by=manager)
    services.opt_out(opt_out.team, PHONE)
    with pytest.raises(Refused):
        services.lift(opt_out, reason="Asked", by=manager)
    assert services.opted_out_of(opt_out.team, [PHONE]) == {PHONE}


def test_a_marketer_is_refused_and_sees_no_form(opt_out, marketer, login):
    client = login(marketer)
    assert lift(client, opt_out).status_code == 403
    page = client.get(url("opt_out_detail", opt_out)).content.decode()
    assert "Only a manager" in page and "Remove from the list" not in page
    assert services.opted_out_of(opt_out.team, [PHONE]) == {PHONE}


def test_invisible_to_a_stranger(opt_out, outsider, login):
    client = login(outsider)
    assert lift(client, opt_out).status_code == 404
    assert client.get(url("opt_out_detail", opt_out)).status_code == 404
    assert services.opted_out_of(opt_out.team, [PHONE]) == {PHONE}


def test_lifted_opt_outs_have_their_own_list(opt_out, manager, viewer, login):
    services.opt_out(opt_out.team, "+233201234567")
    services.lift(opt_out, reason="Asked", by=manager)
    here = reverse("contacts:opt_out_list", kwargs={"team": opt_out.team.slug})
    client = login(viewer)
    page = client.get(here).content.decode()
    assert "*** 4567" in page and "*** 3456" not in page
    page = client.get(here, {"show": "lifted"}).content.decode()
    assert "*** 3456" in page and "*** 4567" not in page
