"""The engine that lets ChumiAI send to one of its groups: one request for all the members.

The promise is that of `in_batches`, whose one batch is the whole group. In the place of the file
stands a fresh look at the group, because ChumiAI resolves the members itself: whoever is in it
gets the message. So it is counted anew, and as long as somebody in it has opted out, or might
have, nothing is sent: asked before the claim, in it, and once more before the last byte.
"""

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient
from campaigns.services import exclusions, groups
from chumi_api.errors import ChumiError, NotFound, RateLimited
from core import phones
from sending.senders import in_batches
from sending.senders.errors import not_now
from sending.services import batches, group_counts, launches
from teams.retry_policy import RetryPolicy
from teams.services import NotConnected, client_for

# A large group comes page by page. After any other error the campaign itself waits.
READS = RetryPolicy(longest=30, pauses=(1, 1, 1, 1, 1), retried=(RateLimited,))
GONE = "ChumiAI does not have this group any more."
# So many numbers are asked about at a time.
CHUNK = 1000


def step(campaign):
    """Take the campaign one step further. Return the seconds until the next, or None."""
    return in_batches.next_batch(campaign, hand_over)


def hand_over(batch):
    """Let ChumiAI send to the group. Return the seconds until the next step."""
    campaign = batch.campaign
    try:
        client = client_for(campaign.team)
        found = client.group(campaign.group.remote_id, retry=READS)
        listed = client.list_bulk_jobs(max_items=in_batches.BASELINE_JOBS)
    except (ChumiError, NotConnected) as error:
        return _not_read(campaign, error)
    if not group_counts.record_count(campaign, len(found.members)):
        return 0
    members, refused = _look_at(campaign, found)
    if refused:
        group_counts.record_refused(campaign, refused)
        return 0
    group_counts.set_size(batch, len(found.members))
    prepared = batches.prepare_group(batch, members)
    attempt = batches.claim(batch, prepared, in_batches.baseline_of(listed))
    if attempt is None:
        return 1
    attempt.batch = batch
    snapshot = campaign.snapshot
    media = snapshot["media"] or {}
    try:
        answer = client.send_template_to_group(
            group_id=snapshot["group"]["remote_id"],
            template_name=snapshot["template"],
            language=snapshot["language"],
            values=snapshot["values"],
            header_media_id=media.get("media_id") or None,
            header_media_url=media.get("link") or None,
            gate=lambda: batches.group_may_finish(attempt, prepared),
        )
    except ChumiError as error:
        return in_batches.record_failure(attempt, error)
    return in_batches.record_answer(attempt, answer)


def _look_at(campaign, found):
    """Return the phones of the members, and why ChumiAI must not send to them by itself, or ''."""
    numbers, gone, enough = set(), set(), set()
    unreadable = 0
    for member in found.members:
        parsed = phones.parse(member.phone, region=campaign.team.default_region)
        if isinstance(parsed, phones.Phone):
            numbers.add(parsed.e164)
            if member.opted_out:
                gone.add(parsed.e164)
        else:
            unreadable += 1
    listed = sorted(numbers)
    for start in range(0, len(listed), CHUNK):
        for why, who in exclusions.reasons(campaign, listed[start : start + CHUNK]).items():
            if why == Recipient.SkipReason.OPTED_OUT:
                gone |= who
            else:
                enough |= who
    refused = groups.refusal(
        opted_out=len(gone),
        over_frequency_cap=len(enough),
        unreadable=unreadable,
        whole=found.complete,
        size=len(found.members),
    )
    return numbers, refused


# Before the first message, whichever way it goes


def count_first(campaign):
    """Count the group anew, once after the launch. Return the seconds to wait, or None to go on.

    The other way to send to a group counts it here; through ChumiAI's group, each try counts it.
    """
    audience = audience_of(campaign)
    if not audience.is_recounted or audience.same_for_all:
        return None
    if campaign.group.counted_at is not None:
        return None
    try:
        found = client_for(campaign.team).group(campaign.group.remote_id, retry=READS)
    except (ChumiError, NotConnected) as error:
        return _not_read(campaign, error)
    return None if group_counts.record_count(campaign, len(found.members)) else 0


def _not_read(campaign, error):
    if isinstance(error, NotConnected):
        launches.pause(campaign, reason=Campaign.Pause.NOT_CONNECTED, note=str(error))
        return 0
    if isinstance(error, NotFound):
        group_counts.record_refused(campaign, GONE)
        return 0
    return not_now(campaign, error)
