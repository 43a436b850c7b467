"""The task that copies a team's contacts and groups."""

from dataclasses import replace
from functools import partial

from django.utils.translation import gettext as _

from chumi_api.client import Client
from chumi_api.errors import ChumiError, Forbidden, NotFound, Rejected, Unavailable
from contacts import services
from contacts.models import ContactGroup, ContactSync
from core.formats import sentence
from teams.retry_policy import RetryPolicy
from teams.services import NotConnected, client_for

READS = RetryPolicy(longest=300)
# Groups in a row that ChumiAI fails to give, after which it is not about the groups.
MOST_IN_A_ROW = 10
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
    groups = services.apply_groups(sync, client.list_groups(retry=policy))
    # Errors that may as well be ChumiAI's trouble as a group's own, one after the other.
    in_a_row: list[ChumiError] = []
    for group in groups:
        try:
            # After one group that failed, the next ones are asked for once.
            once = replace(policy, pauses=()) if in_a_row else policy
            for page in client.member_pages(group.remote_id, retry=once):
                services.apply_member_page(sync, group, page)
        except ChumiError as error:
            if not _concerns_group(error):
                raise
            is_gone = isinstance(error, NotFound)
            problem = ContactGroup.Problem.GONE if is_gone else ContactGroup.Problem.UNREADABLE
            services.record_group_unread(sync, group, problem)
            in_a_row = [] if is_gone else [*in_a_row, error]
            if len(in_a_row) >= min(len(groups), MOST_IN_A_ROW) > 1:
                raise
        else:
            services.record_group_synced(sync, group)
            in_a_row = []


def _concerns_group(error: ChumiError) -> bool:
    """Return True if the error is about one group: the others may be fetched all the same."""
    match error:
        case NotFound() | Unavailable():
            return True
        case Forbidden():
            return error.required_scope is None
        case Rejected():
            return not error.concerns_account
    return False
