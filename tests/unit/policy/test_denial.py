"""A denial fits into a status, whatever it is about."""

from controlplane.api.manifest import Origin
from controlplane.policy.denial import Denial, DenialReason, Denied
from controlplane.policy.rules import Rule


def denial(text: str) -> Denial:
    return Denial(text, text, Rule(text, text, text, 3, text), DenialReason.KIND, text, Origin(text, 9))


def test_it_becomes_a_problem_with_everything_in_it() -> None:
    problem = denial("x").problem()
    assert (problem.object, problem.cluster, problem.file, problem.line) == ("x", "x", "x", 9)
    assert (problem.rule, problem.reason, problem.message) == ("x = x (x:3@x)", "KindDenied", "x")


def test_it_is_cut_to_the_bounds_of_a_status() -> None:
    problem = denial("y" * 5000).problem()
    problem.model_validate(problem.wire())


def test_the_first_of_many_speaks_for_all() -> None:
    assert str(Denied([denial("x")])) == "x"
    assert str(Denied([denial("x"), denial("y"), denial("z")])) == "x (and 2 more)"
