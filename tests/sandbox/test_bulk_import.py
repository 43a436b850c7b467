"""Uploading a file: what is read, what is refused, and what is in the ledger."""

import pytest

HEADER = ("phone", "1", "2")


def accepted_rows(api, **account):
    return [(line["row"], line["to"], line["values"]) for line in api.ledger(**account)]


def test_ledger_holds_the_rows_in_order(api):
    content = api.xlsx(
        HEADER,
        ("233244123451", "Ama", "MF-1"),
        ("233244123452", "Kofi  Mensah ", "00012"),
        ("233244123451", "Ama", "MF-1"),
    )
    response = api.bulk(content, "customers.xlsx")
    assert response.status_code == 201
    job = response.json()["data"]
    assert (job["totalRecipients"], job["validRecipients"], job["invalidRecipients"]) == (3, 3, 0)
    assert (job["fileName"], job["templateName"]) == ("customers.xlsx", "welcome_message")
    assert accepted_rows(api) == [
        (2, "233244123451", ["Ama", "MF-1"]),
        (3, "233244123452", ["Kofi  Mensah ", "00012"]),
        (4, "233244123451", ["Ama", "MF-1"]),
    ]
    lines = api.ledger()
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert {line["job_id"] for line in lines} == {job["jobId"]}
    assert {(line["via"], line["file_name"], line["account"]) for line in lines} == {
        ("bulk", "customers.xlsx", "default")
    }


def test_csv_and_xlsx_give_the_same_rows(api):
    rows = [("233244123451", "Akosua, née Ofori", 'say "hi"'), ("233244123452", "Yaw", "é")]
    csv = b'\xef\xbb\xbfphone,1,2\r\n233244123451,"Akosua, n\xc3\xa9e Ofori","say ""hi"""\r\n'
    api.bulk(csv + "233244123452,Yaw,é\r\n".encode(), "list.csv")
    api.bulk(api.xlsx(HEADER, *rows))
    first, second = accepted_rows(api)[:2], accepted_rows(api)[2:]
    assert first == second == [(n, r[0], list(r[1:])) for n, r in enumerate(rows, 2)]


@pytest.mark.parametrize(
    ("setting", "first_cell", "expected"),
    [
        ("auto", "phone", [(2, "233244123452")]),
        ("auto", "233244123451", [(1, "233244123451"), (2, "233244123452")]),
        ("always", "233244123451", [(2, "233244123452")]),
        ("never", "233244123451", [(1, "233244123451"), (2, "233244123452")]),
    ],
)
def test_header_row_is_a_setting(api, setting, first_cell, expected):
    api.order("/options", header_row=setting)
    api.bulk(f"{first_cell},a,b\n233244123452,c,d\n".encode(), "list.csv")
    assert [(row, to) for row, to, _ in accepted_rows(api)] == expected


def test_header_taken_as_data_is_an_invalid_row(api):
    api.order("/options", header_row="never")
    job = api.bulk(api.xlsx(HEADER, ("233244123451", "a", "b"))).json()["data"]
    assert (job["totalRecipients"], job["invalidRecipients"]) == (2, 1)


def test_malformed_phones_are_counted_and_never_sent(api):
    bad = ["", "0244123456", "+233244123456", "23324", "23324412345678901", "2.33E+11", "Ama"]
    rows = [(phone, "a", "b") for phone in [*bad, "233244123451"]]
    job = api.bulk(api.xlsx(HEADER, *rows)).json()["data"]
    assert (job["totalRecipients"], job["invalidRecipients"]) == (len(bad) + 1, len(bad))
    assert accepted_rows(api) == [(len(bad) + 2, "233244123451", ["a", "b"])]


def test_whole_floats_and_numbers_are_digits(api):
    api.bulk(api.xlsx(HEADER, (233244123451.0, 12, 1.5), (233244123452, 3.0, "x")))
    assert [row[1:] for row in accepted_rows(api)] == [
        ("233244123451", ["12", "1.5"]),
        ("233244123452", ["3", "x"]),
    ]


def test_blank_rows_are_no_recipients(api):
    content = api.xlsx(HEADER, ("233244123451", "a", "b"), (), ("233244123452", "c", "d"))
    assert api.bulk(content).json()["data"]["totalRecipients"] == 2
    assert [row for row, _, _ in accepted_rows(api)] == [2, 4]


def test_empty_columns_to_the_right_are_ignored(api):
    api.bulk(b"phone,1,2,note\n233244123451,a,b,\n", "list.csv")
    assert accepted_rows(api) == [(2, "233244123451", ["a", "b"])]
    assert api.ledger()[0]["outcome"] == "accepted"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("233244123451,a", "132000"),
        ("233244123451,a,b,c", "132000"),
        ("233244123451,a,", "131008"),
        ('233244123451,a,"b\nc"', "132018"),
        ("233244123451,a,b     c", "132018"),
        ("233244123451,a," + "b" * 1010, "132005"),
        ("233244123026,a,b", "131026"),
        ("233244123049,a,b", "131049"),
        ("233244123889,a,b", "132015"),
        ("233244123500,a,b", "accepted"),
        ("233244123451,a,b", "accepted"),
    ],
)
def test_outcome_of_a_row(api, row, code):
    api.bulk(row.encode(), "list.csv")
    assert [line["outcome"] for line in api.ledger()] == [code]


@pytest.mark.parametrize("name", ["list.txt", "list", "list.xls", "list.pdf"])
def test_other_files_are_refused(api, name):
    response = api.bulk(b"233244123451,a,b\n", name)
    assert response.status_code == 400
    assert response.json()["message"] == ["file must be .xlsx, .xls or .csv"]


@pytest.mark.parametrize("content", [b"not a zip", b"PK\x03\x04 broken", b""])
def test_broken_workbook_is_refused(api, content):
    assert api.bulk(content).status_code == 400
    assert api.ledger() == []


def test_truncated_workbook_is_refused(api):
    content = api.xlsx(HEADER, *[("233244123451", "a", "b")] * 500)
    assert api.bulk(content[: len(content) // 2]).status_code == 400
    assert api.ledger() == []


def test_file_without_recipients_is_refused(api):
    assert api.bulk(api.xlsx(HEADER)).status_code == 400


def test_missing_fields_are_named(api):
    files = {"file": ("list.csv", b"233244123451,a,b\n")}
    path = "/whatsapp/bulk-import-messages"
    no_template = api.post(path, files=files)
    no_file = api.post(path, files={"templateName": (None, "welcome_message")})
    no_form = api.post(path, json={"templateName": "welcome_message"})
    assert no_template.json()["message"] == ["templateName should not be empty"]
    assert no_file.json()["message"] == ["file should not be empty"]
    assert {r.status_code for r in (no_template, no_file, no_form)} == {400}
    assert api.ledger() == []


def test_default_language_is_american_english(api):
    files = {"file": ("list.csv", b"233244123451,a,b\n")}
    data = {"templateName": "welcome_message"}
    response = api.post("/whatsapp/bulk-import-messages", files=files, data=data)
    assert response.json()["data"]["languageCode"] == "en_US"


def test_ten_thousand_rows_and_no_more(api):
    rows = [f"233244{number:06d},Ama,MF-{number}" for number in range(10_000)]
    assert api.bulk("\n".join(rows).encode(), "list.csv").status_code == 201
    assert [f"{line['to']},Ama,{line['values'][1]}" for line in api.ledger()] == rows
    refused = api.bulk("\n".join([*rows, rows[0]]).encode(), "list.csv")
    assert refused.status_code == 413
    assert refused.json()["statusCode"] == 413
    assert len(api.ledger()) == 10_000


def test_file_name_is_echoed_unless_an_option_says_no(api):
    row = b"233244123451,a,b\n"
    job = api.bulk(row, "accra-1.csv").json()["data"]["jobId"]
    assert api.status(job)["fileName"] == "accra-1.csv"
    api.order("/options", echo_file_name=False)
    made = api.bulk(row, "accra-2.csv").json()["data"]
    listed = api.get("/whatsapp/bulk-jobs").json()["data"]
    assert not any("fileName" in job for job in [made, api.status(job), *listed])


@pytest.mark.parametrize(
    ("template", "language"), [("nothing", "en_US"), ("order_update", "en_US")]
)
def test_unknown_template_makes_a_job_that_fails(api, template, language):
    api.order("/speed", speed=1000)
    made = api.bulk(b"233244123451,a,b\n", "list.csv", template=template, language=language)
    assert made.status_code == 201
    job = made.json()["data"]["jobId"]
    api.wait_until(lambda: api.status(job)["status"] == "failed")
    status = api.status(job)
    assert "132001" in status["error"]
    assert (status["processed"], status["total"]) == (0, 1)
    assert api.ledger() == []
