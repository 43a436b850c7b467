"""Take over a restored copy of the database, so that sending can continue."""

from datetime import datetime

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from core.errors import Refused
from core.formats import number
from sending.services import adoption
from sending.services.adoption import CampaignPlan, Plan
from tasks.continuity import Doubt

WHY = {
    Doubt.BEHIND: "The database is older than what was sent: {lost} claims are missing.",
    Doubt.BRANCHED: "Another copy of this database has sent messages.",
    Doubt.FILE_MISSING: "The file {file} is missing, so nothing says how old this database is.",
    Doubt.FILE_COPIED: "The file {file} is a copy, so it can't say how old the database is.",
    Doubt.OTHER_DATABASE: "The database was moved or restored: it was used in another place.",
    Doubt.OTHER_INSTALLATION: "The file {file} is that of another database.",
    Doubt.UNKNOWN_JOB: "ChumiAI lists a job of ours that the database does not know.",
}
# Something was sent that the database does not know.
PROVEN = (Doubt.BEHIND, Doubt.BRANCHED, Doubt.UNKNOWN_JOB)
MISSING = """
Also missing are other things that came after the copy was made: opt-outs, replies, launches,
retries of failed messages, and what people decided. Sync the contacts, so that the opt-outs that
ChumiAI knows are back, and ask before you retry a failed message: it may have been retried.
Stop any other server that still works with the earlier database."""


class Command(BaseCommand):
    help = (
        "Take over a restored copy of the database. Without --yes it only says what it would do. "
        "People who may have got their message become unconfirmed, and every campaign stays "
        "paused until a person resumes it."
    )

    def add_arguments(self, parser):
        parser.add_argument("--yes", action="store_true", help="do it")
        parser.add_argument(
            "--anyway",
            action="store_true",
            help="though nothing shows that it is a copy: after a snapshot of the whole machine",
        )
        parser.add_argument(
            "--nothing-since",
            action="store_true",
            help="no worker ran after the copy was made, as in a planned move: nobody becomes "
            "unconfirmed",
        )

    def handle(self, *args, yes, anyway, nothing_since, **options):
        try:
            plan = adoption.plan(nothing_since=nothing_since)
        except OSError as error:
            raise CommandError(f"The file that says how old the database is: {error}.") from None
        if plan.evidence.doubt is None and not anyway:
            self.stdout.write("This database is no restored copy. Nothing was changed.")
            return
        if plan.evidence.doubt == Doubt.ELSEWHERE:
            raise CommandError(
                "A worker uses another DATA_DIR. Run this command with the same one."
            )
        if nothing_since and plan.evidence.doubt in PROVEN:
            raise CommandError("Something was sent after the copy: leave out --nothing-since.")
        self._explain(plan)
        if not yes:
            self.stdout.write("\nNothing was changed. To do it: manage.py adopt --yes")
            return
        try:
            adoption.apply(plan)
        except Refused as error:
            raise CommandError(f"Nothing was changed. {error}") from None
        except OSError as error:
            raise CommandError(
                f"Nothing was changed. The file can't be written: {error}."
            ) from None
        self.stdout.write("\nDone. Look at each campaign, then resume or stop it.")

    def _explain(self, plan: Plan) -> None:
        evidence, say = plan.evidence, self.stdout.write
        say(f"Database: {connection.settings_dict['NAME']} ({connection.vendor})")
        say(f"Last claim in the database: {_time(evidence.claimed_at)}")
        kept = evidence.kept
        if kept:
            claimed_at = datetime.fromisoformat(kept.claimed_at) if kept.claimed_at else None
            say(f"Last claim outside of it: {_time(claimed_at)}")
        if evidence.doubt:
            lost = number(kept.counter - evidence.counter) if kept else ""
            say(WHY[evidence.doubt].format(lost=lost, file=settings.CONTINUITY_FILE))
        if plan.missing:
            say(f"Campaigns that sent messages and are not in this database: {plan.missing}")
        for campaign in plan.ended:
            say(f"{campaign.team.slug}: {campaign.name} was sent from again after it had ended.")
        for of_team in plan.teams:
            if of_team.error:
                say(f"{of_team.team.slug}: the jobs can't be looked up. {of_team.error}")
            for mine in of_team.campaigns:
                say(f"{of_team.team.slug}: {mine.campaign.name}: {_fate(mine)}")
        say(MISSING)


def _time(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}" if moment else "none"


def _fate(mine: CampaignPlan) -> str:
    """Return what becomes of a campaign, as a list of phrases."""
    if mine.needs_check:
        return "may have been launched; becomes a draft that needs a new check."
    parts = [
        f"{number(mine.people)} people become unconfirmed" if mine.people else "",
        f"batches that ChumiAI has accepted: {_numbers(b for b, _ in mine.found)}"
        if mine.found
        else "",
        f"batches that become unconfirmed: {_numbers(mine.unclear)}" if mine.unclear else "",
        f"batches that are searched for again: {_numbers(mine.searched)}" if mine.searched else "",
    ]
    said = [part for part in parts if part] or ["nothing was sent after the copy was made"]
    return f"stays paused; {'; '.join(said)}."


def _numbers(batches) -> str:
    return ", ".join(str(batch.number) for batch in batches)
