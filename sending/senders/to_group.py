"""The engine that lets ChumiAI send to one of its groups: one request for all the members.

The guarantee is that of `in_batches`; the one batch is the whole group. Instead of writing a
file, we fetch the group again, because ChumiAI sends to everyone who is in it. While a member
has opted out, or may have, nothing is sent. This is asked before the claim, in the claim, and
once more before the last byte.
"""

from typing import Any

from campaigns import group_rules
from campaigns.audiences import audience_of
from campaigns.models import Campaign, GroupChoice, Recipient
from campaigns.services import exclusions
from chumi_api.errors import ChumiError, NotFound, RateLimited
from chumi_api.types import GroupDetail
from core import phones
from sending import holds
from sending.models import Batch
from sending.senders import in_batches
from sending.senders.errors import wait_or_pause
from sending.services import batches, group_counts
from teams.retry_policy import RetryPolicy
from teams.services import NotConnected, client_for

# A large group comes in pages. After any other error the campaign itself waits.
READS = RetryPolicy(longest=30, pauses=(1, 1, 1, 1, 1), retried=(RateLimited,))
# Numbers per query.
CHUNK = 1000


def step(campaign: Campaign) -> float | None:
    """Take the campaign one step further. Return the seconds until the next, or None."""
    return in_batches.next_batch(campaign, hand_over)


def hand_over(batch: Batch) -> float:
    """Let ChumiAI send to the group. Return the seconds until the next step."""
    campaign = batch.campaign
    group = GroupChoice.objects.get(campaign=campaign)
    try:
        client = client_for(campaign.team)
        found = client.group(group.remote_id, retry=READS)
        listed = client.list_bulk_jobs(max_items=in_batches.BASELINE_JOBS)
    except (ChumiError, NotConnected) as error:
        return _not_fetched(campaign, error)
    if not group_counts.record_count(campaign, len(found.members)):
        return 0
    members, refused = _exclusions_of(campaign, found)
    if refused:
        group_counts.record_refused(campaign, refused)
        return 0
    group_counts.set_size(batch, len(found.members))
    prepared = batches.prepare_group(batch, members)
    attempt = batches.claim(batch, prepared, in_batches.baseline_of(listed))
    if attempt is None:
        return 1
    attempt.batch = batch
    snapshot = campaign.snapshot or {}
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


def _exclusions_of(campaign: Campaign, found: GroupDetail) -> tuple[set[str], dict[str, Any]]:
    """Return the phones of the members, and why ChumiAI must not send to them, or {}.

    The reason is the arguments of `group_rules.refusal`.
    """
    numbers: set[str] = set()
    gone: set[str] = set()
    over_cap: set[str] = set()
    unreadable = 0
    for member in found.members:
        region = campaign.team.default_region
        phone = phones.from_outside(member.phone, region=region, is_typed=True)
        if phone:
            numbers.add(phone)
            if member.opted_out:
                gone.add(phone)
        else:
            unreadable += 1
    listed = sorted(numbers)
    for start in range(0, len(listed), CHUNK):
        for why, who in exclusions.reasons(campaign, listed[start : start + CHUNK]).items():
            if why == Recipient.SkipReason.OPTED_OUT:
                gone |= who
            else:
                over_cap |= who
    made_up: dict[str, Any] = {
        "opted_out": len(gone),
        "over_frequency_cap": len(over_cap),
        "unreadable": unreadable,
        "whole": found.complete,
        "size": len(found.members),
    }
    return numbers, made_up if group_rules.refusal(**made_up) else {}


# Before the first message to the members of a group


def count_first(campaign: Campaign) -> float | None:
    """Count the group once after the launch. Return the seconds to wait, or None to continue.

    This is for the engines that send to each member; this module's own counts at each try.
    """
    audience = audience_of(campaign)
    if not audience.is_recounted or audience.same_for_all:
        return None
    group = GroupChoice.objects.get(campaign=campaign)
    if group.counted_at is not None:
        return None
    try:
        found = client_for(campaign.team).group(group.remote_id, retry=READS)
    except (ChumiError, NotConnected) as error:
        return _not_fetched(campaign, error)
    return None if group_counts.record_count(campaign, len(found.members)) else 0


def _not_fetched(campaign: Campaign, error: ChumiError | NotConnected) -> float:
    if isinstance(error, NotConnected):
        return holds.apply_hold(campaign, holds.pause(Campaign.Pause.NOT_CONNECTED))
    if isinstance(error, NotFound):
        group_counts.record_refused(campaign, {"gone": True})
        return 0
    return wait_or_pause(campaign, error)
