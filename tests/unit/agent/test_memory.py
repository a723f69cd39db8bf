"""Keeping the process small must change nothing else."""

import gc
import subprocess
import sys

from controlplane.agent.memory import settle

PROGRAM = """
from asyncio import sslproto
from controlplane.agent.memory import keep_small
keep_small()
assert sslproto.SSLProtocol.max_size == 32 * 1024
"""


def test_the_allocator_can_be_set_up() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)  # apart: it is for a whole process


def test_settling_collects_and_can_be_done_again() -> None:
    frozen = gc.get_freeze_count()
    try:
        settle()
        settle()
    finally:
        if not frozen:
            gc.unfreeze()
