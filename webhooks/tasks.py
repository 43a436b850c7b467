"""The tasks of webhooks: process deliveries, delete old ones."""

from teams.models import Team
from webhooks import services

# Seconds.
PURGE_EVERY = 3600


def process_webhooks(team_id: int) -> float | None:
    """Process the team's deliveries. Return the seconds until the next run."""
    return services.process(Team.objects.get(pk=team_id))


def purge_webhooks(team_id: int) -> float:
    """Delete old deliveries and events. Return the seconds until the next run."""
    services.purge(Team.objects.get(pk=team_id))
    return PURGE_EVERY
