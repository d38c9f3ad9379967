"""What a search for parameters tells: each trial, how far it is, and what came of it."""

from dataclasses import dataclass

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.evaluation.tuning_scores import Gains, Means


@dataclass(frozen=True)
class Trial:
    """One setting, and its means on the choosing users."""

    config: AlsConfig
    means: Means


@dataclass(frozen=True)
class SearchProgress:
    """How far a search is, after a trial."""

    trial: Trial
    best: Trial  # of all so far
    done: int  # trials
    to_come: int  # about, as the search is planned: how far a winner has to be followed nobody knows before
    seconds_left: float  # about, or until the time is up


@dataclass(frozen=True)
class Reported:
    """Means on the users that nothing was chosen on, and by how much the winner scores more."""

    users: int
    winner: Means
    current: Means
    popular: Means
    over_current: Gains
    over_popular: Gains


@dataclass(frozen=True)
class Tuned:
    """All trials, the winner first, then best first, and what it is worth on the users that it was not chosen on."""

    trials: tuple[Trial, ...]
    current: Trial  # the settings that were given
    choosing_users: int
    reported: Reported
    edges: tuple[str, ...]  # parameters of the winner that stand at the edge of what is allowed
    stopped: bool  # the time was up before the search had ended

    @property
    def winner(self) -> AlsConfig:
        """The setting that is chosen."""
        return self.trials[0].config

    @property
    def best(self) -> Trial:
        """What scores most: the winner, or longer vectors that are better by less than one standard error."""
        return max(self.trials, key=lambda trial: trial.means.ndcg)
