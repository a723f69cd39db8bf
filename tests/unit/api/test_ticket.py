"""A ticket is what it was when it was written, and its token is never shown by accident."""

import pytest

from controlplane.api.ticket import BadTicket, Ticket

TICKET = Ticket("https://hub.example.com", "PEM", "the token")


def test_a_ticket_is_read_as_it_was_written() -> None:
    assert Ticket.of(TICKET.text().encode()) == TICKET


def test_the_token_is_not_in_what_is_logged() -> None:
    assert "the token" not in repr(TICKET)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b'{"url": "u", "ca": ""}', b'{"url": 1, "ca": "", "token": "t"}']
)
def test_what_is_no_ticket_is_told_without_what_is_in_it(text: bytes) -> None:
    with pytest.raises(BadTicket) as refused:
        Ticket.of(text)
    assert "ticket" in str(refused.value)
