"""One line for people out of text that others wrote: bounded, printable, and without what looks like a credential.

Conditions are written by any controller, and what they say travels from the member through the Work to the hub, the API
and terminals. Redaction is a second net, not a promise: health never reads a Secret's data in the first place.
"""

import re
from typing import Final

__all__ = ["MESSAGE_MAX", "one_line"]

MESSAGE_MAX: Final = 256  # characters; a status holds up to ten problems and must stay small

_WINDOW: Final = 1024  # characters that are looked at, so that a message of a megabyte costs no more than others
_SECRET_WORD: Final = r"(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?|signature)"
# The counted repeats keep matching linear: the text may have been written to make it slow.
_REDACTIONS: Final = (
    (re.compile(r"://[^/\s@]{1,256}@"), "://***@"),  # a URL's userinfo
    (re.compile(r"\b(bearer|basic) [\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
    (re.compile(rf"({_SECRET_WORD}[\w-]{{0,32}}[\"']? ?= ?[\"']?)[^\s\"'&,;]+", re.IGNORECASE), r"\1***"),
    (re.compile(rf"({_SECRET_WORD}[\w-]{{0,32}}[\"'] ?: ?[\"']?)[^\s\"',}}]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bpassw(?:or)?d: ?)\S+", re.IGNORECASE), r"\1***"),
    (re.compile(r"\beyJ[\w-]{8,}[\w.-]*"), "***"),  # a JSON web token
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY.*"), "***"),
)


def one_line(text: str) -> str:
    """Make any text a line of at most MESSAGE_MAX printable characters; `…` ends one that was cut.

    Line ends, control, formatting and bidirectional characters become single spaces, so that a message can neither forge
    a log line nor steer a terminal.
    """
    cut = len(text) > _WINDOW
    if cut:
        text = text[:_WINDOW]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    if cut:  # drop the word that the cut went through: half a credential no longer looks like one
        text = text.rpartition(" ")[0]
    for pattern, instead in _REDACTIONS:
        text = pattern.sub(instead, text)
    if cut or len(text) > MESSAGE_MAX:
        text = text[: MESSAGE_MAX - 1] + "…"
    return text
