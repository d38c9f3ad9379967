"""Whose a store is: private to the account that made it, or shared by the accounts of a group; shown and changed."""

import grp
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count
from recsys_tasks.steps.one_store import SHOWN, fresh_mark
from recsys_tasks.steps.results import Result
from recsys_tasks.storage.access import PRIVATE, SHARED
from recsys_tasks.storage.mark import Mark
from recsys_tasks.storage.mending import Counted, Rule, counted
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.refusals import group_name, user_name
from recsys_tasks.storage.stored_mark import mark_of, shared_by


@dataclass(frozen=True)
class StoreState(Result):
    """Which store this is, whose, and what in it has other modes than that asks for."""

    root: str
    id: str  # of its mark; empty: it has none yet
    made: str  # instant, ISO-8601 UTC
    owner: str  # account
    group: str | None  # that shares it; None: private
    entries: int  # directories and files
    others: Mapping[str, int]  # account -> how many of its directories and files have other modes
    unseen: int  # directories that this account may not look into

    @property
    def is_sound(self) -> bool:
        """Whether everything has the modes that it should have."""
        return not self.others and not self.unseen

    def __str__(self) -> str:
        named = f"Store {self.id[:SHOWN]} at {self.root}, made {self.made}" if self.id else f"Unmarked {self.root}"
        whose = f"shared by the accounts of group {self.group}" if self.group else f"private to {self.owner}"
        return f"{named}: {whose}. {self.modes}"

    @property
    def modes(self) -> str:
        """How its directories and files are, in words."""
        access = SHARED if self.group else PRIVATE
        modes = f"modes {access.directory:04o} and {access.file:04o}"
        if self.is_sound:
            return f"All {count(self.entries)} directories and files have {modes}."
        owners = [f"{count(number)} of {owner}" for owner, number in sorted(self.others.items())]
        owners += [f"{count(self.unseen)} directories that this account may not look into"] * bool(self.unseen)
        option = f"--group {self.group}" if self.group else "--private"
        return f"Other than {modes}: {', '.join(owners)}. Run recsys store {option} as each of them, or as root."


def look_at_store(store: PosixStore) -> StoreState:
    """Which store this is, and whose; it is not marked by that.

    Raises:
        ConfigError: there is none.
        Unreadable: this account may not look at it.
        CorruptArtefact: its mark is damaged.
    """
    mark = mark_of(store)
    if not store.holds(""):
        raise ConfigError(f"There is no store at {store.root}. The first run makes it, or recsys store --group NAME.")
    return _state(store, mark, counted(store.root, _rule(store, mark)))


def share(store: PosixStore, group: str, now: datetime) -> StoreState:
    """Let the accounts of a group work in a store, from now on and in all that is stored already.

    Raises:
        ConfigError: there is no such group, this account is not of it, or the store is somebody else's.
        StorageError: the store refused.
    """
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        advice = f"Make it (groupadd {group}), or name another"
        raise ConfigError(f"There is no group {group} on this machine. {advice}.") from None
    who = os.geteuid() or _owner(store)  # root acts for the owner
    if who != 0 and number not in _groups(who):
        raise ConfigError(
            f"Account {user_name(who)} is no member of group {group}. Make it one (usermod -aG {group} "
            f"{user_name(who)}); it counts from its next login on."
        )
    return _changed(store, group, now, Rule(SHARED, number))


def keep_private(store: PosixStore, now: datetime) -> StoreState:
    """Keep a store to its owner.

    Raises:
        ConfigError: the store is somebody else's, or holds what other accounts own, which its owner could not read.
        StorageError: the store refused.
    """
    if store.holds(""):
        owners = counted(store.root, Rule(PRIVATE)).owners
        others = {user_name(owner): number for owner, number in owners.items() if owner != _owner(store)}
        if others:
            raise ConfigError(
                f"{store.root} holds what other accounts own ({_listed(others)}); private, its owner could not read "
                f"it. Give it to one account first: chown -R ACCOUNT {store.root}, as root."
            )
    return _changed(store, None, now, Rule(PRIVATE))


def _changed(store: PosixStore, group: str | None, now: datetime, rule: Rule) -> StoreState:
    """Mark the store first: what is written from then on is as the rule says, and the rest is mended afterwards."""
    mark = mark_of(store)
    if mark is None or mark.group != group:
        if os.geteuid() not in (0, _owner(store)):
            raise ConfigError(f"{store.root} belongs to {user_name(_owner(store))}, who alone may say who shares it.")
        mark = shared_by(store, fresh_mark(now), group)
    return _state(store, mark, counted(store.root, rule, mend=True))


def _owner(store: PosixStore) -> int:
    """Number of the account whose store it is, or will be."""
    return store.root.stat().st_uid if store.holds("") else os.geteuid()


def _groups(number: int) -> set[int]:
    """Numbers of the groups of an account: of this process, if it is its own."""
    if number == os.geteuid():
        return {os.getegid(), *os.getgroups()}
    try:
        account = pwd.getpwuid(number)
    except KeyError:
        return set()
    return set(os.getgrouplist(account.pw_name, account.pw_gid))


def _rule(store: PosixStore, mark: Mark | None) -> Rule:
    """How everything should be; in a shared store, of the group of its root, whatever that is called here."""
    shared = mark is not None and mark.group is not None
    return Rule(SHARED, store.root.stat().st_gid) if shared else Rule(PRIVATE)


def _state(store: PosixStore, mark: Mark | None, found: Counted) -> StoreState:
    status = store.root.stat()
    return StoreState(
        root=str(store.root),
        id=mark.id if mark else "",
        made=mark.made if mark else "",
        owner=user_name(status.st_uid),
        group=group_name(status.st_gid) if mark and mark.group else None,
        entries=sum(found.owners.values()),
        others={user_name(owner): number for owner, number in found.others.items()},
        unseen=found.unseen,
    )


def _listed(owners: Mapping[str, int]) -> str:
    return ", ".join(f"{owner}: {count(number)}" for owner, number in sorted(owners.items()))
