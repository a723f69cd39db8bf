"""By which rules an owner's objects are judged."""

from controlplane.agent.judge import Judge
from controlplane.api.health import HealthRule
from controlplane.health.status import HealthStatus

SERVICE = {"apiVersion": "v1", "kind": "Service", "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}}
WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget", "status": {"state": "down"}}


def test_what_the_cluster_gives_is_waited_for() -> None:
    assert Judge()(SERVICE).status is HealthStatus.HEALTHY
    assert Judge(provides=frozenset({"LoadBalancer"}))(SERVICE).status is HealthStatus.PROGRESSING


def test_own_rules_are_asked() -> None:
    rule = HealthRule(group="example.com", kind="Widget", degraded='status.state == "down"')
    assert Judge()(WIDGET).status is HealthStatus.HEALTHY
    assert Judge((rule,))(WIDGET).status is HealthStatus.DEGRADED
