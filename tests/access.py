"""Every URL of a team: its methods, who may take it, and an example of its objects.

`tests/test_rules.py` asks the URL resolver for all URLs; one without a row here fails the run.
"""

from dataclasses import dataclass

from django.urls import URLPattern, get_resolver, reverse


@dataclass(frozen=True)
class Url:
    """`subject` names the kind of the URL's object, as `draft`, `batch` or `opt_out`, or ''."""

    methods: str
    permission: str = "read"
    subject: str = ""
    # What its GET needs beside the object.
    kwargs: tuple[tuple[str, str], ...] = ()
    # Where a GET of this URL shows a live region: the name of its page.
    region_of: str = ""
    # Its POST is only a heartbeat: it changes nothing that a person can see.
    only_looks: bool = False


ACCESS = {
    "reports:home": Url("GET"),
    "reports:home_running": Url("GET", region_of="reports:home"),
    "reports:campaign_results": Url("GET", "read", "launched"),
    "campaigns:campaign_list": Url("GET"),
    "campaigns:campaign_new": Url("GET POST", "prepare"),
    "campaigns:message_new": Url("GET POST", "prepare"),
    "campaigns:campaign_number": Url("GET POST", "prepare", "single"),
    "campaigns:campaign_number_check": Url("POST", "prepare", "single"),
    "campaigns:campaign_template": Url("GET POST", "prepare", "draft"),
    "campaigns:campaign_file": Url("GET POST", "prepare", "ready"),
    "campaigns:campaign_audience": Url("POST", "prepare", "draft"),
    "campaigns:campaign_group": Url("GET POST", "prepare", "grouped"),
    "campaigns:campaign_header": Url("POST", "prepare", "ready"),
    "campaigns:campaign_sample": Url("GET", "prepare", "ready"),
    "campaigns:campaign_values": Url("GET POST", "prepare", "ready"),
    "campaigns:campaign_media": Url("GET POST", "prepare", "media"),
    "campaigns:campaign_media_state": Url(
        "GET", "prepare", "media", region_of="campaigns:campaign_media"
    ),
    "campaigns:campaign_check": Url("GET POST", "prepare", "ready"),
    "campaigns:campaign_result": Url(
        "GET", "prepare", "ready", region_of="campaigns:campaign_check"
    ),
    "campaigns:campaign_rows": Url("GET", "prepare", "ready", (("outcome", "ready"),)),
    "campaigns:campaign_preview": Url("GET", "prepare", "ready"),
    "campaigns:campaign_test": Url("POST", "test", "ready"),
    "campaigns:campaign_tests": Url(
        "GET", "prepare", "ready", region_of="campaigns:campaign_preview"
    ),
    "campaigns:test_number_list": Url("GET POST", "test"),
    "campaigns:test_number_remove": Url("POST", "test", "test_number"),
    "campaigns:campaign_review": Url("GET", "prepare", "ready"),
    "campaigns:campaign_launch": Url("POST", "launch", "ready"),
    "campaigns:campaign_rename": Url("POST", "prepare", "draft"),
    "campaigns:campaign_delete": Url("POST", "prepare", "draft"),
    "campaigns:campaign_detail": Url("GET", "read", "launched"),
    "campaigns:campaign_progress": Url(
        "GET", "read", "launched", region_of="campaigns:campaign_detail"
    ),
    "campaigns:campaign_watch": Url("POST", "read", "launched", only_looks=True),
    "campaigns:campaign_pause": Url("POST", "launch", "launched"),
    "campaigns:campaign_resume": Url("POST", "launch", "launched"),
    "campaigns:campaign_stop": Url("POST", "launch", "launched"),
    "campaigns:campaign_recipients": Url("GET", "read", "launched"),
    "campaigns:campaign_recipients_export": Url("GET", "read", "launched"),
    "campaigns:campaign_decide": Url("POST", "launch", "launched"),
    "campaigns:campaign_retry": Url("POST", "launch", "launched"),
    "campaigns:batch_decide": Url("POST", "launch", "batch"),
    "campaigns:batch_retry": Url("POST", "launch", "batch"),
    "campaigns:job_list": Url("GET"),
    "campaigns:job_sync": Url("GET", region_of="campaigns:job_list"),
    "campaigns:job_refresh": Url("POST", "sync"),
    "message_templates:template_list": Url("GET"),
    "message_templates:template_sync": Url("GET", region_of="message_templates:template_list"),
    "message_templates:template_sync_start": Url("POST", "sync"),
    "message_templates:template_detail": Url("GET", "read", "template"),
    "contacts:contact_list": Url("GET"),
    "contacts:contact_sync": Url("GET", region_of="contacts:contact_list"),
    "contacts:contact_sync_start": Url("POST", "sync"),
    "contacts:contact_detail": Url("GET", "read", "contact"),
    "contacts:group_list": Url("GET"),
    "contacts:opt_out_list": Url("GET"),
    "contacts:opt_out_add": Url("POST", "opt_out"),
    "contacts:opt_out_import": Url("GET POST", "opt_out"),
    "contacts:opt_out_export": Url("GET"),
    "contacts:unreadable_add": Url("POST", "opt_out", "unreadable"),
    "contacts:unreadable_dismiss": Url("POST", "opt_out", "unreadable"),
    "contacts:opt_out_detail": Url("GET", "read", "opt_out"),
    "contacts:opt_out_lift": Url("POST", "lift_opt_out", "opt_out"),
    "conversations:conversation_list": Url("GET"),
    "conversations:conversation_open": Url("POST", "converse"),
    "conversations:campaign_replies": Url("GET", "read", "launched"),
    "conversations:conversation_detail": Url("GET", "read", "conversation"),
    "conversations:conversation_thread": Url(
        "GET", "read", "conversation", region_of="conversations:conversation_detail"
    ),
    "conversations:conversation_read": Url("POST", "converse", "conversation"),
    "conversations:conversation_reply": Url("POST", "prepare", "conversation"),
    "conversations:conversation_history": Url("POST", "read", "conversation", only_looks=True),
    "conversations:conversation_print": Url("GET", "read", "conversation"),
    "conversations:conversation_export": Url("GET", "read", "conversation"),
    "webhooks:webhook_detail": Url("GET"),
    "webhooks:webhook_renew": Url("POST", "connect"),
    "webhooks:webhook_sign": Url("POST", "connect"),
    "webhooks:webhook_stop_words": Url("POST", "connect"),
    "teams:connection": Url("GET POST", "connect"),
    "teams:connection_test": Url("POST", "connect"),
}

# URLs without a team: open to anyone, or to anyone logged in.
OPEN = {"health", "webhook"}
LOGGED_IN = {"start"}


def address(name, team, subjects, *, subject_uuid=None):
    """Return the path of the URL, for the object that it needs."""
    url = ACCESS[name]
    kwargs = {"team": team.slug} | dict(url.kwargs)
    if url.subject:
        kwargs["uuid"] = subject_uuid or subjects[url.subject].uuid
    return reverse(name, kwargs=kwargs)


def team_urls():
    """Yield the name of every URL under /t/<team>/."""
    for prefix in get_resolver().url_patterns:
        if str(prefix.pattern) == "t/<slug:team>/":
            yield from _names(prefix)


def other_urls():
    """Yield the names of our own URLs outside of a team."""
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def _names(node, namespace=""):
    for child in node.url_patterns:
        if isinstance(child, URLPattern):
            yield f"{namespace}:{child.name}"
        else:
            yield from _names(child, child.namespace or namespace)
