"""What a push asks for: the beginning of a receive-pack request, as pkt-lines. Source: gitprotocol-pack(5), "Pushing Data"."""

from dataclasses import dataclass

__all__ = ["RefUpdate", "read_commands"]


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One reference that a push wants to move. An object name of zeros: it is created (before) or deleted (after)."""

    ref: str
    before: str
    after: str


def read_commands(head: bytes) -> tuple[RefUpdate, ...]:
    """Read the commands up to the flush packet; what is cut off or is not a command is left out.

    head: the first bytes of the request's body.
    """
    updates = []
    while (size := _size(head)) > 4 and len(head) >= size:
        words = head[4:size].split(b"\0")[0].decode(errors="replace").split()
        if len(words) == 3:
            updates.append(RefUpdate(ref=words[2], before=words[0], after=words[1]))
        head = head[size:]
    return tuple(updates)


def _size(packet: bytes) -> int:
    """The length of the first packet in bytes, its own four digits included; 0 = a flush, or no packet."""
    try:
        return int(packet[:4], 16)
    except ValueError:
        return 0
