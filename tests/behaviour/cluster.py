"""One API server of the environment, as its kubeconfig in env.json reaches it: kubectl to act, a list and a watch to look.

Looking is done here and not with the product's own client, so that a fault of that client cannot hide itself.
"""

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml

from tests.behaviour.command import CommandFailed, Ran, run

__all__ = ["WITHIN_S", "Body", "Cluster", "Condition", "condition", "described"]

Body = dict[str, Any]
T = TypeVar("T")

WITHIN_S = 90.0
"""How long a condition may take to come true. Generous: it bounds a failure, and says nothing of how fast the product is."""

_PLURALS = {
    "Application": "apis/controlplane.dev/v1alpha1 applications",
    "History": "apis/controlplane.dev/v1alpha1 histories",
    "Cluster": "apis/controlplane.dev/v1alpha1 clusters",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1 clusterroles",
    "ConfigMap": "api/v1 configmaps",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1 customresourcedefinitions",
    "Deployment": "apis/apps/v1 deployments",
    "Event": "api/v1 events",
    "Gadget": "apis/example.com/v1 gadgets",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2 horizontalpodautoscalers",
    "Ingress": "apis/networking.k8s.io/v1 ingresses",
    "Job": "apis/batch/v1 jobs",
    "Lease": "apis/coordination.k8s.io/v1 leases",
    "LimitRange": "api/v1 limitranges",
    "Namespace": "api/v1 namespaces",
    "NetworkPolicy": "apis/networking.k8s.io/v1 networkpolicies",
    "PersistentVolumeClaim": "api/v1 persistentvolumeclaims",
    "Pod": "api/v1 pods",
    "ReplicaSet": "apis/apps/v1 replicasets",
    "Repository": "apis/controlplane.dev/v1alpha1 repositories",
    "ResourceQuota": "api/v1 resourcequotas",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1 rolebindings",
    "Secret": "api/v1 secrets",
    "Service": "api/v1 services",
    "ServiceAccount": "api/v1 serviceaccounts",
    "Tenant": "apis/controlplane.dev/v1alpha1 tenants",
    "Work": "apis/controlplane.dev/v1alpha1 works",
}


_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PASSING = frozenset({"Event", "Lease"})
"""Kinds that come and go by themselves."""


class Condition(dict[str, Any]):
    """A condition's fields; empty where an object has none of that type."""

    @property
    def true(self) -> bool:
        return self.get("status") == "True"

    @property
    def false(self) -> bool:
        return self.get("status") == "False"

    @property
    def reason(self) -> str:
        return str(self.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.get("message", ""))


def condition(body: Body | None, kind: str) -> Condition:
    """A condition of an object, by its type."""
    found = ((body or {}).get("status") or {}).get("conditions") or []
    return Condition(next((each for each in found if each["type"] == kind), {}))


def described(body: Body | None) -> str:
    """An object as a failure shows it: without what nobody reads."""
    if body is None:
        return "(it is not there)"
    metadata = {k: v for k, v in body["metadata"].items() if k not in ("managedFields", "uid", "creationTimestamp")}
    return yaml.safe_dump(body | {"metadata": metadata}, sort_keys=False, width=160)


class Cluster:
    """The hub's API server, or a member's."""

    def __init__(self, name: str, kubeconfig: Path, kubectl: Path, cache: Path) -> None:
        """kubectl: the program; cache: a folder for what it remembers of API servers."""
        self.name = name
        self.kubeconfig = kubeconfig
        self._program = kubectl
        self._cache = cache
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- acting, as a person does

    async def try_kubectl(self, *arguments: str | Path, stdin: str = "") -> Ran:
        """Run kubectl, whatever comes of it."""
        return await run(
            self._program, "--kubeconfig", self.kubeconfig, "--cache-dir", self._cache, *arguments, stdin=stdin
        )

    async def kubectl(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run kubectl; returns what it printed. Raises CommandFailed."""
        ran = await self.try_kubectl(*arguments, stdin=stdin)
        if ran.code:
            raise CommandFailed(("kubectl", *map(str, arguments)), ran)
        return ran.out.strip()

    async def apply(self, *bodies: Mapping[str, Any], user: str = "") -> None:
        """kubectl apply; user: as somebody else."""
        who = (f"--as={user}",) if user else ()
        await self.kubectl("apply", *who, "-f", "-", stdin="\n---\n".join(json.dumps(body) for body in bodies))

    async def patch_status(self, kind: str, name: str, namespace: str, status: Body, user: str) -> None:
        """Replace what of a status is given, as somebody else; an object that is gone is let be."""
        headers = {"Content-Type": "application/merge-patch+json", "Impersonate-User": user}
        if user.startswith("system:serviceaccount:"):
            headers["Impersonate-Group"] = "system:serviceaccounts:" + user.split(":")[2]
        where = f"{_path(kind, namespace)}/{name}/status"
        async with self._connected().patch(where, data=json.dumps({"status": status}), headers=headers) as response:
            if response.status != 404:
                response.raise_for_status()

    # -- looking

    async def get(self, kind: str, name: str, namespace: str = "") -> Body | None:
        """One object as it is now; None where it is not there."""
        async with self._connected().get(f"{_path(kind, namespace)}/{name}") as response:
            if response.status == 404:
                return None
            response.raise_for_status()
            found: Body = await response.json()
            return found

    async def all(self, kind: str, namespace: str = "", labels: str = "") -> list[Body]:
        """All objects of a kind, or those of a namespace."""
        return [*(await self._list(kind, namespace, {"labelSelector": labels}))[0].values()]

    async def everything(self) -> frozenset[str]:
        """Every object of every kind, as `group/Kind namespace/name`, but for what comes and goes by itself."""
        found = await asyncio.gather(*(self._names(path, kind) for kind, path in (await self._kinds()).items()))
        return frozenset(name for names in found for name in names)

    async def _kinds(self) -> dict[str, str]:
        """`group/Kind` -> the path of its list in some version, for each kind that has one."""
        kinds: dict[str, str] = {}
        for base in ("api", "apis"):
            for group in (await self._read(base, _DISCOVERY))["items"]:
                name = group["metadata"].get("name", "")
                for version in group["versions"]:
                    for each in version["resources"]:
                        path = "/".join(part for part in (base, name, version["version"], each["resource"]) if part)
                        if "list" in each["verbs"] and (kind := each["responseKind"]["kind"]) not in _PASSING:
                            kinds.setdefault(f"{name}/{kind}", path)
        return kinds

    async def _names(self, path: str, kind: str) -> list[str]:
        try:
            items = (await self._read(path, _METADATA))["items"] or []
        except aiohttp.ClientResponseError as error:
            if error.status == 404:  # the kind went since it was discovered
                return []
            raise
        return [f"{kind} {each['metadata'].get('namespace', '')}/{each['metadata']['name']}" for each in items]

    async def _read(self, path: str, accept: str) -> Body:
        async with self._connected().get(path, headers={"Accept": accept}) as response:
            response.raise_for_status()
            found: Body = await response.json(content_type=None)
            return found

    async def until(
        self,
        what: str,
        kind: str,
        name: str,
        holds: Callable[[Body | None], T],
        *,
        namespace: str = "",
        within_s: float = WITHIN_S,
    ) -> T:
        """Watch one object until `holds` is true of it, and return what that returned; None stands for an absent object.

        what: the sentence that should come true, for the failure.
        """
        selector = {"fieldSelector": f"metadata.name={name}"}
        last: Body | None = None

        def look(found: Mapping[str, Body]) -> T:
            nonlocal last
            last = next(iter(found.values()), None)
            return holds(last)

        try:
            return await self._until(kind, namespace, selector, look, within_s)
        except TimeoutError:
            raise AssertionError(f"not within {within_s:.0f} s on {self.name}: {what}\n{described(last)}") from None

    async def until_all(
        self,
        what: str,
        kind: str,
        holds: Callable[[list[Body]], T],
        *,
        namespace: str = "",
        labels: str = "",
        within_s: float = WITHIN_S,
    ) -> T:
        """Watch a kind's objects until `holds` is true of them together, and return what that returned."""
        last: list[Body] = []

        def look(found: Mapping[str, Body]) -> T:
            nonlocal last
            last = [*found.values()]
            return holds(last)

        try:
            return await self._until(kind, namespace, {"labelSelector": labels}, look, within_s)
        except TimeoutError:
            shown = "\n".join(map(described, last[:5]))
            raise AssertionError(
                f"not within {within_s:.0f} s on {self.name}: {what}; {len(last)} objects:\n{shown}"
            ) from None

    async def gone(self, kind: str, name: str, namespace: str = "", within_s: float = WITHIN_S) -> None:
        """Wait until an object is not there (any more)."""
        await self.until(
            f"{kind} {namespace}/{name} is gone", kind, name, lambda body: body is None,
            namespace=namespace, within_s=within_s,
        )  # fmt: skip

    async def _until(
        self,
        kind: str,
        namespace: str,
        selector: dict[str, str],
        look: Callable[[Mapping[str, Body]], T],
        within_s: float,
    ) -> T:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    async for found in self._states(kind, namespace, selector):
                        if result := look(found):
                            return result
                except (aiohttp.ClientError, ConnectionError):
                    await asyncio.sleep(0.1)  # an API server that a test has stopped: it can only be asked again

    async def _states(self, kind: str, namespace: str, selector: dict[str, str]) -> AsyncIterator[Mapping[str, Body]]:
        """The objects as they are, then as they are after each event. Ends when the server ends its watch."""
        found, version = await self._list(kind, namespace, selector)
        yield found
        query = selector | {"watch": "1", "resourceVersion": version, "timeoutSeconds": "120"}
        async with self._connected().get(_path(kind, namespace), params=query) as response:
            response.raise_for_status()
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                key = _key(event["object"])
                if event["type"] == "DELETED":
                    found.pop(key, None)
                else:
                    found[key] = event["object"]
                yield found

    async def _list(self, kind: str, namespace: str, selector: dict[str, str]) -> tuple[dict[str, Body], str]:
        async with self._connected().get(_path(kind, namespace), params=selector) as response:
            if response.status == 404:  # a kind that this cluster does not serve yet
                return {}, "0"
            response.raise_for_status()
            listing = await response.json()
        api_version, kind = listing["apiVersion"], listing["kind"].removesuffix("List")
        items = [{"apiVersion": api_version, "kind": kind, **item} for item in listing["items"]]
        return {_key(item): item for item in items}, listing["metadata"]["resourceVersion"]

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            config = yaml.safe_load(self.kubeconfig.read_text())
            cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
            tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
            with tempfile.NamedTemporaryFile(prefix="controlplane-test-") as file:  # ssl reads keys from files only
                for part in ("client-certificate-data", "client-key-data"):
                    file.write(base64.b64decode(user[part]))
                file.flush()
                tls.load_cert_chain(file.name)
            self._session = aiohttp.ClientSession(
                cluster["server"] + "/",
                connector=aiohttp.TCPConnector(ssl=tls, limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                read_bufsize=1 << 22,  # a line of a watch is one object, and a CRD may be a megabyte
            )
        return self._session


def _path(kind: str, namespace: str) -> str:
    base, plural = _PLURALS[kind].split()
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"


def _key(body: Body) -> str:
    return f"{body['metadata'].get('namespace', '')}/{body['metadata']['name']}"
