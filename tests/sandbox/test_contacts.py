"""Contacts, groups and sending to a group."""


def test_contacts_are_the_same_people_every_time(api):
    first = api.get("/contacts?limit=3").json()
    api.order("/reset")
    second = api.get("/contacts?limit=3").json()
    people = [[(c["id"], c["name"], c["phone"]) for c in page["data"]] for page in (first, second)]
    assert people[0] == people[1]
    assert first["pagination"]["total"] == 1200


def test_all_pages_hold_every_contact_once(api):
    pages = [api.get(f"/contacts?limit=100&page={n}").json()["data"] for n in range(1, 13)]
    contacts = [contact for page in pages for contact in page]
    assert len({contact["id"] for contact in contacts}) == 1200
    phones = [contact["phone"] for contact in contacts]
    assert 0 < len(phones) - len(set(phones)) < 50
    assert any(contact["optedOut"] for contact in contacts)
    assert any(contact["name"] is None for contact in contacts)
    assert {phone[:3] for phone in phones} == {"233", "234", "140"}


def test_search_finds_by_name_and_phone(api):
    one = api.get("/contacts?limit=1").json()["data"][0]
    by_phone = api.get("/contacts", params={"search": one["phone"]}).json()["data"]
    by_name = api.get("/contacts", params={"search": one["name"].upper(), "limit": 100}).json()
    assert one in by_phone
    assert {c["name"] for c in by_name["data"]} == {one["name"]}


def test_one_contact(api):
    one = api.get("/contacts?limit=1").json()["data"][0]
    assert api.get(f"/contacts/{one['id']}").json()["data"] == one
    assert api.get("/contacts/unknown").status_code == 404


def test_groups_and_their_members(api):
    groups = api.get("/contacts/groups").json()["data"]
    assert [group["contactCount"] for group in groups] == [312, 187, 640, 48, 12, 0]
    vip = groups[3]
    first = api.get(f"/contacts/groups/{vip['id']}?limit=40").json()
    second = api.get(f"/contacts/groups/{vip['id']}?limit=40&page=2").json()
    assert (first["data"]["name"], first["pagination"]["total"]) == ("VIP", 48)
    members = first["data"]["contacts"] + second["data"]["contacts"]
    assert len({member["id"] for member in members}) == 48
    assert all(vip["name"] in [g["name"] for g in member["groups"]] for member in members)
    assert api.get("/contacts/groups/none").status_code == 404


def test_sending_to_a_group_sends_the_same_to_every_member(api):
    staff = api.get("/contacts/groups").json()["data"][4]
    members = api.get(f"/contacts/groups/{staff['id']}").json()["data"]["contacts"]
    body = {
        "groupId": staff["id"],
        "templateName": "welcome_message",
        "templateParameters": [{"text": "all"}, {"text": "MF-24"}],
    }
    response = api.post("/whatsapp/send-template-to-group", json=body)
    job = response.json()["data"]
    assert (response.status_code, job["totalRecipients"]) == (201, 12)
    lines = api.ledger()
    assert [line["to"] for line in lines] == [member["phone"] for member in members]
    assert {(line["via"], *line["values"]) for line in lines} == {("group", "all", "MF-24")}
    assert {line["job_id"] for line in lines} == {job["jobId"]}


def test_group_send_is_refused_without_a_group_or_members(api):
    body = {"templateName": "welcome_message", "templateParameters": []}
    path = "/whatsapp/send-template-to-group"
    empty = api.get("/contacts/groups").json()["data"][5]["id"]
    assert api.post(path, json=body).status_code == 400
    assert api.post(path, json=body | {"groupId": "none"}).status_code == 404
    assert api.post(path, json=body | {"groupId": empty}).status_code == 400
    assert api.ledger() == []


def test_a_control_request_makes_a_group_and_replaces_its_members(api):
    people = [{"phone": "233244000001", "name": "Ama", "fields": {"Town": "Ho"}}]
    group_id = api.order("/groups", name="Regulars", members=people)["id"]
    [member] = api.get(f"/contacts/groups/{group_id}").json()["data"]["contacts"]
    assert (member["phone"], member["customFields"]) == ("233244000001", {"Town": "Ho"})
    more = [*people, {"phone": "233244000002", "opted_out": True}]
    assert api.order("/groups", name="Regulars", members=more)["id"] == group_id
    found = api.get(f"/contacts/groups/{group_id}").json()["data"]["contacts"]
    assert [m["optedOut"] for m in found] == [False, True]
    groups = api.get("/contacts/groups").json()["data"]
    assert [g["contactCount"] for g in groups if g["name"] == "Regulars"] == [2]


def test_other_paths_are_not_found(api):
    for method, path in [("POST", "/contacts"), ("GET", "/whatsapp/nothing"), ("GET", "/")]:
        response = api.call(method, path)
        assert response.status_code == 404
        assert response.json() == {
            "error": "Not Found",
            "message": f"Cannot {method} /api/v1{path}",
            "statusCode": 404,
        }
