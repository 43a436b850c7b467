"""The history with one number: messages in both directions, and delivery statuses."""


def history(api, phone, **kwargs):
    return api.get(f"/whatsapp/conversations/{phone}", **kwargs).json()["data"]


def test_both_directions_newest_first(api):
    api.send("233244123451", "Ama", "MF-24")
    api.order("/inbound", phone="233244123451", text="Thank you!")
    inbound, outbound = history(api, "233244123451")
    assert (inbound["direction"], inbound["text"]) == ("inbound", "Thank you!")
    assert (outbound["direction"], outbound["templateName"]) == ("outbound", "welcome_message")
    assert outbound["text"].startswith("Hi Ama, your code is MF-24.")


def test_stranger_has_an_empty_history(api):
    assert history(api, "233209999991") == []


def test_history_belongs_to_one_account(api):
    api.send("233244123451", "Ama", "MF-24")
    key = "chumi_sk_live_sandbox_full_accra"
    assert api.get("/whatsapp/conversations/233244123451", key).json()["data"] == []


def test_status_climbs_with_the_clock(api):
    api.order("/speed", speed=0)
    for phone in ("233244123451", "233244123888", "233244123889", "233244123999"):
        api.send(phone, "a", "b")

    def status(phone):
        return history(api, phone)[0]["status"]

    assert status("233244123451") == "accepted"
    assert status("233244123888") == status("233244123889") == "held_for_quality_assessment"
    api.order("/speed", speed=10_000)
    api.wait_until(lambda: status("233244123451") == "delivered")
    api.wait_until(lambda: status("233244123999") == "read")
    api.wait_until(lambda: status("233244123889") == "failed")
    api.wait_until(lambda: status("233244123888") in ("sent", "delivered", "read"))


def test_history_can_be_switched_off(api):
    api.order("/options", conversations=False)
    assert api.get("/whatsapp/conversations/233244123451").status_code == 404
