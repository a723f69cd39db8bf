"""HTTP: artifacts for agents, webhooks for Git hosts; and the process that is the hub."""

__all__ = ["main"]


def main() -> None:
    """Entry point of controlplane-hub."""
    from controlplane.server.main import main as run

    run()
