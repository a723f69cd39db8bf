"""Ignore rules of an Application, judged before anything of it goes out: a rule that is not understood ignores nothing."""

from collections.abc import Sequence

from controlplane.api.application import Application
from controlplane.api.ignore import wrong_rules
from controlplane.api.model import Problem
from controlplane.hub.prepare import Refusal

__all__ = ["check_ignore"]


def check_ignore(application: Application) -> None:
    """Raises Refusal, with a problem for each rule that cannot be taken."""
    wrong: Sequence[str] = wrong_rules(application.spec.sync.ignore)
    if wrong:
        problems = tuple(Problem(reason="InvalidIgnoreRule", message=text[:1024]) for text in wrong[:10])
        raise Refusal("InvalidIgnoreRule", wrong[0], problems)
