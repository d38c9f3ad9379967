"""Ctrl-C ends a command soon, in order where that takes no time."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import script

COMMAND = """
import argparse, hashlib, signal, sys, time
from concurrent.futures import ThreadPoolExecutor

import recsys_tasks.cli.main as door
from recsys_tasks.__main__ import run


def threads():  # as components that are trained beside ALS
    with ThreadPoolExecutor(1) as pool:
        pool.submit(time.sleep, 60)
        time.sleep(60)


def library():  # as a long search in C, which does not look for signals
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 27)


def waiting():  # and then removing what is temporary
    try:
        time.sleep(60)
    finally:
        time.sleep(0.3)


def draining():  # as the HTTP service, which gives the answers under way
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pause()
    time.sleep(2)


def handler(_):
    try:
        print("at work", flush=True)
        globals()[sys.argv[1]]()
    finally:
        print("in order", flush=True)


signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its jobs in the background ignore it
door.prepared = lambda *_: argparse.Namespace(handler=handler, found=None)
sys.exit(run())
"""


def interrupted(folder: Path, work: str) -> tuple[int, str, float]:
    """Ctrl-C for a command at work: its exit code, what it said, and the seconds until it had ended."""
    program = [sys.executable, script(folder, "command.py", COMMAND), work]
    root = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(program, env=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "at work\n"
        time.sleep(0.2)
        sent = time.monotonic()
        command.send_signal(signal.SIGINT)
        said, _ = command.communicate(timeout=50)
        return command.returncode, said, time.monotonic() - sent


class TestInterrupts:
    @pytest.mark.parametrize("work", ["threads", "library"])
    def test_neither_threads_nor_a_library_are_waited_for(self, tmp_path: Path, work: str) -> None:
        """A command whose threads, or whose library, would work on for a minute ends within seconds, and says so."""
        code, said, seconds = interrupted(tmp_path, work)
        assert (code, said.splitlines()[-1]) == (130, "Stopped; nothing was half-written.")
        assert seconds < 10

    def test_what_can_end_in_order_does(self, tmp_path: Path) -> None:
        """A command that hears Ctrl-C removes what is temporary, and says once that it was stopped."""
        code, said, _ = interrupted(tmp_path, "waiting")
        assert (code, said) == (130, "in order\nStopped; nothing was half-written.\n")

    def test_who_ends_by_themselves_are_left_alone(self, tmp_path: Path) -> None:
        """The HTTP service has as long as it wants for the answers under way."""
        _, said, seconds = interrupted(tmp_path, "draining")
        assert "in order" in said
        assert "Stopped" not in said
        assert seconds > 1.5
