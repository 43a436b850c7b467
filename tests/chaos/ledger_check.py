"""Compare the rows of a campaign with the sandbox's ledger."""

from collections import Counter, defaultdict

from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending.batch_words import words_of
from sending.labels import pause_sentence
from sending.models import Attempt, Batch, BulkJob
from sending.progress_queries import load_progress
from sending.services.batches import Decision

UNSETTLED = (Recipient.Status.SUBMITTING, Recipient.Status.UNCONFIRMED)


def check_ledger(campaign, lines, intended, *, decided=None):
    """Return the problems of a campaign that has ended, one sentence each.

    `lines` are the account's ledger, `intended` is {phone: values}, `decided` is
    {phone: decision} for recipients that a person settled.
    """
    mine = [line for line in lines if line["to"] in intended]
    if campaign.engine == Campaign.Engine.GROUP:
        return [
            *_of_doubled(mine, intended),
            *_of_the_group(campaign, mine, decided or {}),
            *_of_unsettled_batches(campaign),
            *problems_in_words(campaign),
        ]
    return [
        *_of_doubled(mine, intended),
        *_of_people(campaign, mine, intended, decided or {}),
        *_of_unsettled_rows(campaign),
        *_of_unsettled_batches(campaign),
        *_of_message_ids(campaign, mine),
        *_of_jobs(campaign, mine, decided or {}),
        *problems_in_words(campaign),
    ]


def _of_doubled(mine, intended):
    for line in mine:
        if line["values"] != intended[line["to"]]:
            yield f"{line['to']} got {line['values']}, not {intended[line['to']]}"
    for phone, times in Counter(line["to"] for line in mine).items():
        if times > 1:
            yield f"DOUBLED: {phone} got it {times} times"


def _of_the_group(campaign, mine, decided):
    """Compare the one batch of a group that ChumiAI sends to; its people are no recipients."""
    batch = campaign.batches.get()
    decision = next(iter(decided.values()), None)
    if decision in (Decision.COUNT_AS_SENT, Decision.SKIP):
        wanted = "accepted" if decision == Decision.COUNT_AS_SENT else "skipped"
        if batch.status != wanted:
            yield f"the batch is {batch.status}, though a person said {decision}"
    elif batch.status == Batch.Status.ACCEPTED and not mine:
        yield "LOST: the group counts as accepted and got nothing"
    elif batch.status != Batch.Status.ACCEPTED and mine:
        yield f"the group got it, but the batch is {batch.status}"
    linked = set(BulkJob.objects.filter(batch=batch).values_list("remote_id", flat=True))
    if linked - {line["job_id"] for line in mine}:
        yield "WRONG LINK: the batch is tied to a job that is not ours"


def check_texts(campaign, lines, intended, texts, known_at):
    """Return the messages with a text that nobody checked, though we knew that it had changed.

    `texts` are those that were checked or accepted, `known_at` says since when our row had the
    others. A request that was begun before may carry one: nobody could know.
    """
    for line in lines:
        if line["to"] not in intended or line["body"] in texts:
            continue
        known = known_at.get((campaign.team.slug, line["body"]))
        attempts = campaign.attempts.exclude(outcome=Attempt.Outcome.NOT_SENT)
        if line["via"] == "single":
            attempts = attempts.filter(recipient__phone=f"+{line['to']}")
        elif line["file_name"]:
            attempts = attempts.filter(file_name=line["file_name"])
        begun = attempts.order_by("started_at").values_list("started_at", flat=True).first()
        if known and begun and begun > known:
            yield f"NOT CHECKED: {line['to']} got a text that nobody accepted"


def _of_people(campaign, mine, intended, decided):
    got = Counter(line["to"] for line in mine)
    people = list(campaign.recipients.order_by("position"))
    if {person.phone.lstrip("+") for person in people} != set(intended):
        yield "the recipients are not those of the file"
    for person in people:
        phone = person.phone.lstrip("+")
        decision = decided.get(phone)
        if decision in (Decision.COUNT_AS_SENT, Decision.SKIP):
            # The decision stands in the row, whatever became of the request.
            wanted = "accepted" if decision == Decision.COUNT_AS_SENT else "skipped"
            if person.status != wanted:
                yield f"{phone} is {person.status}, though a person said {decision}"
        elif person.status == Recipient.Status.ACCEPTED and not got[phone]:
            yield f"LOST: {phone} counts as accepted and got nothing"
        elif person.status != Recipient.Status.ACCEPTED and got[phone]:
            yield f"{phone} got it, but is {person.status}"


def _of_message_ids(campaign, mine):
    """Compare the message ids with those of the messages that arrived."""
    ids = {line["to"]: line["message_id"] for line in mine}
    for person in campaign.recipients.exclude(remote_id=""):
        if person.remote_id != ids.get(person.phone.lstrip("+")):
            yield f"WRONG ID: {person.phone} has that of another message"
    for person in campaign.recipients.filter(remote_id="", delivery_status__gt=0):
        yield f"{person.phone} has a delivery status without an id"


def _of_unsettled_rows(campaign):
    states = Counter(campaign.recipients.values_list("status", flat=True))
    if sum(states.values()) != campaign.recipient_count:
        yield f"the states {dict(states)} do not add up to {campaign.recipient_count}"
    left = [state for state in UNSETTLED if states[state]]
    if campaign.status == Campaign.Status.COMPLETED:
        left += [Recipient.Status.PENDING] * bool(states[Recipient.Status.PENDING])
    if left or not campaign.is_terminal:
        yield f"{campaign.status}, with people still {', '.join(left) or 'settled'}"


def _of_unsettled_batches(campaign):
    batches = campaign.batches.filter(
        status__in=(Batch.Status.SUBMITTING, Batch.Status.UNCONFIRMED)
    )
    for batch in batches:
        yield f"batch {batch.number} is left {batch.status}"
    for attempt in campaign.attempts.filter(outcome__in=Attempt.LIVE):
        yield f"attempt {attempt.pk} is left {attempt.outcome}"


def _of_jobs(campaign, mine, decided):
    """Compare each job of the ledger with the batch that it is linked to.

    A job that a person decided about may be unlinked: without a file name it may belong to
    another batch.
    """
    people = defaultdict(list)
    names = {}
    for line in mine:
        if line["job_id"]:
            people[line["job_id"]].append(line["to"])
            names[line["job_id"]] = line["file_name"]
    links = {
        job.remote_id: job.batch
        for job in BulkJob.objects.filter(batch__campaign=campaign).select_related("batch")
    }
    for job_id in links.keys() - people.keys():
        yield f"WRONG LINK: batch {links[job_id].number} is tied to a job that is not ours"
    for job_id, phones in people.items():
        batch = links.get(job_id)
        if batch is None and not decided.keys() >= set(phones):
            yield f"WRONG LINK: nothing is tied to the job of {', '.join(phones)}"
        if batch is None:
            continue
        sent = Recipient.objects.of_batch(batch).exclude(status=Recipient.Status.SKIPPED)
        wanted = [
            phone.lstrip("+")
            for phone in sent.order_by("position").values_list("phone", flat=True)
        ]
        if phones != wanted:
            yield f"WRONG LINK: the job of batch {batch.number} has other people, or another order"
        attempt = batch.attempts.filter(outcome=Attempt.Outcome.ACCEPTED).first()
        if attempt is None or names[job_id] not in (None, attempt.file_name):
            yield f"WRONG LINK: batch {batch.number} is tied to the job of another attempt"


def problems_in_words(campaign):
    """Return what the progress page omits or counts wrongly."""
    campaign = Campaign.objects.get(pk=campaign.pk)
    progress = load_progress(campaign)
    for batch in progress.batches:
        words = words_of(campaign, batch, timezone.now())
        if not words.label or not (words.sentence or words.label == "Finished"):
            yield f"no words for batch {batch.number}: {words}"
    counted = [
        progress.accepted, progress.failed, progress.skipped,
        progress.unconfirmed, progress.unreported, progress.remaining,
    ]  # fmt: skip
    if not sum(number or 0 for number in counted) == progress.total == campaign.recipient_count:
        yield f"the page counts {counted}, of {progress.total}, of {campaign.recipient_count}"
    by_itself = campaign.pause_reason not in ("", Campaign.Pause.PERSON)
    if by_itself and not pause_sentence(campaign):
        yield f"paused as {campaign.pause_reason} without a word"
