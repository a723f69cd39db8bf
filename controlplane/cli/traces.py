"""Where to look in the traces: the ids of one Application's, computed as hub and agents compute them. Nothing is asked of them."""

from controlplane.cli.connect import connect
from controlplane.cli.errors import CliError
from controlplane.cli.find import application
from controlplane.cli.options import Place
from controlplane.kube.request import Body
from controlplane.telemetry.span import trace_name

__all__ = ["trace_lines", "traces"]


async def traces(where: Place, name: str) -> str:
    """A line for the commit that is delivered, and one for the commit that was tried last, where that is another."""
    async with connect(where) as client:
        return trace_lines(await application(client, name, where.namespace))


def trace_lines(body: Body) -> str:
    """`<trace>  <revision>` for each. Raises CliError where no commit has been looked at yet."""
    status, uid = body.get("status") or {}, body["metadata"]["uid"]
    revisions = dict.fromkeys(filter(None, (status.get("revision"), status.get("attemptedRevision"))))
    if not revisions:
        raise CliError(f"{body['metadata']['name']} has not been looked at yet, so there is no trace of it")
    return "\n".join(f"{trace_name(uid, revision)}  {revision}" for revision in revisions)
