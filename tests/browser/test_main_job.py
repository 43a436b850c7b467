"""The main job in a browser, from the login to the last message."""

import csv
import io
from datetime import date, timedelta

import pytest
import xlsxwriter
from playwright.sync_api import expect

from campaigns.models import Campaign
from tests.browser.conftest import PHONE
from tests.factories import PASSWORD, account_of, connect, make_template, xlsx
from tests.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack]

BODY = "Hi {{1}}, order {{2}}: the total of {{3}} is due on {{4}}. Your discount: {{5}}."
COLUMNS = ["Mobile", "Customer name", "Order no.", "Amount", "Due date", "Discount"]
BLANK, BAD, DUPLICATES = 501, {120: "0244 12", 640: "call Esi"}, {300: 299, 777: 12, 1002: 2}
LONGEST, NAMELESS = 415, (33, 444)
LONG_NAME = "Nana Akosua Agyeiwaa Oforiwaa Amponsah-Mensah of the Old Kotokuraba Market"


def national(row):
    """Return a made-up Ghanaian number that the sandbox delivers, one for each row."""
    return f"24{row:04d}111"


def phone_cell(row):
    """Return a row's phone cell, in one of several notations, and whether it needs repair."""
    digits = national(DUPLICATES.get(row, row))
    return (
        (int(f"233{digits}"), False),
        (f"0{digits[:2]} {digits[2:5]} {digits[5:]}", False),
        (f"233{digits}.0", True),
        (f"+233 {digits[:2]}-{digits[2:5]}-{digits[5:]}", False),
        (int(digits), True),
    )[row % 5]


def orders():
    """Return an Excel file of 1,000 rows, the messages to send, and the count of repairs."""
    buffer = io.BytesIO()
    intended, repaired = [], 0
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet("Orders")
        code, money, day, percent = (
            book.add_format({"num_format": text})
            for text in ("00000", '"GHS" #,##0.00', "d mmm yyyy", "0.0%")
        )
        sheet.write_row(0, 0, COLUMNS)
        # Excel counts from 1, and row 1 has the column names.
        for row in range(2, 1003):
            if row == BLANK:
                continue
            name = LONG_NAME if row == LONGEST else "" if row in NAMELESS else f"Ama {row}"
            amount, due, discount = (
                row * 12.5,
                date(2027, 1, 1) + timedelta(days=row),
                row % 40 / 200,
            )
            phone, needs_repair = phone_cell(row)
            cells = (BAD.get(row, phone), None), (name, None), (row, code), (amount, money)
            for column, (cell, shape) in enumerate((*cells, (due, day), (discount, percent))):
                write = sheet.write_datetime if cell is due else sheet.write
                write(row - 1, column, cell, shape)
            if row in BAD or row in DUPLICATES:
                continue
            repaired += needs_repair
            shown = [
                name or "customer",
                f"{row:05d}",
                f"GHS {amount:,.2f}",
                f"{due.day} {due:%b %Y}",
                f"{row % 40 / 2:.1f}%",
            ]
            intended.append((f"233{national(row)}", shown))
    return buffer.getvalue(), intended, repaired


def log_in(page, user):
    page.goto("/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def sent(sandbox, team):
    return [(line["to"], line["values"]) for line in sandbox.ledger(account_of(team))]


def test_a_thousand_rows_from_log_in_to_finished(open_page, sandbox, team, manager):
    account, key = account_of(team), sandbox.key(account_of(team))
    components = [{"type": "BODY", "text": BODY}]
    template = {"name": "order_due", "language": "en", "category": "UTILITY"}
    sandbox.post(
        "templates", account=account, status="APPROVED", components=components, **template
    )
    page = open_page()
    log_in(page, manager)
    expect(page.get_by_role("heading", level=1, name="Kente Corner")).to_be_visible()

    # The key
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Connection").click()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("ChumiAI accepts the key.")).to_be_visible()
    expect(page.get_by_text(f"ends with {key[-4:]}")).to_be_visible()
    scopes = page.get_by_role("region", name="What the key allows")
    expect(scopes.get_by_text("Allowed")).not_to_have_count(0)
    expect(scopes.get_by_text("Missing")).to_have_count(0)
    assert key not in page.content()

    # The templates
    page.get_by_role("link", name="Templates", exact=True).click()
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("15 added")).to_be_visible()
    expect(page.get_by_role("link", name="order_due")).to_be_visible()

    # A campaign: template, file
    page.get_by_role("link", name="Campaigns", exact=True).click()
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Campaign name").fill("Orders of January")
    page.get_by_role("button", name="Use this template order_due (en)").click()
    file, intended, repaired = orders()
    page.get_by_label("Your file").set_input_files(
        {"name": "orders.xlsx", "mimeType": "application/octet-stream", "buffer": file}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name="orders.xlsx")).to_be_visible()
    rows = page.get_by_role("region", name="First rows of the file").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("GHS 25.00")
    page.get_by_role("link", name="Continue to the columns").click()

    # The columns: suggestions are filled in; one fallback is added
    expect(page.get_by_label("Phone number column")).to_have_value("0")
    for number in range(1, 6):
        expect(page.get_by_label(f"{{{{{number}}}}} comes from")).to_have_value(str(number))
    first = page.locator(".value-row").first
    first.get_by_label("If empty, use").fill("customer")
    page.get_by_role("button", name="Check the file").click()

    # The check: the counts, Excel's row numbers, a download
    expect(page.get_by_role("heading", name="995 people will get this message")).to_be_visible()
    tiles = {"ready": 995 - repaired, "repaired": repaired, "duplicate": 3, "invalid": 2}
    for outcome, count in (tiles | {"opted_out": 0}).items():
        expect(page.locator(f"#tile-{outcome} .stat-value")).to_have_text(str(count))
    invalid = page.get_by_role("region", name="Rows: Invalid").get_by_role("row")
    for row, (number, written) in zip(invalid.all()[1:], BAD.items(), strict=True):
        expect(row.get_by_role("rowheader")).to_have_text(str(number))
        expect(row).to_contain_text(written)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all 2").click()
    lines = list(csv.reader(download.value.path().open(encoding="utf-8-sig", newline="")))
    assert [line[0] for line in lines[1:]] == [str(number) for number in BAD]
    page.locator("#tile-duplicate").click()
    doubles = page.get_by_role("region", name="Rows: Duplicate")
    expect(doubles.get_by_text("Same number as row 12, which is sent.")).to_be_visible()
    assert doubles.get_by_role("rowheader").all_inner_texts() == [str(n) for n in DUPLICATES]

    # The preview: one recipient, and the longest message
    page.get_by_role("link", name="Continue to the preview").click()
    page.get_by_label("Go to recipient").fill("600")
    page.get_by_role("button", name="Show", exact=True).click()
    bubble = page.locator(".bubble-body")
    for value in intended[599][1]:
        expect(bubble).to_contain_text(value)
    page.get_by_role("link", name="Show the longest message").click()
    expect(bubble).to_contain_text(LONG_NAME)
    expect(page.locator(".facts")).to_contain_text(str(LONGEST))

    # The review: without consent and the number nothing is sent
    page.get_by_role("link", name="Continue to the review").click()
    expect(page.get_by_role("region", name="Before you send")).to_contain_text(
        "5 rows are skipped"
    )
    send = page.get_by_role("button", name="Send 995 messages now")
    page.get_by_label("To confirm, type the number of recipients").fill("995")
    send.click()
    refused = page.get_by_role("alert").filter(has_text="Nothing was sent")
    expect(refused).to_contain_text("agreed to hear from you: tick the box.")
    page.get_by_label("These people agreed to hear from").check()
    page.get_by_label("To confirm, type the number of recipients").fill("1000")
    send.click()
    expect(refused).to_contain_text("type the number of recipients: 995.")
    assert sent(sandbox, team) == []
    page.get_by_label("To confirm, type the number of recipients").fill("995")
    sandbox.post("speed", speed=2)
    send.click()

    # The progress bar moves until the end
    bar = page.get_by_role("progressbar", name="Progress of the campaign")
    seen = set()

    def has_moved():
        seen.add(bar.get_attribute("value"))
        return len({value for value in seen if value and 0 < int(value) < 100}) > 1

    wait_until(has_moved, seconds=40, what="the bar to move")
    sandbox.post("speed", speed=1000)
    progress = page.get_by_role("region", name="Progress", exact=True)
    expect(progress.locator(".progress-head")).to_contain_text("Finished")
    expect(progress.locator(".stat", has_text="Accepted")).to_contain_text("995")
    expect(progress.locator(".stat", has_text="Failed")).to_contain_text("0")
    assert sent(sandbox, team) == intended


def test_three_people_from_a_phone(open_page, sandbox, team, marketer):
    connect(team, sandbox)
    make_template(team)
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    log_in(page, marketer)
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("link", name="Campaigns", exact=True).tap()
    page.get_by_role("link", name="New campaign").first.tap()
    page.get_by_role("button", name="Use this template welcome_message").tap()
    people = [[f"24000{n}111", f"Ama {n}", f"C-{n}"] for n in range(3)]
    file = xlsx([["Phone", "Name", "Code"], *people])
    page.get_by_label("Your file").set_input_files(
        {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.read()}
    )
    page.get_by_role("button", name="Upload").tap()
    page.get_by_role("link", name="Continue to the columns").tap()
    page.get_by_role("button", name="Check the file").tap()
    page.get_by_role("link", name="Continue to the preview").tap()
    page.get_by_role("link", name="Continue to the review").tap()
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 3 messages now").tap()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    assert sent(sandbox, team) == [(f"233{phone}", [name, code]) for phone, name, code in people]
    assert Campaign.objects.get().launched_by == marketer
