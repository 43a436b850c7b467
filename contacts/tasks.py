"""The task that mirrors a team's contacts and groups."""

import time

from chumi_api.errors import ChumiError, Forbidden, RateLimited, Unavailable, Unreachable
from contacts import services
from contacts.models import ContactSync
from teams.services import NotConnected, client_for, record_problem

# How long to wait, in seconds, before a page that did not come is asked for again.
TRIES = (1, 5, 20)
LONGEST_WAIT = 300
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
    patience = Patience(sync)
    for page in client.contact_pages(patience=patience):
        services.apply_contact_page(sync, page)
    for group in services.apply_groups(sync, client.list_groups(patience=patience)):
        for page in client.member_pages(group.remote_id, patience=patience):
            services.apply_member_page(sync, group, page)
        services.record_group_read(sync, group)


class Patience:
    """Wait and let a page be asked for again, a few times: a long list has a bad moment."""

    def __init__(self, sync):
        self.sync = sync

    def __call__(self, error, tries):
        """Return after a while if the page is worth another try; else raise."""
        passes = isinstance(error, (RateLimited, Unavailable, Unreachable))
        if not passes or tries >= len(TRIES):
            raise error
        told = error.retry_after if isinstance(error, RateLimited) else None
        wait = TRIES[tries] if told is None else max(told, 0.1)
        if wait > LONGEST_WAIT:
            raise error
        services.record_contact_sync_waits(self.sync, wait)
        time.sleep(wait)
