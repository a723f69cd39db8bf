"""CEL expressions over a live object: compiled, bounded, evaluated.

The library is Google's own (cel-cpp behind a wheel). It is loaded with the first expression and not before: an agent whose
objects need none does without its memory. cel-cpp stops a comprehension after 10,000 turns and refuses deep nesting; what
an expression can build up is bounded here, by what it may contain and by the view that it is given.
"""

import re
from functools import lru_cache
from typing import Any, Final

from controlplane.health.view import View

__all__ = ["EXPRESSION_MAX", "Expression", "ExpressionError", "check"]

EXPRESSION_MAX: Final = 1024  # characters

_VARIABLES: Final = ("self", "metadata", "spec", "status", "conditions", "state", "reason", "generation")
# Comments and literals first, each as CEL ends it, so that no word of the language passes for part of one.
_TOKEN: Final = re.compile(
    r'''//[^\n]*
    |(?:[rR][bB]?|[bB][rR])(?:"""(?s:.*?)"""|\'{3}(?s:.*?)\'{3}|"[^"\n]*"|\'[^\'\n]*\')
    |[bB]?(?:"""(?s:\\.|[^\\])*?"""|\'{3}(?s:\\.|[^\\])*?\'{3}|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')
    |[A-Za-z_][A-Za-z_0-9]*|\d[\w.]*|\s+|(?s:.)''',
    re.VERBOSE,
)
# What makes values that grow with each turn of a comprehension, or takes long on a short text.
_DEAR: Final = {
    **dict.fromkeys(
        ("map", "filter", "split", "transformList", "transformMap", "transformMapEntry"), "it makes lists or maps"
    ),
    **dict.fromkeys(("+", "join", "format", "replace"), "it makes texts or lists"),
    "matches": "a regular expression can take seconds",
}


class ExpressionError(Exception):
    """The expression cannot be compiled, may not be used, or failed on an object. Its text is one line."""


class Expression:
    """One compiled expression."""

    __slots__ = ("_program", "text")

    def __init__(self, text: str) -> None:
        """Compile. Raises ExpressionError."""
        self.text = text
        try:
            self._program = _environment().compile(text)
        except Exception as error:  # the library raises RuntimeError, and says no more by type
            raise ExpressionError(_told(error)) from None

    def holds(self, view: View) -> bool:
        """Whether it is true of the object. Raises ExpressionError where it is neither true nor false."""
        found = self._value(view)
        if not isinstance(found, bool):
            raise ExpressionError(f"it is {type(found).__name__}, and neither true nor false")
        return found

    def text_of(self, view: View) -> str:
        """What it says of the object, as a text. Raises ExpressionError where that is no text."""
        found = self._value(view)
        if not isinstance(found, str):
            raise ExpressionError(f"it is {type(found).__name__}, and no text")
        return found

    def _value(self, view: View) -> Any:
        try:
            value = self._program.eval(data=view.variables)
            found = value.plain_value()
            if value.type().name() == "ERROR":
                raise ExpressionError(_told(found))
        except RuntimeError as error:
            raise ExpressionError(_told(error)) from None
        return found


def check(text: str) -> None:
    """Refuse an expression that is too long, or that could build up values without bound. Raises ExpressionError."""
    if not text.strip():
        raise ExpressionError("it is empty")
    if len(text) > EXPRESSION_MAX:
        raise ExpressionError(f"it has {len(text)} characters, and may have {EXPRESSION_MAX}")
    for token in _TOKEN.findall(text):
        if (why := _DEAR.get(token)) is not None:
            raise ExpressionError(f"`{token}` cannot be used here: {why}")


@lru_cache(maxsize=1)
def _environment() -> Any:
    from cel_expr_python import cel  # late: see above

    # By name and not by cel_expr_python.ext: those modules bring a second and a third copy of the library into memory.
    config = cel.NewEnvConfigFromYaml("extensions: [{name: optional}, {name: strings}]")
    return cel.NewEnv(config=config, variables=dict.fromkeys(_VARIABLES, cel.Type.DYN))


def _told(error: object) -> str:
    """The first line of what the library says, without its codes."""
    text = str(error).splitlines()[0] if str(error) else "it failed"
    text = re.sub(r"^(?:[A-Z_]+: )?(?:ERROR: )?(?:<input>:[-\d]+:[-\d]+: )?", "", text)
    return re.sub(r" ?(?:\(in container ''\))? ?(?:\[[A-Z_]+\])?$", "", text).strip()[:256]
