"""Mails go out whatever happens in between, and a mail that goes out again carries a link that works."""

from tests.kit.identity import PASSWORD, IdentityFixture

ANN = "ann@example.com"


async def test_a_mail_that_could_not_be_handed_over_goes_out_later(identity: IdentityFixture) -> None:
    identity.channel.faults.add("notifications.SendEmail", times=2)
    await identity.service.signup.register(ANN, PASSWORD)
    assert await identity.mailed("verify_email") == []
    for _ in range(2):
        identity.clock.advance(60)
        await identity.work()
    await identity.service.signup.verify(await identity.mail_token("verify_email"))


async def test_a_mail_whose_answer_was_lost_goes_out_again_and_the_newer_link_works(
    identity: IdentityFixture,
) -> None:
    identity.channel.faults.add("notifications.SendEmail", lost=True)
    await identity.service.signup.register(ANN, PASSWORD)
    await identity.work()
    identity.clock.advance(60)
    first, second = await identity.mailed("verify_email")
    assert first.params["token"] != second.params["token"]
    await identity.service.signup.verify(second.params["token"])


async def test_a_job_for_a_link_that_is_used_or_over_does_nothing(identity: IdentityFixture) -> None:
    await identity.sign_up(ANN)
    before = len(identity.mailbox.mails)
    await identity.service.mail.send_link("lnk_gone")
    await identity.service.mail.send_notice("usr_gone", "account_exists", 1)
    assert len(identity.mailbox.mails) == before


async def test_a_notice_is_sent_once_for_one_event(identity: IdentityFixture) -> None:
    user_id = await identity.sign_up(ANN)
    for _ in range(3):
        await identity.service.mail.send_notice(user_id, "password_changed", 1_795_305_600_000_000)
    [mail] = await identity.mailed("password_changed")
    assert (mail.params["at"], mail.user_id) == ("2026-11-22T00:00:00.000000Z", user_id)
