"""The task that mirrors a team's contacts and groups."""

from dataclasses import replace
from functools import partial

from chumi_api.errors import ChumiError, Forbidden
from contacts import services
from contacts.models import ContactSync
from teams.retry_policy import RetryPolicy
from teams.services import NotConnected, client_for, record_problem

READS = RetryPolicy(longest=300)
# A page that is just being made may be of the reading that was replaced; in seconds.
DROP_AFTER = 60
MISSING_SCOPE = (
    "Your ChumiAI key may not read contacts: it lacks the permission contacts:read. Ask whoever "
    "made the key to add it in ChumiAI, in Settings > Developer Settings > API Keys."
)


def sync_contacts(team_id):
    """Read all contacts and groups, or drop what an earlier reading left behind."""
    sync = ContactSync.objects.open().select_related("team").filter(team_id=team_id).first()
    if sync is None:
        services.drop_old_readings(team_id)
        return None
    try:
        services.begin_contact_sync(sync)
        _read_or_say_why(sync)
    except services.Superseded:
        return None
    return DROP_AFTER


def _read_or_say_why(sync):
    try:
        _read(client_for(sync.team), sync)
    except NotConnected as error:
        services.record_contact_sync_failed(sync, str(error))
    except Forbidden as error:
        # The key may be good for everything else.
        named = error.required_scope == "contacts:read"
        services.record_contact_sync_failed(sync, MISSING_SCOPE if named else str(error))
    except ChumiError as error:
        services.record_contact_sync_failed(sync, str(error))
        if error.concerns_account:
            record_problem(sync.team, str(error))
    else:
        services.record_contact_sync_succeeded(sync)


def _read(client, sync):
    """Read everything, page by page, each written before the next is asked for."""
    policy = replace(READS, on_wait=partial(services.record_contact_sync_waits, sync))
    for page in client.contact_pages(retry=policy):
        services.apply_contact_page(sync, page)
    for group in services.apply_groups(sync, client.list_groups(retry=policy)):
        for page in client.member_pages(group.remote_id, retry=policy):
            services.apply_member_page(sync, group, page)
        services.record_group_read(sync, group)
