"""What the syncs of templates, contacts and jobs have in common."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from contacts.models import ContactSync
from message_templates.models import TemplateSync
from sending.models import JobSync

pytestmark = pytest.mark.django_db
every = pytest.mark.parametrize("model", [TemplateSync, ContactSync, JobSync])


@every
def test_a_second_request_returns_the_unfinished_sync(model, team, other_team, marketer):
    first, is_new = model.objects.request(team, by=marketer)
    assert (is_new, first.requested_by, first.is_finished) == (True, marketer, False)
    assert model.objects.request(team) == (first, False)
    assert model.objects.request(other_team)[1]


@every
def test_two_unfinished_syncs_and_an_end_without_a_time_are_impossible(model, team):
    model.objects.request(team)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(team=team, requested_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(state=model.State.FAILED)


@every
def test_a_finished_sync_finishes_once_and_waits_no_more(model, team):
    sync, _ = model.objects.request(team)
    assert model.objects.wait(7) == 1
    assert model.objects.finish(model.State.FAILED, "x" * 400) == 1
    assert model.objects.wait(7) == model.objects.finish(model.State.SUCCEEDED) == 0
    sync.refresh_from_db()
    assert (sync.has_failed, sync.error, sync.is_finished) == (True, "x" * 300, True)
    assert sync.waits_until is None


@every
def test_the_current_sync_is_the_last_that_succeeded(model, team):
    assert model.objects.latest_of(team) is model.objects.current(team) is None
    good, _ = model.objects.request(team)
    model.objects.finish(model.State.SUCCEEDED)
    failed, _ = model.objects.request(team)
    model.objects.finish(model.State.FAILED)
    assert (model.objects.latest_of(team), model.objects.current(team)) == (failed, good)
