"""The tasks of webhooks: make events of what came in, and delete what is old."""

from teams.models import Team
from webhooks import services

PURGE_EVERY = 3600


def process_webhooks(team_id):
    """Process what came in for the team."""
    return services.process(Team.objects.get(pk=team_id))


def purge_webhooks(team_id):
    """Delete what is older than it is kept."""
    services.purge(Team.objects.get(pk=team_id))
    return PURGE_EVERY
