"""docs/cli.md, made from the commands themselves: `python -m controlplane.cli.manual > docs/cli.md`. A test holds it current."""

import sys
from collections.abc import Iterator
from typing import Any

import typer

from controlplane.cli.main import build

__all__ = ["manual"]

_OPENING = """\
# cpctl

Made from the commands' own help by `python -m controlplane.cli.manual > docs/cli.md`.

Options that every command has may also stand before it: `cpctl -t payments app list`. The hub's kubeconfig is
`--kubeconfig`, else `CONTROLPLANE_KUBECONFIG`, else `KUBECONFIG`, else `~/.kube/config`, else the pod's own. Credential
plugins (`exec`) work as with kubectl. An Application is named by `NAME`, `tenant/NAME` or `namespace/NAME`.

| exit code | means |
|---|---|
| 0 | done |
| 1 | not found, refused, or it failed |
| 2 | the command line makes no sense |
| 3 | it is not Ready (`--check`), or not in time (`--wait`, `cluster remove`) |
| 4 | the API server was not reached, does not know you, or does not allow it |
| 130 | Ctrl-C |

An error is one line on the standard error that says what to do. `-o json` and `-o yaml` print the objects as the API server
has them, lists as a Kubernetes `List`; with `--watch`, each object again when it changes. `app tree` and `status` print
documents of their own, whose keys only ever become more.
"""


def manual() -> str:
    """The whole page."""
    # typer's command objects have no public types; what is read of them here are attributes that click has had for ever
    root: Any = typer.main.get_command(build())
    return "\n".join([_OPENING, *_commands(root, "cpctl")])


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from _commands(command, f"{path} {name}")
        else:
            yield from _command(command, f"{path} {name}")


def _command(command: Any, path: str) -> Iterator[str]:
    arguments = " ".join(_metavar(param) for param in command.params if param.param_type_name == "argument")
    yield f"## {path} {arguments}".rstrip() + "\n"
    yield f"{command.help}\n"
    options = [param for param in command.params if param.param_type_name == "option" and param.name != "help"]
    rows = [*(p for p in command.params if p.param_type_name == "argument"), *options]
    if rows:
        yield "| argument or option | |\n|---|---|"
        for param in rows:
            words = [_metavar(param)] if param.param_type_name == "argument" else [_spelled(param)]
            yield f"| {words[0]} | {_help(param)} |"
        yield ""


def _metavar(param: Any) -> str:
    return f"`{(param.metavar or param.name.upper()).replace('|', ' or ')}`"


def _spelled(param: Any) -> str:
    value = "" if param.is_flag else f" {param.metavar or '|'.join(_choices(param)) or param.name.upper()}"
    return ", ".join(f"`{opt}{value}`" for opt in reversed(param.opts)).replace("|", "\\|")


def _choices(param: Any) -> list[str]:
    return [getattr(choice, "value", str(choice)) for choice in getattr(param.type, "choices", ())]


def _help(param: Any) -> str:
    default = param.default
    shown = not param.is_flag if hasattr(param, "is_flag") else False
    told = f" Default: {getattr(default, 'value', default)}." if shown and default not in (None, [], ()) else ""
    return f"{param.help or ''}{told}".strip().replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(manual())
