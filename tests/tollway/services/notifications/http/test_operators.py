"""The e-mails to a customer, as an operator looks them up."""

from tests.kit.rest import rest
from tollway.kit.ids import new_id
from tollway.services.notifications.http import router
from tollway.services.notifications.service import EmailRequest, Notifications


async def test_an_operator_sees_what_became_of_each_e_mail(service: Notifications) -> None:
    api, ann, support = rest(router(service)), new_id("usr"), "usr_op:support"
    for number in range(2):
        await service.send_email(EmailRequest(f"k{number}", "welcome", {}, ann), "ada@example.com")
    await service.send_email(EmailRequest("other", "welcome", {}, new_id("usr")), "bob@example.com")
    path = f"/api/admin/users/{ann}/messages"
    first = (await api.get(f"{path}?limit=1", support)).json
    (shown,) = first["items"]
    assert (shown["address"], shown["state"], shown["attempts"], shown["error"]) == (
        "ada@example.com", "queued", 0, None,
    )  # fmt: skip
    second = (await api.get(f"{path}?limit=1&cursor={first['next_cursor']}", support)).json
    assert (len(second["items"]), second["next_cursor"]) == (1, "")
    await service.deliver(shown["id"])
    (sent,) = (await api.get(f"{path}?state=sent", support)).json["items"]
    assert (sent["id"], sent["attempts"]) == (shown["id"], 1)
    assert (await api.get(f"{path}?state=lost", support)).status == 422
    assert (await api.get(path, ann)).status == 403
