"""Ask the real API what a team's key may do, and how its answers are understood."""

from django.core.management.base import BaseCommand, CommandError

from teams import services
from teams.models import Team

QUESTIONS = {
    "/api/v1/whatsapp/templates": "Templates",
    "/api/v1/contacts": "Contacts",
    "/api/v1/whatsapp/bulk-jobs": "Bulk jobs",
}
STATES = {"granted": "allowed", "missing": "MISSING", "untested": "not tested"}

ASSUMED = """\
What is assumed, since ChumiAI does not document it (more in docs/chumiai-api.md):
  - The bodies of its answers: every known way to write them is accepted.
  - Bulk jobs are listed newest first.
  - Without an idempotency key, a send with an unclear answer is looked for among the
    jobs and never repeated.
  - The values of a row fill the placeholders of the body, in their order.
What only a message shows:
  - Whether the key may send (whatsapp:send), and what the answer to a send looks like.
  - Whether the status of a job names the rows that failed."""


class Command(BaseCommand):
    help = (
        "Ask ChumiAI, with a few reading requests, what the key of a team may do and which of "
        "its answers are understood. Nothing is sent, and nothing is written anywhere."
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
        self.stdout.write("\nAnswers")
        for check in report.checks:
            self.stdout.write(f"  {QUESTIONS.get(check.path, check.path):<12}{told(check)}")
        for path in QUESTIONS.keys() - {check.path for check in report.checks}:
            self.stdout.write(f"  {QUESTIONS[path]:<12}not asked: the answer would be the same")
        self.stdout.write("\nPermissions")
        for scope, state in report.scopes.items():
            used = "" if scope in services.SCOPES else " (not used here)"
            self.stdout.write(f"  {scope:<18}{STATES[state]}{used}")
        self.stdout.write(f"\n{ASSUMED}")
        if report.problem:
            raise CommandError(f"Not everything was answered. {report.problem}")
        self.stdout.write("\nEvery question was answered and understood.")


def told(check):
    """Say how one question went."""
    if not check.ok:
        status = f" (HTTP {check.problem.status})" if check.problem.status else ""
        return f"{check.problem}{status}"
    parts = ["understood"]
    if check.items is not None:
        parts.append(f"{check.items:,} listed")
    if check.skipped:
        parts.append(f"{check.skipped:,} not understood")
    parts.append(f"list found at {check.envelope or 'the top'}")
    parts.append(f"paging by {check.paging}" if check.paging else "no paging told")
    return ", ".join(parts)
