"""Put the team of the URL on the request."""

from django.http import Http404

from teams.models import Membership, Team
from teams.roles import PERMISSIONS


class TeamMiddleware:
    """Set the attributes of `teams.requests.TeamRequest` from the `team` of a URL.

    A team that does not exist and a team of other people are both 404.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        slug = kwargs.pop("team", None)
        if slug is None or not request.user.is_authenticated:
            return None
        membership = (
            Membership.objects.select_related("team__connection")
            .filter(team__slug=slug, user=request.user)
            .first()
        )
        if membership is None:
            raise Http404
        request.membership = membership
        request.team = membership.team
        # Lazy: only the team switcher of a whole page runs this query.
        request.teams = Team.objects.of_user(request.user)
        request.team_connection = getattr(membership.team, "connection", None)
        request.may = {action: membership.role in roles for action, roles in PERMISSIONS.items()}
        return None
