"""Sync the templates of a team, from a terminal."""

import time

from django.core.management.base import BaseCommand, CommandError

from message_templates import services
from message_templates.models import MessageTemplate
from tasks.services import run
from teams.models import Team

LONGEST = 600


class Command(BaseCommand):
    help = "Fetch the templates of a team from ChumiAI. Needs no worker."

    def add_arguments(self, parser):
        parser.add_argument("team", help="the team's slug")

    def handle(self, *args, team, **options):
        row = Team.objects.filter(slug=team).first()
        if row is None:
            raise CommandError(f"There is no team {team}.")
        sync = services.request_sync(row)
        self.wait_for(sync)
        if sync.has_failed:
            raise CommandError(f"{sync.error} The templates are as they were.")
        for mark, template in changes(sync):
            self.stdout.write(f"{mark:<18}{template}")
        self.stdout.write(f"{sync.summary}.")

    def wait_for(self, sync):
        """Run the task here until the sync has ended; a worker may do it in our place."""
        deadline = time.monotonic() + LONGEST
        said = ""
        while sync.is_open:
            if time.monotonic() > deadline:
                raise CommandError("The sync takes too long. A worker goes on with it.")
            if not run("sync_templates", str(sync.team_id)):
                time.sleep(0.2)
            sync.refresh_from_db()
            if sync.error and sync.error != said:
                said = sync.error
                self.stderr.write(said)


def changes(sync):
    """Return what the sync changed: (mark, template) pairs."""
    changed = MessageTemplate.objects.for_team(sync.team).filter(changed_at__gte=sync.requested_at)
    for template in changed:
        if template.vanished_at:
            yield "no longer listed", template
        elif template.first_seen_at >= sync.requested_at:
            yield "added", template
        else:
            yield "changed", template
