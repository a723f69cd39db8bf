"""The product's own programs in an environment: installs the hub, joins clusters, runs hub and agents as processes.

Each runs as the identity that it has in production: the hub as its ServiceAccount, an agent as what joining gave it. So the
audit logs show what a real installation would do, and a missing right shows here.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from pathlib import Path

from hack.checkout import read_tree
from hack.environment import ROOT, SCRIPTS, Environment
from hack.errors import HackError
from hack.ports import HOST
from hack.process import Command
from hack.record import Probe

__all__ = ["PLACEHOLDER", "add_agent", "add_root", "install_hub", "push_examples", "run_tool", "start_hub", "telemetry"]

TOOL_TIMEOUT_S = 120.0
READY_LIMIT_S = 120.0
NAMESPACE, WEBHOOK_SECRET = "controlplane-system", "controlplane-webhook"
PLACEHOLDER = "https://git.example.com"
"""The Git server that the examples name; our own takes its place when they are pushed."""


async def run_tool(name: str, *arguments: str | Path, stdin: str = "") -> str:
    """Run cpctl or kubectl of the virtual environment. Returns its output; raises HackError with what it said if it fails."""
    process = await asyncio.create_subprocess_exec(
        SCRIPTS / name, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    try:
        async with asyncio.timeout(TOOL_TIMEOUT_S):
            output, complaints = await process.communicate(stdin.encode())
    except TimeoutError as err:
        raise HackError(f"{name} {arguments[0]} took longer than {TOOL_TIMEOUT_S:.0f} s") from err
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode(errors="replace").strip()
    if process.returncode:
        said = f"{text}\n{complaints.decode(errors='replace')}".strip()
        raise HackError(f"{name} {' '.join(map(str, arguments[:3]))} … failed: {said}")
    return text  # without kubectl's warnings, which are no part of a Secret's value or of JSON


async def install_hub(environment: Environment, settings: Mapping[str, str] | None = None) -> None:
    """Install the hub's kinds, rights and settings on its cluster, and write its credentials into `<state>/hub`.

    settings: keys of the ConfigMap `controlplane`; that our Git server may be read over http is always among them.
    Raises HackError.
    """
    kubeconfig = environment.kubeconfig("hub")
    git = environment.record.facts["git"]["url"]
    values = {"git.allowInsecure": f"{git}/**", **await _sandbox(), **(settings or {})}
    chosen = [argument for key, value in values.items() for argument in ("--set", f"{key}={value}")]
    folder = environment.state / "hub"
    await run_tool("cpctl", "install", "hub", "--kubeconfig", kubeconfig, "--hub-dir", folder, *chosen)


async def _sandbox() -> dict[str, str]:
    """The setting for a machine that lets its users make no network namespace; says so to the person."""
    unshare = shutil.which("unshare")
    for flags in (("-n",), ("-r", "-n")):
        if unshare:
            process = await asyncio.create_subprocess_exec(
                unshare, *flags, "true", stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
            )
            if await process.wait() == 0:
                return {}
    print("This machine allows no network namespaces: kustomize runs without that wall here (render.sandbox: none).")
    return {"render.sandbox": "none"}


async def start_hub(environment: Environment) -> None:
    """Start controlplane-hub as its own ServiceAccount, and let the Git server tell it of pushes. Raises HackError."""
    folder = environment.state / "hub"
    artifacts = metrics = 0

    def build(port: int) -> tuple[Command, Probe]:
        nonlocal artifacts, metrics
        artifacts, metrics = environment.supervisor.port(), environment.supervisor.port()
        command = environment.supervisor.command(
            "hub",
            SCRIPTS / "controlplane-hub",
            *("--kubeconfig", folder / "hub.kubeconfig"),
            *("--data-dir", folder / "data"),
            *("--listen", f"{HOST}:{port}"),
            *("--artifacts-listen", f"{HOST}:{artifacts}"),
            *("--metrics-listen", f"{HOST}:{metrics}"),
            env=telemetry(),
            home=folder,
        )
        return command, Probe(f"http://{HOST}:{port}/readyz")

    port = await environment.supervisor.start_on_free_port(build, READY_LIMIT_S)
    facts = environment.record.facts
    facts["api"] = {"url": f"http://{HOST}:{port}"}
    facts["artifacts"] = {"url": f"http://{HOST}:{artifacts}"}
    facts["hub"]["metrics"] = f"http://{HOST}:{metrics}/metrics"
    environment.record.save()
    secret = await run_tool(
        "kubectl",
        *("--kubeconfig", environment.kubeconfig("hub"), "-n", NAMESPACE, "get", "secret", WEBHOOK_SECRET),
        *("-o", "go-template={{.data.token | base64decode}}"),
    )
    environment.set_webhook(f"http://{HOST}:{port}/webhooks/push", secret)


async def add_agent(
    environment: Environment,
    cluster: str,
    *,
    labels: Mapping[str, str] | None = None,
    platform_role: str = "cluster-admin",
    heartbeat: str = "60s",
    start: bool = True,
    hardened: bool = False,
) -> None:
    """Join a cluster and start its agent as process `agent-<cluster>`, and wait until the hub has heard of it.

    labels: of the Cluster; hardened: as `--hardened`; heartbeat: a duration as Go writes it; start=False: join only.
    Raises HackError.
    """
    folder = environment.state / "agents" / cluster
    hub, member = environment.kubeconfig("hub"), environment.kubeconfig(cluster)
    chosen = [argument for key, value in (labels or {}).items() for argument in ("--label", f"{key}={value}")]
    await run_tool(
        "cpctl",
        *("cluster", "add", cluster),
        *("--hub-kubeconfig", hub),
        *("--kubeconfig", member),
        *("--platform-role", platform_role),
        *("--agent-dir", folder),
        *(["--hardened"] if hardened else []),
        *chosen,
    )
    if not start:
        return
    metrics = environment.supervisor.port()
    command = environment.supervisor.command(
        f"agent-{cluster}",
        SCRIPTS / "controlplane-agent",
        *("--cluster", cluster),
        *("--kubeconfig", folder / "agent.kubeconfig"),
        *("--hub-kubeconfig", folder / "hub.kubeconfig"),
        *("--data-dir", folder / "data"),
        *("--heartbeat", heartbeat),
        *("--metrics-listen", f"{HOST}:{metrics}"),
        env=telemetry(),
        home=folder,
    )
    environment.record.facts["clusters"][cluster]["metrics"] = f"http://{HOST}:{metrics}/metrics"
    environment.record.save()
    await environment.supervisor.start(command, Probe(says='"message":"started"'), READY_LIMIT_S)
    await run_tool(
        "kubectl",
        *("--kubeconfig", hub, "wait", f"cluster.controlplane.dev/{cluster}"),
        *("--for=condition=Ready", f"--timeout={READY_LIMIT_S:.0f}s"),
    )


def telemetry(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What hub and agents take of our own variables: where traces go, in OpenTelemetry's standard names, and nothing else."""
    return {name: value for name, value in environ.items() if name.startswith("OTEL_")}


async def push_examples(environment: Environment) -> None:
    """Push the checkout's examples: each team's repository, then the platform's, which onboards the teams."""
    git = environment.record.facts["git"]["url"]
    replace = {PLACEHOLDER: git}
    for team in sorted(p.name for p in (ROOT / "examples" / "teams").iterdir()):
        await environment.push(f"{team}/deploy", read_tree(ROOT / "examples" / "teams" / team, replace))
    platform = {
        f"{folder}/{name}": content
        for folder in ("tenants", "policies")
        for name, content in read_tree(ROOT / folder, replace).items()
    }
    await environment.push("platform", platform)


async def add_root(environment: Environment) -> None:
    """Apply what a platform team applies by hand, once: its Repository and the root Application over tenants/."""
    root = (ROOT / "examples" / "platform" / "root.yaml").read_text()
    manifest = root.replace(PLACEHOLDER, environment.record.facts["git"]["url"])
    await run_tool("kubectl", "--kubeconfig", environment.kubeconfig("hub"), "apply", "-f", "-", stdin=manifest)
