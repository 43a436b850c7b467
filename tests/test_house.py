"""What the files of the house have to be like: their size, their lines, their words."""

import re
from collections import Counter

import pytest

from tests.processes import ROOT
from tests.unmarked import everywhere

MOST_LINES = 600
MOST_CHARACTERS = 140
LARGEST_ROOM = 0.25
# Plain English has a better word: say what is known, received, reported, skipped or fixed.
NEVER = (
    *("told", "untold", "news"),
    *("whoever", "whom", "somebody", "thereby", "thereof", "anew"),
    *("mend", "mends", "mended", "mending", "gone through", "fares alike", "so many"),
    *("by now", "a word of", "is none of", "in the way"),
)
# In a name, too: `told_since` holds the word.
WORDS = re.compile(rf"(?<![a-z])({'|'.join(NEVER)})(?![a-z])", re.IGNORECASE)
CODE = {".py", ".js", ".css", ".toml", ".in", ".yaml", ""}
PAGES = {".html", ".txt"}
DOCS = {".md"}
# Not written by us, or not kept.
SKIPPED = {"vendor", "var", "staticfiles", "locale", "test-results", "__pycache__"}


def files(suffixes):
    """Return our files with one of these suffixes, but for hidden ones."""
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.suffix in suffixes
        and path.is_file()
        and not any(
            part in SKIPPED or part.startswith(".") for part in path.relative_to(ROOT).parts
        )
    ]


def lines(path):
    """Return the numbered lines of a file, and how it is called in the repository."""
    text = path.read_text(encoding="utf-8")
    return [(f"{path.relative_to(ROOT)}:{n}", line) for n, line in enumerate(text.splitlines(), 1)]


def test_no_file_is_too_long():
    """Split it by noun, or by page."""
    counts = {
        str(path.relative_to(ROOT)): len(lines(path))
        for path in files({".py", ".html", ".js", ".css"})
        if "migrations" not in path.parts
    }
    assert {name: count for name, count in counts.items() if count > MOST_LINES} == {}


def test_no_line_of_a_template_is_too_long():
    assert [
        place
        for path in files(PAGES)
        for place, line in lines(path)
        if len(line) > MOST_CHARACTERS
    ] == []


def test_no_room_is_too_large():
    """A room that grows past a quarter of the product has two nouns in it."""
    rooms = Counter()
    for path in files({".py"}):
        room, *inside = path.relative_to(ROOT).parts
        if inside and room != "tests" and "migrations" not in inside:
            rooms[room] += len(lines(path))
    shares = {room: count / rooms.total() for room, count in rooms.items()}
    assert {room: share for room, share in shares.items() if share > LARGEST_ROOM} == {}


@pytest.mark.parametrize("suffixes", [CODE, PAGES, DOCS], ids=["code", "pages", "docs"])
def test_words_are_plain(suffixes):
    assert [
        f"{place}: {match[0]}"
        for path in files(suffixes)
        if path.name != "test_house.py"
        for place, line in lines(path)
        for match in WORDS.finditer(line)
    ] == []


def test_links_in_the_docs_lead_somewhere():
    broken = []
    for path in files(DOCS):
        text = path.read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.*)$", text, re.M)
        # As code hosts make them: small letters, hyphens for spaces, no other signs.
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            target, _, anchor = link.partition("#")
            if link.startswith("http"):
                continue
            if target and not (path.parent / target).exists():
                broken.append(f"{path.name}: {link}")
            if not target and anchor not in anchors:
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_every_decision_stands_in_the_index():
    text = (ROOT / "docs/decisions.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[(.*)\]\(#", text, re.M) == re.findall(r"^### (.*)$", text, re.M)


def test_files_that_the_docs_name_exist():
    assert [
        f"{place}: {name}"
        for path in files(DOCS)
        for place, line in lines(path)
        for name in re.findall(r"`((?:[\w-]+/)+[\w.-]+\.\w+)`", line)
        if not (ROOT / name).exists() and not (path.parent / name).exists()
    ] == []


def test_every_text_for_a_person_is_marked_for_translation():
    """`python -m tests.unmarked` lists them. The webhook's answers are for ChumiAI."""
    assert [
        f"{place}: {text}"
        for place, text in everywhere()
        if not place.startswith("webhooks/views.py")
    ] == []


def test_one_place_asks_for_the_time():
    """Processes on several machines compare the rows: `core.clocks` has the database's time."""
    own_clock = re.compile(r"timezone\.now\(|datetime\.(utc)?now\(|[^.]time\.time\(")
    elsewhere = {"tests", "sandbox", "chumi_api"}
    found = {
        str(path.relative_to(ROOT))
        for path in files({".py"})
        if path.relative_to(ROOT).parts[0] not in elsewhere and own_clock.search(path.read_text())
    }
    assert found == {"core/clocks.py"}
