"""Read and check an upload in a child process: `python -m audience.process`.

A file from outside may use up memory or time, so it is parsed in a process with limits of the
system, which is killed when it takes too long. The child reads one JSON request on standard
input, writes its rows to files, and prints one JSON answer. Sentences are in their stored form
(see `core.sentences.to_json`).

A "head" request has path, sheet, rows, limits, header where a person said whether there is one,
and, for a suggestion of the columns, placeholders, hints and region. Its answer:
    format, sheets, sheet, has_header, suggestion, rows: [[row number, [texts], hidden], …]

A "check" request has path, sheet, limits, header, mapping, rules, region, opted_out_path
(a phone per line), exclusions: [{outcome, path (a phone per line), problem}] and out_dir; where
values come from fields of contacts, contacts_path, a line [phone, {field: text}] for each. For a
group it has, instead of path, sheet and header, members_path, a line [texts] for each member;
columns, the name of each text; and fields, the contact's field of each text, the phone first. Its
answer:
    column_errors: [sentences]; if there are any, nothing else
    total, sendable, counts: {outcome: n}, hidden, notes: [[sentence, n], …],
    problems: [[sentence, n], …]
    header: [texts]
    samples: {outcome: [ReportRow, …]}, at most 50 each, their cells shortened
    longest: {row, length} of the longest message, or null
out_dir gets two files with a JSON array per line: ready.jsonl, a `ReadyRow` for each row to send,
and report.jsonl, a `ReportRow` for each row with a note or a problem.
"""

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingType
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from audience import check as checks
from audience.mapping import Mapping
from audience.report import ReadyRow, ReportRow
from audience.suggest import has_header, suggest_mapping
from core.disk import NotSaved, Trouble, trouble_of
from core.sentences import from_json, gettext_noop, to_json
from spreadsheets.cells import EMPTY, Cell, Limits, Row, SpreadsheetError
from spreadsheets.reader import read_head, read_rows

logger = logging.getLogger(__name__)

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 45
OUT_OF_MEMORY = 3
SAMPLE_ROWS = 50
SAMPLE_CELLS, SAMPLE_LENGTH = 20, 200

TOO_HEAVY = gettext_noop(
    "This file takes too much memory or time to read. Nothing was sent. "
    "Copy only the list into a new sheet, save it as .xlsx and upload that."
)
NO_ROWS = gettext_noop("This sheet has no rows. Check that you chose the right file.")
FAILED = gettext_noop(
    "We could not read this file. Nothing was sent. "
    "Save it again as .xlsx and upload it; if that does not help, tell your administrator."
)

Request = MappingType[str, Any]


def run(request: Request, *, timeout: float = 60) -> dict[str, Any]:
    """Run one request in a child and return its answer.

    Raise SpreadsheetError for every failure of the file, also when the child dies, and NotSaved
    if the child could not write its rows.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "audience.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # A traceback may quote the file.
        cwd=Path(__file__).resolve().parent.parent,
        env={"PATH": os.defpath, "PYTHONUTF8": "1"},
        start_new_session=True,
        umask=0o077,
    )
    try:
        output, _ = process.communicate(json.dumps(request).encode(), timeout=timeout)
    except subprocess.TimeoutExpired:
        raise SpreadsheetError(TOO_HEAVY) from None
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode < 0 or process.returncode == OUT_OF_MEMORY:
        logger.warning("The check of a file ended with status %s.", process.returncode)
        raise SpreadsheetError(TOO_HEAVY)
    try:
        answer = json.loads(output)
        if "refused" in answer:
            raise SpreadsheetError(from_json(answer["refused"]))
        if "answer" in answer:
            return dict(answer["answer"])
        if "disk" in answer:
            raise NotSaved(Trouble(answer["disk"]))
        reason = answer["crash"]
    except (ValueError, KeyError, TypeError):
        reason = f"exit status {process.returncode}"
    logger.error("The check of a file failed: %s.", reason)
    raise SpreadsheetError(FAILED)


def main() -> int:
    """Answer the request on standard input."""
    _limit_resources()
    gc.disable()  # The process is short, and a large file makes many objects.
    try:
        request = json.load(sys.stdin)
        answer: dict[str, Any] = {"answer": _ACTIONS[request["action"]](request)}
    except SpreadsheetError as error:
        answer = {"refused": to_json(error.sentence)}
    except MemoryError:
        # Writing an answer would need memory.
        os._exit(OUT_OF_MEMORY)
    except Exception as error:
        if trouble := trouble_of(error):
            answer = {"disk": trouble}
        else:
            # The message of an exception may quote the file; its place does not.
            place = traceback.extract_tb(error.__traceback__)[-1]
            crash = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
            answer = {"crash": crash}
    json.dump(answer, sys.stdout)
    return 0


def head(request: Request) -> dict[str, Any]:
    """Answer a "head" request."""
    found = read_head(
        request["path"],
        rows=request.get("rows", 50),
        sheet=request.get("sheet", ""),
        limits=_limits(request),
    )
    if not found.rows:
        raise SpreadsheetError(NO_ROWS)
    with_header = request["header"] if "header" in request else has_header(found.rows)
    suggestion = None
    if "placeholders" in request:
        suggestion = suggest_mapping(
            [cell.text for cell in found.rows[0].cells] if with_header else [],
            found.rows[with_header:],
            request["placeholders"],
            request.get("hints"),
            region=request.get("region", "GH"),
        ).to_json()
    return {
        "format": found.format,
        "sheets": found.sheets,
        "sheet": found.sheet,
        "has_header": with_header,
        "suggestion": suggestion,
        "rows": [
            [row.number, [cell.text for cell in row.cells], row.hidden] for row in found.rows
        ],
    }


def check(request: Request) -> dict[str, Any]:
    """Answer a "check" request."""
    table = _members(request) if "members_path" in request else _sheet(request)
    mapping = Mapping.from_json(request["mapping"])
    rules = checks.Rules(
        **{**request["rules"], "placeholders": tuple(request["rules"]["placeholders"])}
    )
    if errors := checks.check_mapping(mapping, rules=rules, width=table.width):
        return {"column_errors": [to_json(error) for error in errors]}

    results = checks.check_recipients(
        table.rows,
        mapping,
        rules=rules,
        region=request.get("region", "GH"),
        opted_out=_phones(request.get("opted_out_path")),
        exclusions=_exclusions(request),
        header=table.has_header,
        field_of=table.field_of,
        same_number=table.same_number,
    )
    answer = {"column_errors": [], "header": table.header}
    return answer | _write(results, mapping.phone_column, rules, Path(request["out_dir"]))


def _write(
    results: Iterable[checks.Checked], phone_column: int, rules: checks.Rules, folder: Path
) -> dict[str, Any]:
    """Write the rows to files. Return the counts and samples of a "check" answer."""
    summary = checks.Summary()
    samples: dict[str, list[ReportRow]] = {outcome: [] for outcome in checks.Outcome}
    longest: dict[str, int] | None = None
    with (
        (folder / "ready.jsonl").open("w", encoding="utf-8") as ready,
        (folder / "report.jsonl").open("w", encoding="utf-8") as report,
    ):
        for checked in results:
            summary.add(checked)
            if checked.outcome.is_sendable:
                _write_line(ready, _ready_row(checked))
                length = rules.length(checked.values)
                if longest is None or length > longest["length"]:
                    longest = {"row": checked.row.number, "length": length}
            sample = samples[checked.outcome]
            is_plain = checked.outcome is checks.Outcome.READY and not checked.notes
            if is_plain and len(sample) == SAMPLE_ROWS:
                continue
            reported = _report_row(checked, phone_column)
            if not is_plain:
                _write_line(report, reported)
            if len(sample) < SAMPLE_ROWS:
                cells = [text[:SAMPLE_LENGTH] for text in reported.cells[:SAMPLE_CELLS]]
                sample.append(reported._replace(cells=cells))
    return {
        "total": summary.total,
        "sendable": summary.sendable,
        "counts": {outcome: summary.counts[outcome] for outcome in checks.Outcome},
        "hidden": summary.hidden,
        "notes": _counted(summary.notes),
        "problems": _counted(summary.problems)[:SAMPLE_ROWS],
        "samples": samples,
        "longest": longest,
    }


def _write_line(file: TextIO, row: ReadyRow | ReportRow) -> None:
    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _ready_row(checked: checks.Checked) -> ReadyRow:
    notes = [to_json(note) for note in checked.notes]
    return ReadyRow(checked.row.number, checked.phone or "", list(checked.values), notes)


_ACTIONS = {"head": head, "check": check}


class _Table(NamedTuple):
    """The rows to check: of a sheet, or the members of a group."""

    width: int
    header: list[str]
    has_header: bool
    rows: Iterator[Row]
    field_of: Callable[[Row, str, str], str]
    same_number: str


def _sheet(request: Request) -> _Table:
    path, sheet, header = request["path"], request.get("sheet", ""), request["header"]
    limits = _limits(request)
    # The limit counts people, so a header is one row more.
    limits = replace(limits, rows=limits.rows + header)
    first = read_head(path, sheet=sheet, limits=limits).rows
    if not first:
        raise SpreadsheetError(NO_ROWS)
    contacts = _contacts(request.get("contacts_path"))
    return _Table(
        width=max(len(row.cells) for row in first),
        header=[cell.text for cell in first[0].cells] if header else [],
        has_header=header,
        rows=read_rows(path, sheet=sheet, limits=limits),
        field_of=lambda row, phone, field: contacts.get(phone, {}).get(field, ""),
        same_number=checks.SAME_AS_ROW,
    )


def _members(request: Request) -> _Table:
    places = {field: place for place, field in enumerate(request["fields"])}

    def rows() -> Iterator[Row]:
        with open(request["members_path"], encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                yield Row(number, tuple(Cell(t, t, "text") for t in json.loads(line)))

    def field_of(row: Row, phone: str, field: str) -> str:
        return row.cells[places[field]].text if field in places else ""

    return _Table(
        width=len(places),
        header=request["columns"],
        has_header=False,
        rows=rows(),
        field_of=field_of,
        same_number=checks.SAME_AS_MEMBER,
    )


def _contacts(path: str | None) -> dict[str, dict[str, str]]:
    if path is None:
        return {}
    with open(path, encoding="utf-8") as lines:
        return dict(map(json.loads, lines))


def _report_row(checked: checks.Checked, phone_column: int) -> ReportRow:
    row = checked.row
    written = row.cells[phone_column] if phone_column < len(row.cells) else EMPTY
    return ReportRow(
        row.number,
        checked.outcome,
        written.text,
        checked.phone,
        [to_json(text) for text in (checked.problem, *checked.notes) if text],
        [cell.text for cell in row.cells],
    )


def _counted(counter: Counter[str]) -> list[list[Any]]:
    return [[to_json(text), count] for text, count in counter.most_common()]


def _limits(request: Request) -> Limits:
    return Limits(**request.get("limits", {}))


def _exclusions(request: Request) -> list[checks.Exclusion]:
    return [
        checks.Exclusion(
            checks.Outcome(out["outcome"]), _phones(out["path"]), from_json(out["problem"])
        )
        for out in request.get("exclusions", ())
    ]


def _phones(path: str | None) -> frozenset[str]:
    def lines() -> Iterator[str]:
        if path:
            with open(path, encoding="ascii") as file:
                yield from (line.strip() for line in file)

    return frozenset(lines())


def _limit_resources() -> None:
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        # macOS has no limit of the address space; its time limits work.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    sys.exit(main())
