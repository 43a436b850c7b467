"""Read ChumiAI's answers, in any shape. Pure: text and JSON in, values or errors out.

ChumiAI does not document its answers. Each module holds its assumptions about one resource as
literal tables at its top, and below them the few functions that apply the tables. Nothing here
raises, for any answer.
"""

from chumi_api.parsing.contacts import (
    CONTACT_NAMES,
    GROUP_NAMES,
    find_members,
    parse_contact,
    parse_group,
)
from chumi_api.parsing.conversations import HISTORY_NAMES, parse_message
from chumi_api.parsing.envelopes import Entries, find_list
from chumi_api.parsing.jobs import JOB_NAMES, parse_job, parse_job_answer
from chumi_api.parsing.json_values import load
from chumi_api.parsing.pagination import PageInfo, page_info
from chumi_api.parsing.sends import parse_bulk_accepted, parse_send
from chumi_api.parsing.templates import TEMPLATE_NAMES, parse_sync, parse_template
from chumi_api.parsing.verdicts import build_error, read_verdict, request_id, send_verdict

__all__ = [
    "CONTACT_NAMES",
    "GROUP_NAMES",
    "HISTORY_NAMES",
    "JOB_NAMES",
    "TEMPLATE_NAMES",
    "Entries",
    "PageInfo",
    "build_error",
    "find_list",
    "find_members",
    "load",
    "page_info",
    "parse_bulk_accepted",
    "parse_contact",
    "parse_group",
    "parse_job",
    "parse_job_answer",
    "parse_message",
    "parse_send",
    "parse_sync",
    "parse_template",
    "read_verdict",
    "request_id",
    "send_verdict",
]
