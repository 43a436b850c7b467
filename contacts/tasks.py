"""The task that copies a team's contacts and groups."""

from dataclasses import replace
from functools import partial

from django.utils.translation import gettext as _

from chumi_api.client import Client
from chumi_api.errors import ChumiError, Forbidden
from contacts import services
from contacts.models import ContactSync
from core.formats import sentence
from teams.retry_policy import RetryPolicy
from teams.services import NotConnected, client_for, record_problem

READS = RetryPolicy(longest=300)
# Seconds in which a page that is being rendered may still show the rows of the former sync.
DELETE_AFTER = 60


def sync_contacts(team_id: str) -> float | None:
    """Copy all contacts and groups, or delete what earlier syncs left behind."""
    sync = ContactSync.objects.unfinished().select_related("team").filter(team_id=team_id).first()
    if sync is None:
        services.delete_old_syncs(team_id)
        return None
    try:
        services.begin_contact_sync(sync)
        _fetch_and_finish(sync)
    except services.Superseded:
        return None
    return DELETE_AFTER


def _fetch_and_finish(sync: ContactSync) -> None:
    try:
        _fetch(client_for(sync.team), sync)
    except NotConnected as error:
        services.record_contact_sync_failed(sync, str(error))
    except Forbidden as error:
        # The key may be good for everything else.
        services.record_contact_sync_failed(sync, _missing_scope(error))
    except ChumiError as error:
        problem = sentence(error.message, error.params)
        services.record_contact_sync_failed(sync, problem)
        if error.concerns_account:
            record_problem(sync.team, problem)
    else:
        services.record_contact_sync_succeeded(sync)


def _missing_scope(error: Forbidden) -> str:
    if error.required_scope != "contacts:read":
        return sentence(error.message, error.params)
    return _(
        "Your ChumiAI key lacks the permission contacts:read. Ask the person who created the key "
        "to add it in ChumiAI, in Settings > Developer Settings > API Keys."
    )


def _fetch(client: Client, sync: ContactSync) -> None:
    """Fetch everything, page by page, each written before the next is asked for."""
    policy = replace(READS, on_wait=partial(services.record_contact_sync_waits, sync))
    for page in client.contact_pages(retry=policy):
        services.apply_contact_page(sync, page)
    for group in services.apply_groups(sync, client.list_groups(retry=policy)):
        for page in client.member_pages(group.remote_id, retry=policy):
            services.apply_member_page(sync, group, page)
        services.record_group_synced(sync, group)
