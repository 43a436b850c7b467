"""`manage.py launch_campaign`: a campaign from a terminal."""

import io
import json
import signal
import subprocess
import sys
import time

import pytest
from django.core.management import CommandError, call_command

from campaigns.models import Campaign
from contacts.services import opt_out
from tasks.services import worker_is_alive
from tests.factories import (
    account_of,
    connect,
    finish,
    make_media_template,
    make_template,
    media_link,
    people,
    publish,
    xlsx,
)
from tests.processes import ROOT, wait_until

SHAPES = ("nest", "bare", "mongo", "snake", "meta", "chaos")
KEYS = [
    "campaign", "path", "name", "status", "mapping",
    "rows", "ready", "repaired", "duplicate", "invalid", "opted_out", "excluded", "frequency_cap",
    "recipients",
    "accepted", "failed", "skipped", "unconfirmed", "unreported", "remaining",
    "holds", "pause_reason", "note", "error",
]  # fmt: skip


@pytest.fixture
def template(connected):
    return make_template(connected)


@pytest.fixture
def save(tmp_path):
    """Return a function that writes rows to an .xlsx on the disk."""

    def save(rows):
        path = tmp_path / "customers.xlsx"
        path.write_bytes(xlsx(rows).read())
        return path

    return save


def arguments(file, *more, team="kente", template="welcome_message", language="en_US"):
    names = ["--team", team, "--template", template, "--language", language]
    return [str(file), *names, *(more if "--check" in more else ["--consent", *more])]


def run(file, *more, **named):
    """Run the command with --json and return what it prints and how it ends."""
    out = io.StringIO()
    code = 0
    try:
        call_command(
            "launch_campaign",
            *arguments(file, "--json", *more, **named),
            stdout=out,
            stderr=io.StringIO(),
        )
    except CommandError as error:
        code = error.returncode
    return json.loads(out.getvalue()), code


def refusal(file, *more, **named):
    result, code = run(file, *more, **named)
    assert code == 2
    assert not Campaign.objects.exists(), "what was refused leaves nothing behind"
    return result["error"]


def test_launches_to_the_people_of_the_file(template, connected, sandbox, save, marketer):
    result, code = run(save(people(5)), "--user", marketer.email, "--name", "Easter")
    assert (code, result["status"], result["recipients"]) == (0, "queued", 5)
    campaign = finish(Campaign.objects.get(uuid=result["campaign"]))
    assert (campaign.name, campaign.launched_by) == ("Easter", marketer)
    assert [(m["to"], m["values"]) for m in sandbox.ledger("kente")] == [
        (phone, [name, code]) for phone, name, code in people(5)[1:]
    ]


def test_media_by_a_link_that_is_looked_at(connected, sandbox, save):
    make_media_template(connected)
    link = media_link(sandbox)
    result, code = run(save(people(2)), "--media-link", link, template="fresh_offer")
    assert (code, result["status"], result["recipients"]) == (0, "queued", 2)
    campaign = Campaign.objects.get(uuid=result["campaign"])
    assert campaign.engine == "singly"
    assert campaign.snapshot["media"]["link"] == link


def test_media_by_an_id(connected, save):
    make_media_template(connected)
    file = save(people(2))
    result, code = run(file, "--media-id", "123", "--check", template="fresh_offer")
    assert (code, result["status"]) == (0, "ready")
    assert Campaign.objects.get().header_media.media_id == "123"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "fresh_offer needs media (image). Give --media-link or --media-id."),
        (["--media-link", "page.jpg"], "This link leads to a web page"),
        (["--media-link", "too-large.jpg", "--check"], "This file is 7 MB"),
        (["--media-link", "picture.jpg", "--media-id", "1"], "not both"),
        (["--media-id", "two words"], "does not look like a media ID"),
    ],
)
def test_media_that_cannot_be_used(connected, sandbox, save, arguments, sentence):
    make_media_template(connected)
    given = [media_link(sandbox, a) if a.endswith(".jpg") else a for a in arguments]
    assert sentence in refusal(save(people(2)), *given, template="fresh_offer")


def test_a_link_inside_is_refused(connected, save):
    make_media_template(connected)
    given = ["--media-link", "http://169.254.169.254/latest/"]
    sentence = refusal(save(people(2)), *given, template="fresh_offer")
    assert sentence == "WhatsApp accepts only links that start with https://."


def test_a_plain_template_takes_no_media(template, save):
    assert "has no image, video or document" in refusal(save(people(2)), "--media-id", "1")


def test_json_always_has_the_same_keys(template, save):
    launched, _ = run(save(people(2)))
    assert list(launched) == KEYS
    assert launched["name"].startswith("Welcome message")
    assert launched["path"] == f"/t/kente/campaigns/{launched['campaign']}/"
    assert launched["mapping"] == {"phone": "Phone", "{{1}}": "Name", "{{2}}": "Code"}
    refused, _ = run(save(people(2)), team="nobody")
    assert list(refused) == KEYS


def test_check_stops_after_the_check(template, connected, sandbox, save, drain):
    rows = people(6)
    opt_out(connected, f"+{rows[1][0]}")
    rows[2][0] = "12"
    rows[3][1] = "Ama\nMensah"
    rows.append(rows[4])
    result, code = run(save(rows), "--check")
    assert code == 0
    counts = {name: result[name] for name in KEYS[5:14]}
    assert counts == {
        "rows": 7, "ready": 3, "repaired": 1, "duplicate": 1, "invalid": 1, "opted_out": 1,
        "excluded": 0, "frequency_cap": 0, "recipients": 4,
    }  # fmt: skip
    campaign = Campaign.objects.get(uuid=result["campaign"])
    assert campaign.status == result["status"] == "ready"
    assert result["accepted"] is None
    drain()
    assert not sandbox.ledger("kente")


def test_check_lists_what_would_hold_the_campaign(template, save, settings):
    assert run(save(people(2)), "--check")[0]["holds"] == []
    settings.SENDING_ENABLED = False
    assert run(save(people(2)), "--check")[0]["holds"] == ["switched_off"]


def test_words_for_people(template, save):
    out = io.StringIO()
    call_command("launch_campaign", *arguments(save(people(3)), "--check"), stdout=out)
    first, second, third = out.getvalue().splitlines()
    assert first == "phone ← Phone, {{1}} ← Name, {{2}} ← Code"
    assert second == "3 rows: 3 ready, 0 repaired, 0 duplicate, 0 invalid, 0 opted out."
    assert third.startswith("Nothing was sent. The campaign is ready to launch: /t/kente/")


@pytest.mark.parametrize(
    "orders",
    [
        ["--map", "1=code", "--map", "2=NAME"],
        ["--map", "1=C", "--map", "{{2}}=b", "--map", "phone=a"],
    ],
)
def test_columns_by_name_or_letter(template, save, orders):
    result, _ = run(save(people(2)), *orders, "--check")
    assert result["mapping"] == {"phone": "Phone", "{{1}}": "Code", "{{2}}": "Name"}
    people_of = Campaign.objects.get(uuid=result["campaign"]).recipients
    assert list(people_of.values_list("values", flat=True)) == [
        [code, name] for _, name, code in people(2)[1:]
    ]


def test_a_text_for_everyone(template, save):
    result, _ = run(save(people(2)), "--map", "1=Name", "--text", "2=A = B", "--check")
    recipient = Campaign.objects.get(uuid=result["campaign"]).recipients.first()
    assert recipient.values == ["Person 1", "A = B"]


def test_a_named_phone_column_is_no_value_as_well(template, save):
    rows = [["Mobile", "Name", "Number"]]
    rows += [[phone, name, phone] for phone, name, _ in people(2)[1:]]
    guessed, _ = run(save(rows), "--check")
    assert guessed["mapping"] == {"phone": "Mobile", "{{1}}": "Name", "{{2}}": "Number"}
    result, code = run(save(rows), "--map", "phone=Number", "--check")
    assert code == 2
    assert "{{2}} has no column yet" in result["error"]


def test_an_unmapped_placeholder(template, save):
    rows = [row[:2] for row in people(3)]
    assert "{{2}} has no column yet" in refusal(save(rows))
    # What is named halfway is not filled up by guesses.
    assert "{{2}} has no column yet" in refusal(save(people(3)), "--map", "1=Code")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("1=Nothing", "no column Nothing. It has: Phone, Name, Code"),
        ("1=D", "no column D"),
        ("3=Name", "no placeholder 3. It has: 1, 2"),
        ("Name", "PLACEHOLDER=COLUMN"),
    ],
)
def test_a_map_that_means_nothing(template, save, order, words):
    assert words in refusal(save(people(1)), "--map", order)


def test_two_columns_of_one_name(template, save):
    rows = [["Phone", "Name", "name"], *people(2)[1:]]
    assert "B and C are both called name" in refusal(save(rows), "--map", "1=name")
    result, _ = run(save(rows), "--map", "1=B", "--map", "2=C", "--check")
    assert result["ready"] == 2


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"team": "nobody"}, "There is no team nobody."),
        ({"template": "bye"}, "no template bye"),
        ({"language": "fr"}, "Its languages: en_US."),
    ],
)
def test_what_does_not_exist(template, save, named, words):
    assert words in refusal(save(people(1)), **named)


def test_a_template_that_cannot_be_sent(template, save):
    make_template(template.team, "paused", status="PAUSED")
    assert "can't be sent" in refusal(save(people(1)), template="paused")


def test_who_may_not_launch(template, save, viewer, outsider):
    for email in (viewer.email, outsider.email, "nobody@example.com"):
        assert "may not launch" in refusal(save(people(1)), "--user", email)


def test_a_file_that_cannot_be_used(template, tmp_path, save):
    assert "No such file" in refusal(tmp_path / "nothing.xlsx")
    picture = tmp_path / "picture.xlsx"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" * 20)
    assert refusal(picture)
    result, code = run(save([people(1)[0], ["12", "Ama", "C-1"]]))
    assert code == 2
    assert "No row of this file can be sent" in result["error"]
    # Here the rows are worth a look, so the draft stays.
    assert Campaign.objects.get(uuid=result["campaign"]).status == "draft"


def test_no_key(team, save):
    make_template(team)
    result, code = run(save(people(2)))
    assert code == 2
    assert "Nothing was sent" in result["error"]


def test_without_the_consent_nothing_is_made(template, save):
    words = [word for word in arguments(save(people(2))) if word != "--consent"]
    with pytest.raises(CommandError, match="Add --consent to confirm .* Kente Corner") as refused:
        call_command("launch_campaign", *words)
    assert refused.value.returncode == 2
    assert not Campaign.objects.exists()


def test_waiting_needs_a_worker(template, save):
    result, code = run(save(people(2)), "--wait")
    assert code == 3
    assert "No worker is running" in result["error"]
    assert not Campaign.objects.exists()


@pytest.mark.django_db
def test_usage():
    for words in ([], ["list.xlsx"], ["list.xlsx", "--team", "kente", "--template", "t"]):
        done = subprocess.run(
            [sys.executable, "manage.py", "launch_campaign", *words],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert "required" in done.stderr


# With real workers


def manage(stack, *words):
    return subprocess.Popen(
        [sys.executable, "manage.py", "launch_campaign", *words],
        cwd=ROOT,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A run that was started in the background ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def start_worker(stack):
    worker = stack.start_worker()
    wait_until(worker_is_alive, what="the worker")
    return worker


@pytest.mark.stack
def test_wait_until_it_is_over(stack, sandbox, team, save):
    connect(team, sandbox)
    make_template(team)
    start_worker(stack)
    done = manage(stack, *arguments(save(people(25)), "--wait"))
    out, error = done.communicate(timeout=60)
    assert (done.returncode, error) == (0, "")
    assert out.splitlines()[-1] == "Finished: 100 %, 25 accepted, 0 failed, 0 to go."
    assert len(sandbox.ledger("kente")) == 25


@pytest.mark.stack
def test_some_failed(stack, sandbox, team, save):
    connect(team, sandbox)
    make_template(team)
    start_worker(stack)
    rows = people(10)
    rows[3][0] = rows[3][0][:-3] + "026"
    done = manage(stack, *arguments(save(rows), "--wait", "--json"))
    out, _ = done.communicate(timeout=60)
    result = json.loads(out)
    assert (done.returncode, result["accepted"], result["failed"]) == (5, 9, 1)


@pytest.mark.stack
def test_a_person_is_needed(stack, sandbox, team, save):
    connect(team, sandbox, kind="readonly")
    make_template(team)
    start_worker(stack)
    done = manage(stack, *arguments(save(people(10)), "--wait", "--json"))
    out, _ = done.communicate(timeout=60)
    result = json.loads(out)
    assert (done.returncode, result["status"]) == (4, "paused")
    assert (result["pause_reason"], result["remaining"]) == ("forbidden", 10)
    assert result["note"]


@pytest.mark.stack
def test_a_changed_template_needs_a_person(stack, sandbox, team, save):
    connect(team, sandbox)
    template = make_template(team)
    publish(template, components=[{"type": "BODY", "text": "Code {{1}}, dear {{2}}."}])
    start_worker(stack)
    done = manage(stack, *arguments(save(people(10)), "--wait"))
    out, error = done.communicate(timeout=60)
    assert done.returncode == 4
    assert "“Hi {{1}}, your code is {{2}}.” → “Code {{1}}, dear {{2}}.”" in out
    assert "a person is needed" in error
    assert sandbox.ledger("kente") == []


@pytest.mark.stack
def test_ctrl_c_leaves_the_campaign_running(stack, sandbox, team, save):
    sandbox.post("speed", speed=0)
    connect(team, sandbox)
    make_template(team)
    start_worker(stack)
    done = manage(stack, *arguments(save(people(10)), "--wait", "--json"))
    wait_until(lambda: sandbox.ledger("kente"), what="the file to arrive")
    time.sleep(1)
    done.send_signal(signal.SIGINT)
    out, error = done.communicate(timeout=20)
    assert done.returncode == 130
    assert "The campaign goes on" in error
    assert "Traceback" not in error
    assert json.loads(out)["status"] == "sending"
    sandbox.post("speed", speed=1000)
    campaign = Campaign.objects.get()
    wait_until(lambda: Campaign.objects.get(pk=campaign.pk).status == "completed", what="the end")


def send_ten_thousand(stack, sandbox, team, save):
    """Send from a terminal, with a worker, and hold the ledger against what was intended."""
    connect(team, sandbox)
    make_template(team)
    start_worker(stack)
    rows = people(10_000)
    done = manage(stack, *arguments(save(rows), "--wait", "--json"))
    out, _ = done.communicate(timeout=180)
    result = json.loads(out)
    sent = [(m["to"], m["values"]) for m in sandbox.ledger(account_of(team))]
    assert sent == [(phone, [name, code]) for phone, name, code in rows[1:]]
    assert (result["error"], done.returncode) == ("", 0)
    assert (result["status"], result["recipients"]) == ("completed", 10_000)
    assert (result["accepted"], result["remaining"]) == (10_000, 0)


@pytest.mark.stack
@pytest.mark.parametrize("shape", SHAPES)
def test_ten_thousand_rows(stack, sandbox, team, save, shape):
    sandbox.post("shape", shape=shape)
    team.batch_size = 5000
    team.save()
    send_ten_thousand(stack, sandbox, team, save)


@pytest.mark.stack
@pytest.mark.long
def test_ten_thousand_rows_in_batches_of_the_usual_size(stack, sandbox, team, save):
    send_ten_thousand(stack, sandbox, team, save)
