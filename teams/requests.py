"""The request as a page of a team gets it."""

from django.db.models import QuerySet

from core.requests import HtmxRequest
from teams.models import Connection, Membership, Team, User


class TeamRequest(HtmxRequest):
    """A request below /t/<team>/: `teams.middleware.TeamMiddleware` sets these attributes."""

    user: User
    team: Team
    membership: Membership
    teams: QuerySet[Team]
    team_connection: Connection | None
    # Each action of teams.roles.PERMISSIONS, and whether the person may take it.
    may: dict[str, bool]
