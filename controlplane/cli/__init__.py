"""cpctl, the command line: what people use to look at the hub, to ask it for something, and to join clusters.

The modules that say which commands and options there are (main.py, options.py, commands_*.py) import nothing but typer:
help, --version and a mistyped argument are answered at once. What a command does is imported when it runs.
"""

__all__ = ["main"]


def main() -> None:
    """Run cpctl with the arguments of the process, and end it with the exit code."""
    from controlplane.cli.main import run

    run()
