"""Sync the templates of a team, from a terminal."""

import time
from collections.abc import Iterator

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from message_templates import services
from message_templates.models import MessageTemplate, TemplateSync
from tasks.services import run
from teams.models import Team

# Seconds.
LONGEST = 600


class Command(BaseCommand):
    help = "Fetch the templates of a team from ChumiAI. Needs no worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="the team's slug")

    def handle(self, *args: object, team: str, **options: object) -> None:
        row = Team.objects.filter(slug=team).first()
        if row is None:
            raise CommandError(_("There is no team {slug}.").format(slug=team))
        sync = services.request_sync(row)
        self.wait_for(sync)
        if sync.state == TemplateSync.State.FAILED:
            raise CommandError(
                _("{problem} The templates are unchanged.").format(problem=sync.error)
            )
        for change, template in changes(sync):
            self.stdout.write(f"{change:<18}{template}")
        self.stdout.write(f"{sync.summary}.")

    def wait_for(self, sync: TemplateSync) -> None:
        """Run the task here until the sync has finished; a worker may run it as well."""
        deadline = time.monotonic() + LONGEST
        waits_until = None
        while not sync.is_finished:
            if time.monotonic() > deadline:
                raise CommandError(_("The sync takes too long. A worker continues it."))
            if not run("sync_templates", str(sync.team_id)):
                time.sleep(0.2)
            sync.refresh_from_db()
            if sync.waits_until and sync.waits_until != waits_until:
                waits_until = sync.waits_until
                self.stderr.write(sync.progress)


def changes(sync: TemplateSync) -> Iterator[tuple[str, MessageTemplate]]:
    """Yield what the sync changed: (change, template) pairs."""
    changed = MessageTemplate.objects.for_team(sync.team).filter(changed_at__gte=sync.requested_at)
    for template in changed:
        if template.vanished_at:
            yield _("no longer listed"), template
        elif template.first_seen_at >= sync.requested_at:
            yield _("added"), template
        else:
            yield _("changed"), template
