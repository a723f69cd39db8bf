"""The cases of Argo CD and kstatus about health: at least 98 % of each family's share, and a reason for every difference."""

from collections.abc import Callable

import pytest

from controlplane.health.catalog import groups
from tests.conformance.health import Case, argocd_cases, kstatus_cases, ours, reasons, winners
from tests.conformance.tally import Tally
from tests.testdata import ROOT

pytestmark = pytest.mark.conformance

# As the folders' READMEs say: a reader that loses lines must not look like agreement.
AT_LEAST = {"argocd": 683, "kstatus": 717}


@pytest.mark.parametrize("cases", [argocd_cases, kstatus_cases])
def test_the_family_s_share_agrees(cases: Callable[[], list[Case]], tally: Tally) -> None:
    everything = list(cases())
    family = everything[0].family
    differ = {
        case.name: (case.verdict, said) for case in everything if case.wins and (said := ours(case)) != case.verdict
    }
    share = sum(case.wins for case in everything)
    elsewhere = [case for case in everything if not case.wins and case.verdict is not None]
    tally.put(
        f"health-{family}", cases=len(everything), share=share, agree=share - len(differ),
        note=f"where the other family wins: {sum(ours(case) == case.verdict for case in elsewhere)} of {len(elsewhere)} agree",
    )  # fmt: skip
    assert len(everything) >= AT_LEAST[family]
    reasoned = {name: (each["theirs"], each["ours"]) for name, each in reasons().items() if each["family"] == family}
    assert differ == reasoned
    assert len(differ) <= 0.02 * share


def test_every_reason_is_given() -> None:
    assert all(each["reason"].strip() and each["family"] in AT_LEAST for each in reasons().values())


def test_an_object_wins_in_one_family_at_most() -> None:
    argocd = {case.name for case in argocd_cases() if case.wins}
    kstatus = {case.name.removeprefix("argocd/") for case in kstatus_cases() if case.wins}
    assert not argocd & kstatus


def test_each_object_is_in_the_share_of_one_family() -> None:
    argocd = {case.name for case in argocd_cases() if case.wins}
    kstatus = {case.name.removeprefix("argocd/") for case in kstatus_cases() if case.wins}
    nobody_s = {case.name for case in argocd_cases()} - argocd - kstatus
    assert nobody_s == set()


def test_the_table_names_every_group_that_has_rules_once() -> None:
    named = [*winners()["argocd"]["custom"], *winners()["ours"]["custom"]]
    assert sorted(named) == sorted(groups())


def test_the_page_shows_the_table() -> None:
    page = (ROOT / "docs" / "health.md").read_text(encoding="utf-8")
    table = winners()
    for names in (table["argocd"]["built-in"], table["argocd"]["custom"], table["ours"]["custom"]):
        assert f"| {', '.join(f'`{name}`' for name in names)} |" in page
