"""What happened, in words that a person who is woken up understands. No secret, no user id."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys_tasks.digests import digest_of


@dataclass(frozen=True)
class Alert:
    """One event, told once: ``key`` is the same for the same event, so that a receiver can tell a repetition."""

    key: str
    subject: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as plain text."""
        return "\n".join(self.lines)

    @property
    def html(self) -> str:
        """The lines as HTML, everything escaped."""
        return "".join(f"<p>{html.escape(line)}</p>" for line in self.lines)

    @property
    def payload(self) -> dict[str, str]:
        """The lines as a webhook takes them; ``text`` is what Slack, Mattermost and Teams show."""
        return {"key": self.key, "subject": self.subject, "text": f"{self.subject}\n{self.text}"}

    @classmethod
    def of_verdict(cls, verdict: Mapping[str, Any], live: Mapping[str, Any] | None, link: str) -> "Alert":
        """The gate said HOLD or BLOCK.

        Args:
            verdict: as the gate step returned it.
            live: as ``overview`` shows it; None before the first release.
            link: where the run can be seen.
        """
        day, outcome, candidate = verdict["day"], verdict["outcome"], verdict["candidate"]
        if live is None:
            stays = "Nothing has been published yet."
        else:
            stays = f"Release {live['release']} (data of {live['day']}, {live['age_hours']:.0f} hours old) stays live."
        precision, popularity = (verdict["figures"].get(name) for name in ("precision", "popularity"))
        figures = () if precision is None else (f"precision@k {precision:.4f}, popular tracks {popularity:.4f}",)
        advice = (
            "An exact check failed, which cannot be overridden: mend the cause, then rerun the day with a cold start."
            if verdict["exact"]
            else f"To publish it all the same: python -m recsys_tasks release {candidate[:12]} --by YOU --why REASON"
        )
        return cls(
            key=digest_of("alert", day, candidate, outcome)[:32],
            subject=f"{outcome}: the recommendations of {day} were not published",
            lines=(*verdict["reasons"], *figures, stays, f"Run: {link}", advice),
        )

    @classmethod
    def of_failure(cls, run_id: str, task: str, reason: str, link: str) -> "Alert":
        """A task failed for good."""
        return cls(
            key=digest_of("failure", run_id, task)[:32],
            subject=f"{task} failed in {run_id}; the live release stays",
            lines=(reason, f"Log: {link}", "Mend what the message says, then clear the task in the UI."),
        )
