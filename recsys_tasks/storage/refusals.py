"""What the file system refused, in words: whose a directory is, who asked, and what to do. A refusal is no damage."""

import errno
import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.core.errors import Unreadable

NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR)
FORBIDDEN = (errno.EACCES, errno.EPERM)
_ADVICE = {
    errno.EIO: "The disk failed: look at the kernel's log",
    errno.ESTALE: "The server of this folder has lost it: mount it again",
    errno.EMFILE: "Raise the limit on open files (ulimit -n)",
    errno.ENOMEM: "Memory is short: free some",
}


@contextmanager
def reading(path: Path, root: Path | None = None) -> Iterator[None]:
    """Say of what the file system does not give why that is, and that it is not damaged; what is not there is not ours.

    Args:
        path: what is read.
        root: of the store, where it is known.

    Raises:
        Unreadable: this account may not read it, or the disk or its server failed.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno in NOTHING_THERE:
            raise
        raise Unreadable(f"{path} cannot be read: {_why(path, error, root)} Nothing says that it is damaged.") from None


def _why(path: Path, error: OSError, root: Path | None) -> str:
    if error.errno in FORBIDDEN:
        return forbidden(path, os.R_OK, root)
    return f"{error.strerror}. {_ADVICE.get(error.errno or 0, 'Mend the cause')}, then try again."


def forbidden(path: Path, wanted: int, root: Path | None = None) -> str:
    """Who asked for a path, what refuses them on the way to it, whose that is, and what to do.

    Args:
        path: what was asked for.
        wanted: what for, as ``os.access`` takes it.
        root: of the store, where it is known.
    """
    found = obstacle(path, wanted) or path
    if wanted & os.W_OK and _is_read_only(found):
        return f"the file system of {found} is read-only. Look at the kernel's log, then remount it."
    return f"this is {account()}, and {found} {owned(found)}. {_mend(found, wanted, root)}"


def _is_read_only(path: Path) -> bool:
    """Whether nobody at all may write there; False where that cannot be asked."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def unavailable(root: Path) -> str:
    """Why a store cannot be read: this account is refused, or there is none."""
    if obstacle(root, os.R_OK | os.X_OK):
        return f"The store {root} may not be read: {forbidden(root, os.R_OK | os.X_OK, root)}"
    return f"There is no store at {root}."


def obstacle(path: Path, wanted: int) -> Path | None:
    """The first directory on the way to a path, or the path itself, that refuses this account; None: nothing does.

    Args:
        path: it need not exist; then its directory must take a new name.
        wanted: as ``os.access`` takes it.
    """
    way = [*reversed(path.parents), path]
    for each, after in zip(way, [*way[1:], None], strict=True):
        if not os.access(each, wanted if after is None else os.X_OK, effective_ids=True):
            return each
        if after is not None and not os.path.lexists(after):
            return None if os.access(each, wanted & os.W_OK | os.X_OK, effective_ids=True) else each
    return None


def account() -> str:
    """The account of this process, with its groups."""
    groups = sorted({group_name(each) for each in {os.getegid(), *os.getgroups()}})
    return f"account {user_name(os.geteuid())} (groups: {', '.join(groups)})"


def owned(path: Path) -> str:
    """Whose a path is."""
    try:
        found = path.lstat()
    except OSError:
        return "belongs to nobody knows whom"
    mode, owner, group = found.st_mode & 0o7777, user_name(found.st_uid), group_name(found.st_gid)
    return f"belongs to {owner}, group {group}, mode {mode:04o}"


def user_name(number: int) -> str:
    """Name of an account, or its number where this machine has no name for it."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def group_name(number: int) -> str:
    """Name of a group, or its number where this machine has no name for it."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return f"gid {number}"


def _mend(found: Path, wanted: int, root: Path | None) -> str:
    """What lets this account in."""
    try:
        status = found.lstat()
    except OSError:
        return "Look at its rights."
    owner, group = user_name(status.st_uid), group_name(status.st_gid)
    if root is not None and found in root.parents:
        return f"Let this account through it to the store (chmod o+x {found}), or move the store."
    if status.st_mode >> 3 & wanted == wanted and status.st_gid not in {os.getegid(), *os.getgroups()}:
        return f"Make this account a member of group {group} (it counts from its next start on), or act as {owner}."
    return f"Act as {owner}, or let {owner} share the store with a group of both (recsys store --group NAME)."
