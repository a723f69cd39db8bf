"""One cluster's life: works, fetch, apply, inventory, drift, report. One process on each member cluster.

In the way of the data this is the last station: a Work on the hub becomes objects here, and what is true here becomes its
status. It pulls; nothing on the hub can reach in. It goes on healing when the hub is gone.
"""

__all__ = ["main"]


def main() -> None:
    """The console script controlplane-agent."""
    import sys

    if sys.argv[1:] == ["--version"]:
        from controlplane import __version__

        sys.stdout.write(f"{__version__}\n")
        return
    from controlplane.agent.main import run  # late: --version loads no HTTP client

    sys.exit(run(sys.argv[1:]))
