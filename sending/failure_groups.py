"""Why messages of a campaign failed, by reason, in words for people."""

from django.db.models import Count, Max, Min
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending.retry_times import retry_words
from sending.services import retries
from whatsapp.errors import Retry, explain


def failures_of(campaign, progress):
    """Return the failures by reason, most frequent first, and those without a person."""
    if not progress.failed:
        return []
    now = timezone.now()
    rows = (
        Recipient.objects.filter(campaign=campaign, status=Recipient.Status.FAILED)
        .values("failure_code", "reason")
        .annotate(
            count=Count("pk"),
            again=Count("pk", filter=retries.can_be_tried(now)),
            tries=Min("retries"),
            failed_at=Max("settled_at"),
        )
        .order_by("-count", "failure_code")
    )
    groups = [_failure(row, now) for row in rows]
    unnamed = progress.failed - sum(group["count"] for group in groups)
    if unnamed > 0:
        to_group = campaign.engine == Campaign.Engine.GROUP
        why = "ChumiAI wrote to the group by itself" if to_group else "ChumiAI does not say which"
        groups.append(
            {
                "count": unnamed,
                "sentence": f"{unnamed:,} failed; {why}.",
                "advice": "Look at the job in ChumiAI for the reasons.",
                "about": "",
                "code": None,
                "again": 0,
                "when": "",
                "listed": "",
            }
        )
    return groups


def _failure(row, now):
    code = row["failure_code"]
    known = explain(code)
    # A refusal without a code of WhatsApp's is explained by ChumiAI's own words.
    told = row["reason"] if code is None else ""
    return {
        "count": row["count"],
        "sentence": told or known.sentence,
        "advice": "" if told else known.advice,
        "about": known.about or "",
        "code": code,
        "again": row["again"],
        "when": _when(row, known, now),
        # The reason, as the list of the recipients is asked for it.
        "listed": "none" if code is None else code,
    }


def _when(row, failure, now):
    """Say whether and from when another try makes sense, '' where nobody knows."""
    if row["failure_code"] is None or not row["failed_at"]:
        return ""
    if failure.retry == Retry.NEVER:
        return "Trying again would not help."
    return retry_words(
        row["failure_code"], failed_at=row["failed_at"], tries=row["tries"], now=now
    )
