"""The failed messages of a campaign, grouped by reason, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Recipient
from core import clocks
from core.formats import number, sentence
from sending.progress import Progress
from sending.retry_times import retry_words
from sending.services import retries
from whatsapp.errors import Failure, Retry, explain


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The recipients who failed for one reason.

    `code` is WhatsApp's code, None where ChumiAI gave none. `retryable` of them can be retried
    now; `when` says when the others can, '' if that is not known. `listed` is the reason in the
    address of the list of recipients, '' where ChumiAI does not say who they are.
    """

    count: int
    sentence: str
    advice: str
    about: str = ""
    code: int | None = None
    retryable: int = 0
    when: str = ""
    listed: str = ""


def failures_of(campaign: Campaign, progress: Progress) -> list[FailureGroup]:
    """Return the failures by reason, the most frequent first, the unnamed ones last."""
    if not progress.failed:
        return []
    now = clocks.now()
    rows = (
        Recipient.objects.filter(campaign=campaign, status=Recipient.Status.FAILED)
        .values("failure_code", "reason")
        .annotate(
            count=Count("pk"),
            retryable=Count("pk", filter=retries.can_be_tried(now)),
            tries=Min("retries"),
            failed_at=Max("settled_at"),
        )
        .order_by("-count", "failure_code")
    )
    groups = [_group(row, now) for row in rows]
    unnamed = progress.failed - sum(group.count for group in groups)
    return [*groups, _unnamed(campaign, unnamed)] if unnamed > 0 else groups


def _unnamed(campaign: Campaign, count: int) -> FailureGroup:
    if campaign.engine == Campaign.Engine.GROUP:
        text = _("{count} failed; ChumiAI sent to the group itself and does not say who.")
    else:
        text = _("{count} failed; ChumiAI does not say which.")
    return FailureGroup(
        count=count,
        sentence=text.format(count=number(count)),
        advice=_("Check the job in ChumiAI for the reasons."),
    )


def _group(row: dict[str, Any], now: datetime) -> FailureGroup:
    code = row["failure_code"]
    failure = explain(code)
    # A failure without a code of WhatsApp is explained by ChumiAI's own words.
    given = row["reason"] if code is None else ""
    return FailureGroup(
        count=row["count"],
        sentence=given or sentence(failure.sentence),
        advice="" if given else sentence(failure.advice),
        about=sentence(failure.about) if failure.about else "",
        code=code,
        retryable=row["retryable"],
        when=_when(row, failure, now),
        listed="none" if code is None else str(code),
    )


def _when(row: dict[str, Any], failure: Failure, now: datetime) -> str:
    """Say whether and from when a retry makes sense, '' if that is not known."""
    if row["failure_code"] is None or not row["failed_at"]:
        return ""
    if failure.retry == Retry.NEVER:
        return _("Retrying would not help.")
    return retry_words(
        row["failure_code"], failed_at=row["failed_at"], tries=row["tries"], now=now
    )
