"""Ask the real API what the key of a team allows, and show how we understand its responses."""

from django.core.management.base import BaseCommand, CommandError

from chumi_api.errors import Forbidden, Unauthorized
from teams import access, services
from teams.models import Team

REQUESTS = {
    "/api/v1/whatsapp/templates": "Templates",
    "/api/v1/contacts": "Contacts",
    "/api/v1/whatsapp/bulk-jobs": "Bulk jobs",
}
STATES = {"granted": "allowed", "missing": "MISSING", "untested": "not tested"}

ASSUMED = """\
What we assume, because ChumiAI does not document it (more in docs/chumiai-api.md):
  - The bodies of its responses: we accept every known form.
  - It lists bulk jobs newest first.
  - It has no idempotency key. After an unclear response to a send we look for the job
    and never send again.
  - The values of a row fill the placeholders of the body, in their order.
What only a message can show:
  - Whether the key allows sending (whatsapp:send), and the form of the response.
  - Whether the status of a job names the rows that failed."""


class Command(BaseCommand):
    help = (
        "Ask ChumiAI, with a few GET requests, what the key of a team allows, and show which of "
        "its responses we understand. Nothing is sent or written."
    )

    def add_arguments(self, parser):
        parser.add_argument("team", help="the team's slug")

    def handle(self, *args, team, **options):
        row = Team.objects.filter(slug=team).first()
        if row is None:
            raise CommandError(f"There is no team {team}.")
        try:
            report = services.client_for(row).check_access()
        except services.NotConnected as error:
            raise CommandError(str(error)) from None
        connection = row.connection
        self.stdout.write(
            f"{row.name}: {connection.base_url}, the key that ends with {connection.key_last4}\n"
        )
        self.stdout.write("\nResponses")
        for check in report.checks:
            self.stdout.write(f"  {REQUESTS.get(check.path, check.path):<12}{result_of(check)}")
        for path in REQUESTS.keys() - {check.path for check in report.checks}:
            self.stdout.write(f"  {REQUESTS[path]:<12}skipped: the response would be the same")
        self.stdout.write("\nPermissions")
        for scope, tested in report.scopes.items():
            # What only a use can show was perhaps shown by one.
            known = connection.scopes.get(scope, tested)
            state = known if tested == "untested" else tested
            used = "" if scope in services.SCOPES else " (not used here)"
            self.stdout.write(f"  {scope:<18}{STATES[state]}{used}")
        self.stdout.write(f"\n{ASSUMED}")
        refused = (c.problem for c in report.checks if isinstance(c.problem, Forbidden))
        problem = access.key_problem(report) or next(refused, None)
        if problem:
            raise CommandError(f"Some requests failed. {problem}")
        if report.problem:
            self.stdout.write("\nThe key works. Not everything could be asked: see above.")
        else:
            self.stdout.write("\nEvery request succeeded and every response was understood.")


def result_of(check):
    """Return the result of one request in words."""
    if not check.ok:
        status = f" (HTTP {check.problem.status})" if check.problem.status else ""
        if isinstance(check.problem, (Forbidden, Unauthorized)):
            return f"{check.problem}{status}"
        return f"could not be asked: {check.problem}{status}"
    parts = ["understood"]
    if check.items is not None:
        parts.append(f"{check.items:,} listed")
    if check.skipped:
        parts.append(f"{check.skipped:,} not understood")
    parts.append(f"list found at {check.envelope or 'the top'}")
    parts.append(f"paging by {check.paging}" if check.paging else "no paging")
    return ", ".join(parts)
