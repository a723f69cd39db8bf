"""The cache asks once, says the same, and does not grow without end."""

from controlplane.policy.decisions import Decision, DecisionCache, Question


def test_a_question_is_asked_once() -> None:
    asked: list[Question] = []

    def ask(question: Question) -> Decision:
        asked.append(question)
        return Decision(question[3] == "yes")

    cache = DecisionCache(ask)
    yes, no = ("s", "r", "a", "yes"), ("s", "r", "a", "no")
    assert [cache.decide(q).allowed for q in (yes, no, yes, no)] == [True, False, True, False]
    assert asked == [yes, no]


def test_it_is_bounded() -> None:
    cache = DecisionCache(lambda question: Decision(True), limit=10)
    for number in range(95):
        cache.decide(("s", "r", "a", str(number)))
        assert len(cache) <= 10
