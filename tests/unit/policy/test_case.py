"""What a delivery may wait for."""

import pytest

from controlplane.api.keys import NamespacedName, TenantName
from controlplane.policy.denial import DenialReason
from controlplane.policy.gate import Awaited, Delivery, Denied, authorise
from controlplane.policy.policy import Policy
from tests.objects import a_tenant

PAYMENTS, WEB = TenantName("payments"), NamespacedName("tenant-payments", "web")
POLICY = Policy.of([a_tenant(), a_tenant("storefront")], [])


def _awaiting(namespace: str, *exported_to: str) -> Delivery:
    awaited = (Awaited(NamespacedName(namespace, "base"), exported_to),)
    return Delivery(
        application=WEB, tenant=PAYMENTS, source="https://git.example.com/payments/deploy.git", awaited=awaited
    )


def test_a_tenant_waits_for_its_own_and_for_what_the_platform_exports_to_it() -> None:
    authorise(POLICY, _awaiting("tenant-payments"))
    authorise(POLICY, _awaiting("controlplane-system", "storefront", "payments"))


@pytest.mark.parametrize(
    ("namespace", "exported_to"),
    [("controlplane-system", ()), ("controlplane-system", ("storefront",)), ("tenant-storefront", ("payments",))],
)
def test_a_tenant_waits_for_nobody_else_and_is_not_told_who_is_there(
    namespace: str, exported_to: tuple[str, ...]
) -> None:
    with pytest.raises(Denied) as caught:
        authorise(POLICY, _awaiting(namespace, *exported_to))
    with pytest.raises(Denied) as missing:
        authorise(POLICY, _awaiting(namespace))
    assert [each.reason for each in caught.value.problems] == [DenialReason.DEPENDENCY]
    assert caught.value.problems == missing.value.problems, "one that is not there is answered in the same words"
