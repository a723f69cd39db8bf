"""Which objects are ours: in memory, and in Secrets of controlplane-system, `controlplane-inventory-<tenant>-<n>`.

An object's key is there, durably, before its first apply (`intend`), so that no crash can leave an object of ours that
nobody knows. What came of it follows within a second (`applied` and the like only mark what is to be written). Writes are
grouped: everything that waits goes out with the next one, so a thousand Works cost a few dozen writes, not a thousand.
"""

import asyncio
import base64
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from controlplane.agent.entry import Entry, Record
from controlplane.agent.pace import Pace
from controlplane.agent.run import Run
from controlplane.agent.shard import CAPACITY, decode_shard, encode_shard, merge
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import AGENT_NAMESPACE
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, KubeError, NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import SECRETS
from controlplane.kube.settings import Backoff

__all__ = ["LABEL", "Inventory", "InventoryTaken"]

LABEL = "controlplane.dev/inventory"  # on each Secret: the tenant
_WRITER = "controlplane.dev/writer"  # annotation: which process wrote it last
_KEY = "inventory"
_LAZY_S = 1.0  # how long what nobody waits for may stay unwritten
_BURST, _PER_S = 8, 2.5  # writes at once, and in the long run: a rollout's rounds wait for one and share it

_log = logging.getLogger(__name__)
_Shard = tuple[str, int]  # tenant, number


class InventoryTaken(Exception):
    """Another agent writes this cluster's inventory. Going on would lose objects, so this process has to end."""


class Inventory:
    """The records of all owners. Every change goes through its methods; reading is direct."""

    def __init__(self, client: Client) -> None:
        self.records: dict[str, Record] = {}
        self.writes = 0
        self._client = client
        self._me = secrets.token_hex(8)
        self._owners: dict[ObjectKey, str] = {}  # of objects that are on the cluster, as far as we know
        self._sizes: dict[_Shard, int] = {}  # objects in each shard
        self._versions: dict[_Shard, str] = {}  # resourceVersion of each Secret that is there
        self._written: dict[_Shard, int] = {}  # hash of what was written last
        self._dirty: dict[_Shard, None] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._closing = False
        self._backoff = Backoff(first_s=0.2, max_s=10.0)

    async def load(self) -> None:
        """Read all Secrets of the inventory, with one request. Raises KubeError, MalformedInventory."""
        listing = await self._client.list(SECRETS, AGENT_NAMESPACE, label_selector=LABEL)
        found: list[Record] = []
        for body in listing.items:
            meta = body["metadata"]
            tenant = meta["labels"][LABEL]
            number = meta["name"].rpartition("-")[2]
            payload = base64.b64decode((body.get("data") or {}).get(_KEY) or "")
            if not number.isdigit() or not payload:
                continue  # somebody else's Secret with our label
            shard = (tenant, int(number))
            self._versions[shard] = meta["resourceVersion"]
            self._written[shard] = hash(payload)
            records = decode_shard(payload, shard[1])
            self._sizes[shard] = sum(len(r.entries) for r in records)
            found += records
        self.records = merge(found)
        for record in self.records.values():
            for key, entry in record.entries.items():
                if entry.uid:
                    self._owners[key] = record.owner

    def owner_of(self, key: ObjectKey) -> str | None:
        """Whose object this is; None where no inventory has it as applied."""
        return self._owners.get(key)

    def record(self, fresh: Record) -> Record:
        """The record of an owner; the given one becomes it where there is none yet."""
        known = self.records.get(fresh.owner)
        if known is None:
            fresh.home = self._place(fresh.tenant, objects=0)
            known = self.records[fresh.owner] = fresh
            self._touch((fresh.tenant, fresh.home))
        return known

    def delivered(
        self, record: Record, *, hub: str, delivery: int, digest: str | None = None, sync: str | None = None
    ) -> None:
        """Remember what came in (hub, delivery), and what of it was carried out (digest, sync); None leaves a field."""
        after = (hub, delivery, record.digest if digest is None else digest, record.sync if sync is None else sync)
        if (record.hub, record.delivery, record.digest, record.sync) != after:
            record.hub, record.delivery, record.digest, record.sync = after
            self._touch((record.tenant, record.home))

    def ran(self, record: Record, run: Run | None) -> None:
        """Remember how far a delivery's run has come."""
        if record.run != run:
            record.run = run
            self._touch((record.tenant, record.home))

    async def intend(self, record: Record, keys: Iterable[ObjectKey]) -> None:
        """Record keys before their first apply; returns once that is durable."""
        new = [key for key in keys if key not in record.entries]
        for key in new:
            shard = self._place(record.tenant)
            record.entries[key] = Entry(shard=shard)
            self._sizes[record.tenant, shard] = self._sizes.get((record.tenant, shard), 0) + 1
            self._touch((record.tenant, shard))
        if new:
            await self.flush()

    def applied(self, record: Record, key: ObjectKey, entry: Entry) -> None:
        """An apply was answered: the entry as it is now (its shard stays)."""
        before = record.entries[key]
        spared = entry.spared or (before.spared and key.kind == "Namespace")  # what was left in it is still there
        after = replace(entry, shard=before.shard, spared=spared)
        self._owners[key] = record.owner
        if before != after:
            record.entries[key] = after
            self._touch((record.tenant, after.shard))

    def spare_namespace(self, name: str) -> None:
        """Something was left in a namespace: whoever made that is not to delete it any more, but to let it go."""
        key = ObjectKey("", "Namespace", "", name)
        record = self.records.get(self._owners.get(key, ""))
        entry = record.entries.get(key) if record is not None else None
        if record is not None and entry is not None and not entry.spared:
            record.entries[key] = replace(entry, spared=True)
            self._touch((record.tenant, entry.shard))

    async def hand_over(self, old: Record, new: Record, entries: Mapping[ObjectKey, Entry]) -> None:
        """Let objects be another owner's: durably in its record before they leave the old one's. What it has it keeps."""
        for key, entry in entries.items():
            if key not in new.entries or not new.entries[key].uid:
                known = new.entries.get(key)
                shard = known.shard if known is not None else self._place(new.tenant)
                new.entries[key] = replace(entry, shard=shard)
                if known is None:
                    self._sizes[new.tenant, shard] = self._sizes.get((new.tenant, shard), 0) + 1
                self._touch((new.tenant, shard))
        await self.flush()
        for key in entries:
            self.dropped(old, key)
            if new.entries[key].uid:
                self._owners[key] = new.owner
        await self.flush()

    def dropped(self, record: Record, key: ObjectKey) -> None:
        """An object is gone, or was never ours."""
        entry = record.entries.pop(key, None)
        if entry is None:
            return
        if self._owners.get(key) == record.owner:
            del self._owners[key]
        self._sizes[record.tenant, entry.shard] -= 1
        self._touch((record.tenant, entry.shard))

    def removed(self, record: Record) -> None:
        """An owner has nothing left and is forgotten."""
        for key in list(record.entries):
            self.dropped(record, key)
        self.records.pop(record.owner, None)
        self._touch((record.tenant, record.home))

    async def flush(self) -> None:
        """Wait until everything so far is durable."""
        if not self._dirty and not self._waiting:
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self._urgent.set()
        self._something.set()
        await mine

    async def run(self) -> None:
        """Write what changes, until close(). Raises InventoryTaken."""
        failures = 0
        pace = Pace(_BURST, _PER_S, asyncio.get_running_loop().time)
        while not (self._closing and not self._dirty):
            await self._something.wait()
            if not self._urgent.is_set():
                try:
                    async with asyncio.timeout(_LAZY_S):
                        await self._urgent.wait()
                except TimeoutError:
                    pass
            if not self._closing:
                await asyncio.sleep(pace.turn_s())
            self._something.clear()
            if not self._closing:
                self._urgent.clear()
            dirty, self._dirty = list(self._dirty), {}
            waiting, self._waiting = self._waiting, []
            error = await self._write_all(dirty)
            if error is not None:
                failures += 1
                _log.warning("inventory could not be written", extra={"error": str(error)})
                self._dirty = dict.fromkeys(dirty) | self._dirty
                self._waiting = waiting + self._waiting
                if self._closing:
                    return
                await asyncio.sleep(self._backoff.delay_s(failures))
                self._something.set()
                self._urgent.set()
                continue
            failures = 0
            for each in waiting:
                if not each.done():
                    each.set_result(None)

    def close(self) -> None:
        """Let run() write what is left and end."""
        self._closing = True
        self._urgent.set()
        self._something.set()

    def _touch(self, shard: _Shard) -> None:
        self._dirty[shard] = None
        self._something.set()

    def _place(self, tenant: str, objects: int = 1) -> int:
        """The shard of a tenant that has room: the first one, so that few are in use."""
        number = 0
        while self._sizes.get((tenant, number), 0) + objects > CAPACITY:
            number += 1
        return number

    async def _write_all(self, shards: Iterable[_Shard]) -> KubeError | None:
        """Write shards at once; the first error where not all could be written."""
        results = await asyncio.gather(*(self._write(shard) for shard in shards), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        for error in failed:
            if not isinstance(error, KubeError):
                raise error
        return next((error for error in failed if isinstance(error, KubeError)), None)

    async def _write(self, shard: _Shard) -> None:
        tenant, number = shard
        mine = [r for r in self.records.values() if r.tenant == tenant]
        payload = encode_shard(tenant, number, mine)
        name = f"controlplane-inventory-{tenant}-{number}"
        if not payload:
            if shard in self._versions:
                try:
                    await self._client.delete(SECRETS, name, AGENT_NAMESPACE)
                except NotFound:
                    pass
                self.writes += 1
                del self._versions[shard]
                self._written.pop(shard, None)
            return
        if self._written.get(shard) == hash(payload) and shard in self._versions:
            return
        body: Body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": AGENT_NAMESPACE,
                "labels": {LABEL: tenant},
                "annotations": {_WRITER: self._me},
            },
            "type": "controlplane.dev/inventory",
            "data": {_KEY: base64.b64encode(payload).decode()},
        }
        answer = await self._put(shard, body)
        self.writes += 1
        self._versions[shard] = answer["metadata"]["resourceVersion"]
        self._written[shard] = hash(payload)

    async def _put(self, shard: _Shard, body: Body) -> Any:
        """Write a Secret over the version that we know: two writers can never take turns unnoticed."""
        try:
            if shard not in self._versions:
                return await self._client.create(SECRETS, body)
            body["metadata"]["resourceVersion"] = self._versions[shard]
            return await self._client.replace(SECRETS, body)
        except NotFound:  # deleted by hand; what we know is still true
            self._versions.pop(shard, None)
            raise
        except Conflict:
            there = await self._client.get(SECRETS, body["metadata"]["name"], AGENT_NAMESPACE)
            if ((there["metadata"].get("annotations") or {}).get(_WRITER)) != self._me:
                raise InventoryTaken(f"Secret {body['metadata']['name']} was written by another agent") from None
            # our own write, whose answer was lost
            body["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
            return await self._client.replace(SECRETS, body)
