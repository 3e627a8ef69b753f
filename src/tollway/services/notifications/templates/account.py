"""E-mails about an account and its security.

Those with a link that carries a token are asked for by the identity service, which makes the token.
"""

from collections.abc import Mapping

from tollway.contracts.events import EmailVerified, ExportReady, SessionRevoked
from tollway.kit.times import to_rfc3339
from tollway.services.notifications.templates.template import EventEmail, Template

TEMPLATES: Mapping[str, Template] = {
    "verify_email": Template(
        "security",
        "Confirm your e-mail address",
        (
            "Somebody, probably you, registered an account of {brand} with this address.",
            "Confirm that the address is yours and choose a password, and the account is ready.",
        ),
        button="Confirm address",
        link_required=True,
        after=(
            "The link works {expires_at}. A newer message makes it void.",
            "If you did not sign up, ignore this message: the account cannot be used, and goes away by itself.",
        ),
        defaults={"expires_at": "for a limited time"},
    ),
    "account_exists": Template(
        "security",
        "You already have an account",
        (
            "Somebody, perhaps you, tried to use this address for an account.",
            "It has an account already: sign in, or ask for a new password if you forgot yours.",
        ),
        button="Sign in",
        after=("If it was not you, there is nothing to do. Your account was not touched.",),
    ),
    "password_reset": Template(
        "security",
        "Choose a new password",
        ("Somebody, probably you, asked for a new password for your account.",),
        button="Choose a new password",
        link_required=True,
        after=(
            "The link works once, {expires_at}. A newer message makes it void.",
            "Your new password ends every session and every proxy credential of your account.",
            "If you did not ask, ignore this message: your password stays as it is.",
        ),
        defaults={"expires_at": "for a limited time"},
    ),
    "change_email": Template(
        "security",
        "Confirm your new e-mail address",
        (
            "Somebody, probably you, wants to use this address for their account of {brand}.",
            "Confirm it, and the account is signed in to with this address from then on.",
        ),
        button="Confirm the new address",
        link_required=True,
        after=(
            "The link works once, {expires_at}. A newer message makes it void.",
            "If you did not ask for this, ignore this message: nothing changes.",
        ),
        defaults={"expires_at": "for a limited time"},
    ),
    "refuse_email_change": Template(
        "security",
        "A new e-mail address was asked for",
        (
            "Somebody who is signed in to your account and knows its password asked to change its e-mail address.",
            "If it was you, confirm the change with the message to the new address; here is nothing to do.",
            "If it was not you, refuse it. That ends every session and every proxy credential, "
            "and you choose a new password.",
        ),
        button="It was not me",
        link_required=True,
        after=("The link works once, {expires_at}, also after the address was changed.",),
        defaults={"expires_at": "for a limited time"},
    ),
    "email_changed": Template(
        "security",
        "Your e-mail address was changed",
        (
            "Your account has another e-mail address now, and this one is no longer used for it.",
            "If it was you, there is nothing to do.",
            "If it was not you, undo the change. Your account gets this address back, every session and every proxy "
            "credential ends, and you choose a new password.",
        ),
        button="Undo the change",
        link_required=True,
        after=("The link works once, {expires_at}.",),
        defaults={"expires_at": "for a limited time"},
    ),
    "keep_account": Template(
        "security",
        "Your account is going to be deleted",
        (
            "You asked to delete your account of {brand}. Its sessions and accesses have ended already.",
            "Everything is erased {expires_at}. Until then you can keep the account, with this link or by signing in.",
        ),
        button="Keep my account",
        link_required=True,
        after=(
            "If you do want to leave, there is nothing to do.",
            "If it was not you, keep the account and choose a new password at once.",
        ),
        defaults={"expires_at": "in some days"},
    ),
    "deletion_kept": Template(
        "security",
        "Your account is kept",
        ("The deletion of your account was undone {at}. Everything is as it was; sign in to use it.",),
        button="Sign in",
        after=("If it was not you, choose a new password at once.",),
        defaults={"at": "just now"},
    ),
    "deletion_stopped": Template(
        "security",
        "Your account was not deleted",
        (
            "Your account was to be deleted, and something stood in the way, so it was not.",
            "That may be money that came in or went back, or the operator. The page of your account says what.",
        ),
        button="Go to your account",
        after=("Ask for the deletion again when that is settled.",),
    ),
    "account_deleted": Template(
        "security",
        "Your account is deleted",
        (
            "Your account of {brand} was deleted, as you asked, and what we knew of you is being erased.",
            "What the books need stays without your name and address. This is the last message.",
        ),
        button="Come back",
    ),
    "export_ready": Template(
        "security",
        "Your data is ready",
        (
            "You asked for a file with all that {brand} keeps of you. It can be downloaded on the page of your account "
            "{expires_at}, after signing in.",
        ),
        button="Go to your account",
        after=("If you did not ask for it, choose a new password.",),
        defaults={"expires_at": "for some days"},
    ),
    "password_changed": Template(
        "security",
        "Your password was changed",
        (
            "The password of your account was changed {at}.",
            "Its other sessions were ended, and its proxy credentials unless they were to be kept.",
        ),
        button="Go to your account",
        after=("If it was you, there is nothing to do. If not, ask for a new password at once.",),
        defaults={"at": "just now"},
    ),
    "account_locked": Template(
        "security",
        "Signing in is paused",
        (
            "There were too many failed attempts to sign in to your account, so signing in was paused {at}.",
            "It opens again by itself after a while. Your account is safe; nothing else has changed.",
        ),
        button="Go to your account",
        after=("If it was not you, a new and longer password is a good idea.",),
        defaults={"at": "just now"},
    ),
    "token_reused": Template(
        "security",
        "We ended a session of yours",
        (
            "The key that a program has to your account was used a second time, which honest programs never do.",
            "Somebody may have copied it, so we ended the session that it belongs to.",
        ),
        button="Sign in",
        after=(
            "Sign in anew where you need it. If you see sessions that you do not know, change your password.",
        ),
    ),
    "welcome": Template(
        "product",
        "Your account is ready",
        (
            "Your address is confirmed. Welcome to {brand}.",
            "Top up your wallet, buy the access you need, and connect: it takes a minute.",
        ),
        button="Get started",
    ),
}


def _reused(event: SessionRevoked) -> str | None:
    # One of the two who held the refresh token was a thief.
    return "token_reused" if event.reason == "refresh_token_reused" else None


EVENT_EMAILS = (
    EventEmail(
        EmailVerified,
        template=lambda _event: "welcome",
        key=lambda event: f"welcome:{event.user_id}",
        params=lambda _event, public_url: {"link": public_url},
    ),
    EventEmail(
        ExportReady,
        template=lambda _event: "export_ready",
        key=lambda event: f"export-ready:{event.export_id}",
        params=lambda event, public_url: {
            "link": f"{public_url}/account",
            "expires_at": to_rfc3339(event.expires_at_us),
        },
    ),
    EventEmail(
        SessionRevoked,
        template=_reused,
        key=lambda event: f"token-reused:{event.session_id}",
        params=lambda _event, public_url: {"link": f"{public_url}/login"},
    ),
)
