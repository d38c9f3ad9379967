"""One root error, and one class for each decision that an operator has to take.

Every message says what was found, where, and what to do next, in one line.
"""


class RecsysError(Exception):
    """The root: whatever this program refuses to do, it says with a subclass of this."""


def told(error: BaseException) -> str:
    """An error as it may stand in a record: ours with its text, another's by its name alone, for its text may hold
    anything: an id, a row, a password.
    """
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, RecsysError) else name


class ConfigError(RecsysError):
    """The configuration or an argument is wrong: correct it and run again. A retry cannot help."""


class SourceUnavailable(RecsysError):
    """The source database cannot be reached or broke off: retry; if it lasts, look at the database."""


class SourceMismatch(RecsysError):
    """The source's tables are not what the configuration says, or may not be read: correct one of them."""


class SinkUnavailable(RecsysError):
    """The database that products are delivered to cannot be reached, broke off or is full: retry, or look at it."""


class SinkRefused(RecsysError):
    """Its tables are not ours to replace, or this role has not the rights: correct one of them."""


class DayIncomplete(RecsysError):
    """A day is still running, or its streams are still arriving: wait, then run it."""


class EmptyDay(RecsysError):
    """The source holds no qualified stream of a day: find the streams, or allow the empty day by name."""


class DataRefused(RecsysError):
    """The streams of a day look wrong: mend the source and rerun, change the policy, or accept them with a reason."""


class BadData(RecsysError):
    """Streams, counts, matrices or factors break an invariant: nothing may be trained or published on them."""


class CorruptArtefact(RecsysError):
    """A stored file is missing or differs from its manifest: remove or restore the artefact named, then rerun."""


class Unreadable(RecsysError):
    """A stored file may not be read by this account, or the disk does not give it; it is sound: mend the rights."""


class OtherStore(RecsysError):
    """A step finds another store than the one its run began on: RECSYS_ROOT must name one shared folder or bucket."""


class TrainerUnavailable(RecsysError):
    """The Spark or device that trains is out of reach, or broke off: retry; if it lasts, look at what runs there."""


class NotStored(RecsysError):
    """An artefact was asked for that no run has stored yet: run the step before it."""


class NoRelease(RecsysError):
    """Nothing has been published yet: run the pipeline for a day, and see what its gate says."""


class UnknownId(RecsysError):
    """A user, track, release or candidate was named that does not exist here: check the id."""


class GateRefused(RecsysError):
    """The gate said HOLD or BLOCK: the live release stays. A retry gives the same verdict."""


class PublishConflict(RecsysError):
    """The live release changed since the candidate was judged: judge again, then publish."""


class StorageError(RecsysError):
    """The file system refused (full, read-only, not permitted): make room or rights, then rerun."""


class StoreUnavailable(Unreadable, StorageError):
    """The server of a bucket is out of reach, or breaks off, for half a minute: retry; if it lasts, look at it."""
