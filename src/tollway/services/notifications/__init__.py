"""Notifications: messages to people, e-mail first.

Promises
- A message is sent once per key, however often it is asked for, and is not lost: it is written down first and
  delivered by a durable job that tries again for about a quarter of an hour. What the mail server refuses for
  good is kept as `failed`, with its reason.
- A crash between the server's acceptance and our note of it sends a message again, under the same
  Message-ID, by which receivers recognise the repeat.
- Security messages always go out; receipts and product news only to those who want them.
- What a message was filled with (links above all) is forgotten once it has left.

Invariants
- An e-mail is `queued`, then `sent` or `failed`, and never changes after that.
- The address of a person is a copy of what identity published; it goes when the person does.

Neighbours: subscribes to `identity` (addresses, verified, deleted), `tokens` (reused refresh tokens), `payments`
(deposits) and `orders` (purchases); publishes `EmailSent`; `identity` calls it to write to somebody.
"""
