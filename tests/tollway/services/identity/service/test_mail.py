"""Mails go out whatever happens in between, and a mail that goes out again carries a link that works."""

from tests.kit.identity import PASSWORD, World

ANN = "ann@example.com"


async def test_a_mail_that_could_not_be_handed_over_goes_out_later(town: World) -> None:
    town.channel.faults.add("notifications.SendEmail", times=2)
    await town.service.signup.register(ANN, PASSWORD)
    assert await town.mailed("verify_email") == []
    for _ in range(2):
        town.clock.advance(60)
        await town.work()
    await town.service.signup.verify(await town.mail_token("verify_email"))


async def test_a_mail_whose_answer_was_lost_goes_out_again_and_the_newer_link_works(town: World) -> None:
    town.channel.faults.add("notifications.SendEmail", lost=True)
    await town.service.signup.register(ANN, PASSWORD)
    await town.work()
    town.clock.advance(60)
    first, second = await town.mailed("verify_email")
    assert first.params["token"] != second.params["token"]
    await town.service.signup.verify(second.params["token"])


async def test_a_job_for_a_link_that_is_used_or_over_does_nothing(town: World) -> None:
    await town.sign_up(ANN)
    before = len(town.mailbox.mails)
    await town.service.mail.send_link("lnk_gone")
    await town.service.mail.send_notice("usr_gone", "account_exists", 1)
    assert len(town.mailbox.mails) == before


async def test_a_notice_is_sent_once_for_one_event(town: World) -> None:
    user_id = await town.sign_up(ANN)
    for _ in range(3):
        await town.service.mail.send_notice(user_id, "password_changed", 1_795_305_600_000_000)
    [mail] = await town.mailed("password_changed")
    assert (mail.params["at"], mail.user_id) == ("2026-11-22T00:00:00.000000Z", user_id)
