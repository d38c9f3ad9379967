"""A Python that has imported the program once, and gives each command a process of its own by a fork.

``Preloaded`` starts it; run as a program, this is what it starts: it reads requests from standard input, a line of JSON
each, answers each with the exit code of the process that it forked for it, and ends with its input.
"""

import json
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import Any

IMPORTED = ("recsys_tasks.cli.main", "recsys_tasks.cli.telling", "matplotlib.figure", "matplotlib.backends.backend_svg")


class Preloaded:
    """Runs Python's command lines as other accounts, without the second that each would import the program for."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._server = subprocess.Popen(
            [python, __file__], env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
        )

    def run(
        self,
        words: Sequence[str],
        user: int,
        groups: Sequence[int],
        umask: int,
        environment: Mapping[str, str],
    ) -> subprocess.CompletedProcess[str]:
        """Run ``-c CODE ...`` or ``-m MODULE ...`` as an account, in this environment, with nothing to read."""
        asking, answering = self._server.stdin, self._server.stdout
        assert asking is not None
        assert answering is not None
        with TemporaryFile() as out, TemporaryFile() as err:
            files = [f"/proc/{os.getpid()}/fd/{each.fileno()}" for each in (out, err)]
            request = {"words": list(words), "user": user, "groups": list(groups), "umask": umask}
            asking.write(json.dumps(request | {"files": files, "environment": dict(environment)}) + "\n")
            asking.flush()
            returncode = json.loads(answering.readline())
            said = []
            for each in (out, err):
                each.seek(0)
                said.append(each.read().decode())
        return subprocess.CompletedProcess(list(words), returncode, *said)

    def close(self) -> None:
        """End it."""
        self._server.communicate()


def _serve() -> None:
    """Answer until the input ends."""
    for module in IMPORTED:
        __import__(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(words: list[str], user: int, groups: list[int], umask: int, files: list[str], **given: Any) -> None:
    """Be a process of the account, do what its command line says, and end."""
    for number, (name, how) in enumerate([(os.devnull, os.O_RDONLY), *((file, os.O_RDWR) for file in files)]):
        os.dup2(os.open(name, how), number)
    os.setgroups(groups)
    os.setgid(user)
    os.setuid(user)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(given["environment"])
    how, what, *arguments = words
    sys.argv = [how, *arguments]
    code = 0
    try:
        if how == "-c":
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as Python's -c does
        else:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
