"""The product with one guard taken out, each with the test that must turn red.

A mutant is a table's row: edits as (file, the exact old text, the new text), and one test. The
old text must stand in the file exactly once, so that the table cannot outlive the code.
"""

from dataclasses import dataclass

BATCHES = "sending/services/batches.py"
SINGLES = "sending/services/singles.py"
TRANSITIONS = "sending/transitions.py"
IN_BATCHES = "sending/senders/in_batches.py"
SINGLY = "sending/senders/singly.py"
MODELS = "sending/models.py"
MIGRATION = "sending/migrations/0001_initial.py"
TASKS = "tasks/services.py"

GUARDS = "tests/sending/test_guards.py"
SEND_BATCHES = "tests/sending/test_send_batches.py"
SEND_TO_GROUP = "tests/sending/test_send_to_group.py"
WITHOUT_IDS = "tests/webhooks/test_without_ids.py"
SEND_SINGLY = "tests/sending/test_send_singly.py"
ADOPT = "tests/sending/test_adopt.py"
CONTINUITY = "tests/tasks/test_continuity.py"


@dataclass(frozen=True)
class Mutant:
    name: str
    edits: tuple
    test: str


def _index(name, field, rest, condition):
    """Return the edits that make a unique index one that refuses nothing."""
    return (
        (MODELS, rest, rest.replace(f'fields=["{field}"]', f'fields=["{field}", "id"]')),
        (
            MIGRATION,
            f"{condition}, fields=('{field}',), name='{name}'",
            f"{condition}, fields=('{field}', 'id'), name='{name}'",
        ),
    )


LIVE = "(('outcome__in', ('open', 'unconfirmed')))"

MUTANTS = (
    Mutant(
        "no claim of a batch",
        (
            (
                BATCHES,
                "                pk=batch.pk,\n                status=Status.PENDING,\n",
                "                pk=batch.pk,\n",
            ),
        ),
        f"{GUARDS}::test_only_a_pending_batch_is_claimed",
    ),
    Mutant(
        "a batch is claimed although the campaign no longer sends",
        (
            (
                BATCHES,
                "Campaign.objects.filter(may_send(), pk=batch.campaign_id)",
                "Campaign.objects.filter(pk=batch.campaign_id)",
            ),
        ),
        f"{GUARDS}::test_no_batch_is_claimed_once_the_campaign_is_paused",
    ),
    Mutant(
        "a batch is claimed with a stale file",
        ((BATCHES, "return moved != prepared.rows or _someone", "return _someone"),),
        f"{GUARDS}::test_a_batch_whose_people_changed_is_not_claimed",
    ),
    Mutant(
        "a group is claimed although a member has just opted out",
        (
            (
                BATCHES,
                "        return has_opted_out(batch.campaign.team, prepared.members)",
                "        return False",
            ),
        ),
        f"{SEND_TO_GROUP}::test_who_opts_out_in_the_last_moment_is_not_reached",
    ),
    Mutant(
        "the gate of a group ignores a new opt-out",
        (
            (
                BATCHES,
                "may_finish(attempt) and not has_opted_out(team, prepared.members or ())",
                "may_finish(attempt)",
            ),
        ),
        f"{SEND_TO_GROUP}::test_who_opts_out_in_the_last_moment_is_not_reached",
    ),
    Mutant(
        "a nameless job with other people is adopted for a group",
        (
            (
                IN_BATCHES,
                "if UNREADABLE in attempt.baseline or job.total != attempt.rows:",
                "if UNREADABLE in attempt.baseline:",
            ),
        ),
        f"{SEND_TO_GROUP}::test_a_job_that_counts_its_people_otherwise_is_not_adopted",
    ),
    Mutant(
        "no claim of a person",
        (
            (
                SINGLES,
                "        status=Status.PENDING,\n    ).update(status=Status.SUBMITTING)",
                "    ).update(status=Status.SUBMITTING)",
            ),
        ),
        f"{GUARDS}::test_a_person_claimed_by_another_worker_is_not_claimed",
    ),
    Mutant(
        "no unique index on a batch's live attempt",
        _index(
            "one_live_attempt_a_batch",
            "batch",
            'fields=["batch"],\n'
            '                condition=Q(outcome__in=("open", "unconfirmed")),\n'
            '                name="one_live_attempt_a_batch"',
            f"condition=models.Q{LIVE}",
        ),
        f"{GUARDS}::test_the_database_refuses_a_second_live_attempt",
    ),
    Mutant(
        "no unique index on a person's live attempt",
        _index(
            "one_live_attempt_a_recipient",
            "recipient",
            'fields=["recipient"],\n'
            '                condition=Q(outcome__in=("open", "unconfirmed")),\n'
            '                name="one_live_attempt_a_recipient"',
            f"condition=models.Q{LIVE}",
        ),
        f"{GUARDS}::test_the_database_refuses_a_second_live_attempt",
    ),
    Mutant(
        "no unique index on the key",
        _index(
            "one_batch_in_flight_a_key",
            "key_fingerprint",
            'fields=["key_fingerprint"],\n'
            '                condition=Q(status="submitting"),\n'
            '                name="one_batch_in_flight_a_key"',
            "condition=models.Q(('status', 'submitting'))",
        ),
        f"{GUARDS}::test_the_database_refuses_a_second_batch_in_flight_with_one_key",
    ),
    Mutant(
        "no baseline",
        (
            (
                IN_BATCHES,
                "if job.remote_id not in attempt.baseline and job.remote_id not in linked",
                "if job.remote_id not in linked",
            ),
        ),
        f"{GUARDS}::test_an_older_job_is_not_taken_for_ours",
    ),
    Mutant(
        "a job of another batch may be ours",
        (
            (
                IN_BATCHES,
                "if job.remote_id not in attempt.baseline and job.remote_id not in linked",
                "if job.remote_id not in attempt.baseline",
            ),
        ),
        f"{GUARDS}::test_a_job_of_another_teams_batch_is_not_taken_for_ours",
    ),
    Mutant(
        "a nameless job that may be another campaign's is adopted",
        ((IN_BATCHES, "        and not _may_be_anothers(found[0], attempt)\n", ""),),
        f"{SEND_BATCHES}::test_a_job_that_may_be_another_campaigns_is_nobodys",
    ),
    Mutant(
        "the newest job is adopted",
        (
            (
                IN_BATCHES,
                "    if any(job.file_name for job in listed):\n",
                "    if listed:\n        return listed[:1]\n"
                "    if any(job.file_name for job in listed):\n",
            ),
        ),
        f"{SEND_BATCHES}::test_a_foreign_job_is_not_matched",
    ),
    Mutant(
        "no gate for a batch",
        (
            (
                BATCHES,
                '    return Batch.objects.filter(\n        may_send("campaign__"),\n',
                "    return True\n    return Batch.objects.filter(\n",
            ),
        ),
        f"{GUARDS}::test_no_request_finishes_after_a_pause_or_a_stop",
    ),
    Mutant(
        "the gate does not know whose claim it is",
        (
            (
                BATCHES,
                "        status=Status.SUBMITTING,\n        token=attempt.token,\n",
                "        status=Status.SUBMITTING,\n",
            ),
        ),
        f"{GUARDS}::test_an_attempt_that_lost_its_claim_may_not_finish",
    ),
    Mutant(
        "the gate lets old claims of batches through",
        (
            (
                BATCHES,
                "        claimed_at__gt=clocks.seconds_ago(settings.CHUMIAI_SEND_SECONDS),\n",
                "",
            ),
        ),
        f"{SEND_BATCHES}::test_a_claim_without_an_answer_becomes_unconfirmed",
    ),
    Mutant(
        "no gate for a person",
        (
            (
                SINGLES,
                "    return {pk for pk, phone in phones.items() if phone not in gone}",
                "    return {attempt.pk for attempt in attempts}",
            ),
        ),
        f"{GUARDS}::test_no_request_finishes_after_a_pause_or_a_stop",
    ),
    Mutant(
        "the gate lets old claims of people through",
        (
            (
                SINGLES,
                "        started_at__gt=clocks.seconds_ago(settings.CHUMIAI_SEND_SECONDS),\n",
                "",
            ),
        ),
        f"{SEND_SINGLY}::test_an_old_claim_may_not_finish",
    ),
    Mutant(
        "a reaper that puts batches back",
        (
            (
                BATCHES,
                "    for attempt in expired:\n        record_unconfirmed(attempt)",
                "    for attempt in expired:\n"
                "        Attempt.objects.filter(pk=attempt.pk).update(outcome='not_sent')\n"
                "        Recipient.objects.of_batch(attempt.batch).update(status='pending')\n"
                "        Batch.objects.filter(pk=attempt.batch_id).update(\n"
                "            status='pending', token='', claimed_at=None\n"
                "        )",
            ),
        ),
        "tests/sending/test_killed_worker.py::test_killed_after_the_file_was_accepted",
    ),
    Mutant(
        "a reaper that puts people back",
        (
            (
                SINGLES,
                '                Outcome.UNCONFIRMED,\n                {"status": '
                "Status.UNCONFIRMED},\n"
                "                sources=(Outcome.OPEN,),\n"
                "                error=",
                '                Outcome.NOT_SENT,\n                {"status": Status.PENDING},\n'
                "                sources=(Outcome.OPEN,),\n                error=",
            ),
        ),
        f"{SEND_SINGLY}::test_a_claim_without_an_answer_becomes_maybe_sent",
    ),
    Mutant(
        "marked after sending",
        (
            (
                IN_BATCHES,
                "def hand_over(batch: Batch)",
                "from django.db import transaction\n\n\n"
                "@transaction.atomic\ndef hand_over(batch: Batch)",
            ),
        ),
        "tests/sending/test_killed_worker.py::test_killed_after_the_file_was_accepted",
    ),
    Mutant(
        "marked before sending",
        (
            (
                BATCHES,
                'people={"status": Recipient.Status.UNCONFIRMED},\n        attempt_fields={\n',
                'people={"status": Recipient.Status.ACCEPTED},\n        attempt_fields={\n',
            ),
            (
                BATCHES,
                "        Status.UNCONFIRMED,\n        sources=(Status.SUBMITTING,),",
                "        Status.ACCEPTED,\n        sources=(Status.SUBMITTING,),",
            ),
        ),
        "tests/sending/test_killed_worker.py::test_killed_before_the_file_was_accepted",
    ),
    Mutant(
        "what may have been sent is sent again",
        (
            (
                IN_BATCHES,
                "    if error.maybe_sent:\n        batches.record_unconfirmed(attempt, error)",
                "    if error.maybe_sent:\n        batches.record_not_sent(attempt, error)",
            ),
        ),
        f"{SEND_BATCHES}::test_an_unclear_answer_is_never_repeated",
    ),
    Mutant(
        "a message that may have been sent is sent again",
        ((SINGLES, "        elif outcome.maybe_sent:\n", "        elif False:\n"),),
        f"{SEND_SINGLY}::test_an_unclear_answer_is_never_repeated",
    ),
    Mutant(
        "no team filter",
        (
            (
                "campaigns/models.py",
                "class CampaignQuerySet(models.QuerySet):\n    def for_team(self, team):\n"
                "        return self.filter(team=team)",
                "class CampaignQuerySet(models.QuerySet):\n    def for_team(self, team):\n"
                "        return self.all()",
            ),
        ),
        "tests/sending/test_stop.py::test_it_is_invisible_to_a_stranger",
    ),
    Mutant(
        "a launch that looks first and writes later",
        (
            (
                TRANSITIONS,
                "pk=campaign.pk, status__in=transition.sources, **(only_if or {})",
                "pk=campaign.pk",
            ),
        ),
        f"{GUARDS}::test_a_launch_that_was_quicker_wins",
    ),
    Mutant(
        "an answer is counted twice",
        (
            (
                SINGLY,
                "        self._record([send for send, is_done in received if is_done])\n",
                "        self._record([one for one, _ in received if one.outcome is not None])\n",
            ),
        ),
        f"{GUARDS}::test_an_answer_that_is_back_at_once_is_counted_once",
    ),
    Mutant(
        "a wish in two statements",
        (
            (
                TASKS,
                "    return tasks.update(\n        due_at=Case(When(sooner, then=Value(due_at)), "
                'default=F("due_at")),\n        wanted=F("wanted") + 1,\n    )',
                '    return tasks.filter(sooner).update(due_at=due_at, wanted=F("wanted") + 1) or '
                'tasks.update(wanted=F("wanted") + 1)',
            ),
        ),
        "tests/tasks/test_run.py::test_a_further_request_is_one_statement",
    ),
    Mutant(
        "a body without a valid signature is accepted",
        (
            (
                "webhooks/services/deliveries.py",
                "    if webhook.is_signed and not payloads.verify(",
                "    if not webhook.is_signed and not payloads.verify(",
            ),
        ),
        "tests/webhooks/test_receive.py::test_the_signature_is_checked_if_a_secret_is_set",
    ),
    Mutant(
        "of two sends that fit, one gets the id",
        (
            (
                "conversations/services/matching.py",
                "        if len(near) == 1 and not _may_be_by_hand(",
                "        if near and not _may_be_by_hand(",
            ),
        ),
        f"{WITHOUT_IDS}::test_if_two_sends_fit_none_gets_the_id",
    ),
    Mutant(
        "an old status of another message is matched",
        (
            (
                "conversations/services/records.py",
                "        moments += [row.at] if row else []\n",
                "",
            ),
        ),
        f"{WITHOUT_IDS}::test_a_message_seen_before_the_send_is_another_one",
    ),
    Mutant(
        "a reply by hand is matched to a send before the first webhook",
        (
            (
                "conversations/services/matching.py",
                "            and send.at >= reporting_since\n",
                "",
            ),
        ),
        f"{WITHOUT_IDS}::test_a_send_before_the_first_webhook_gets_no_id",
    ),
    Mutant(
        "a batch with a known message is sent again",
        (
            (
                BATCHES,
                '        people = people.filter(remote_id="")\n',
                "        people = people.all()\n",
            ),
        ),
        f"{WITHOUT_IDS}::test_a_batch_with_a_known_message_is_never_sent_again",
    ),
    Mutant(
        "a message that may be by hand is matched",
        (
            (
                "conversations/services/matching.py",
                "    return was_open and (send.is_unconfirmed or at - send.at > SOON)\n",
                "    return was_open and send.is_unconfirmed\n",
            ),
        ),
        f"{WITHOUT_IDS}::test_in_an_open_window_a_message_may_be_by_hand",
    ),
    Mutant(
        "a restored copy claims",
        (
            (
                "tasks/continuity.py",
                "    if kept.counter > row.counter:\n        return Doubt.BEHIND\n",
                "",
            ),
        ),
        f"{CONTINUITY}::test_an_older_row_claims_nothing",
    ),
    Mutant(
        "a copy of both places is believed",
        (
            (
                "tasks/second_place.py",
                "is_genuine=kept.born == born",
                "is_genuine=True",
            ),
        ),
        f"{CONTINUITY}::test_both_places_put_back_together_are_in_doubt",
    ),
    Mutant(
        "a claim is sent that stands in one place only",
        (
            (
                BATCHES,
                "    if not continuity.confirm(stamp):\n",
                "    if not continuity.confirm(stamp) and False:\n",
            ),
        ),
        f"{ADOPT}::test_a_claim_that_is_not_in_the_second_place_is_given_back",
    ),
    Mutant(
        "a job of ours that we do not know is no proof",
        ((IN_BATCHES, "    if is_known_to_chumiai_only(campaign, listed):\n", "    if False:\n"),),
        f"{ADOPT}::test_a_job_that_only_chumiai_knows_is_proof",
    ),
)
