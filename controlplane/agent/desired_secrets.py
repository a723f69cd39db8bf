"""Desired state where there is no volume: in Secrets of controlplane-system, within a bound.

One Secret per Work (`controlplane-desired-<owner>`) and one per artifact (`controlplane-artifact-<digest>`). An artifact
that is too large, or one too many, is not kept: it is applied all the same, and after a restart with the hub down its
objects are not healed until the hub is back. That is logged.
"""

import base64
import logging

import orjson

from controlplane.agent.desired import Desired, parse_desired
from controlplane.api.keys import Digest
from controlplane.api.labels import AGENT_NAMESPACE
from controlplane.artifact.digest import hex_of, parse_digest
from controlplane.artifact.errors import ArtifactMissing, BadDigest
from controlplane.artifact.store import Store
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, KubeError, NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import SECRETS

__all__ = ["LABEL", "SecretArtifacts", "SecretDesired"]

_log = logging.getLogger(__name__)
LABEL = "controlplane.dev/desired"  # on each Secret: work or artifact
_ONE_BYTES = 700 * 1024  # of one payload: a Secret holds 1 MiB
_ALL_BYTES = 32 * 2**20  # of all payloads: more belongs on a volume, not in the cluster's etcd
_DIGEST = "controlplane.dev/digest"  # annotation


class SecretDesired:
    """A DesiredStore in Secrets. Its methods raise OSError where the API server refuses, as a folder's would."""

    def __init__(self, client: Client) -> None:
        self.artifacts: Store = SecretArtifacts(client)
        self._client = client

    async def load(self) -> dict[str, Desired]:
        found: dict[str, Desired] = {}
        for body in (await self._client.list(SECRETS, AGENT_NAMESPACE, label_selector=f"{LABEL}=work")).items:
            try:
                desired = parse_desired(base64.b64decode((body.get("data") or {}).get("work") or ""))
            except ValueError:
                _log.warning("a kept Work cannot be read; the hub will say it again", extra=_name(body))
                continue
            found[desired.owner] = desired
        return found

    async def put(self, desired: Desired) -> None:
        kept = {"name": desired.name, "generation": desired.generation, "spec": desired.spec.wire()}
        await _write(self._client, _secret(_work(desired.owner), "work", orjson.dumps(kept)))

    async def drop(self, owner: str) -> None:
        await _delete(self._client, _work(owner))


class SecretArtifacts:
    """An artifact Store in Secrets, bounded."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sizes: dict[Digest, int] | None = None  # of what is kept; None = not listed yet

    async def put(self, digest: Digest, payload: bytes) -> None:
        sizes = await self._kept()
        if digest in sizes:
            return
        if len(payload) > _ONE_BYTES or sum(sizes.values()) + len(payload) > _ALL_BYTES:
            extra = {"digest": digest, "bytes": len(payload)}
            _log.warning("an artifact is not kept: too large for Secrets; give the agent a volume", extra=extra)
            return
        body = _secret(_artifact(digest), "artifact", payload)
        body["metadata"]["annotations"] = {_DIGEST: digest}
        await _write(self._client, body)
        sizes[digest] = len(payload)

    async def get(self, digest: Digest) -> bytes:
        try:
            body = await self._client.get(SECRETS, _artifact(digest), AGENT_NAMESPACE)
        except NotFound:
            raise ArtifactMissing(digest) from None
        except KubeError as error:
            raise OSError(str(error)) from error
        return base64.b64decode((body.get("data") or {}).get("artifact") or "")

    async def has(self, digest: Digest) -> bool:
        return digest in await self._kept()

    async def delete(self, digest: Digest) -> None:
        await _delete(self._client, _artifact(digest))
        (await self._kept()).pop(digest, None)

    async def digests(self) -> frozenset[Digest]:
        return frozenset(await self._kept())

    async def _kept(self) -> dict[Digest, int]:
        if self._sizes is None:
            try:
                listing = await self._client.list(SECRETS, AGENT_NAMESPACE, label_selector=f"{LABEL}=artifact")
            except KubeError as error:
                raise OSError(str(error)) from error
            self._sizes = {}
            for body in listing.items:
                try:
                    digest = parse_digest((body["metadata"].get("annotations") or {}).get(_DIGEST) or "")
                except BadDigest:
                    continue
                self._sizes[digest] = len((body.get("data") or {}).get("artifact") or "") * 3 // 4
        return self._sizes


def _work(owner: str) -> str:
    return f"controlplane-desired-{owner}"


def _artifact(digest: Digest) -> str:
    return f"controlplane-artifact-{hex_of(digest)}"


def _name(body: Body) -> dict[str, str]:
    return {"secret": body["metadata"]["name"]}


def _secret(name: str, what: str, content: bytes) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": AGENT_NAMESPACE, "labels": {LABEL: what}},
        "type": "controlplane.dev/desired",
        "data": {what: base64.b64encode(content).decode()},
    }


async def _write(client: Client, body: Body) -> None:
    """Create, or write over what is there: nobody but this agent writes these."""
    try:
        try:
            await client.replace(SECRETS, body)  # without a resourceVersion: whatever is there
        except NotFound:
            await client.create(SECRETS, body)
    except Conflict as error:
        if not error.already_exists:
            raise OSError(str(error)) from error
    except KubeError as error:
        raise OSError(str(error)) from error


async def _delete(client: Client, name: str) -> None:
    try:
        await client.delete(SECRETS, name, AGENT_NAMESPACE)
    except NotFound:
        pass
    except KubeError as error:
        raise OSError(str(error)) from error
