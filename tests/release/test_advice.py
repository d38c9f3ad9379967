"""The advice on a verdict: the rule, what it means, the setting, and only commands that the program understands."""

from dataclasses import replace
from datetime import date

import pytest
from report_material import FIRST

from recsys_tasks.cli.main import parser
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.release.advice import (
    COLLAPSE,
    EXACT,
    FLOOR,
    INCUMBENT,
    NONE,
    POOLED,
    POPULAR,
    RULES,
    UNKNOWN,
    USERS,
    Judged,
    cause,
    explanation,
    publish_steps,
    rule_of,
    steps,
)

PAIR = {"difference": -0.0036, "standard_error": 0.0003, "incumbent": 0.03}
FIGURES = {"users": 3257, "precision": 0.0321, "popularity": 0.0322, "pair": PAIR, "honest": {"release": 12}}
CANDIDATE = "c0ffee" * 10
PINNED = replace(FIRST, pinned=True)


def verdict(outcome="BLOCK", reason="", exact=False, **figures):
    """A verdict as it is stored."""
    return {"outcome": outcome, "exact": exact, "reasons": [reason], "figures": FIGURES | figures}


def commands(found):
    """Every command of some steps."""
    return [command for step in found for command in step.commands]


def judged(rule, outcome="HOLD"):
    """What advice depends on."""
    return Judged("2026-01-12", CANDIDATE, outcome, rule == EXACT, rule)


class TestRule:
    @pytest.mark.parametrize(
        ("stored", "rule"),
        [
            (verdict(rule="pooled", reason="only three"), POOLED),
            (verdict(exact=True, reason="finite factors: 3 rows, asked: none"), EXACT),
            (verdict("PASS", "precision 0.03 is above that of the popular tracks, 0.01"), NONE),
            (verdict("HOLD", "only 7 listeners could be scored; a verdict needs 1000"), USERS),
            (verdict("HOLD", "only 7 listeners can be compared with the live release; 1000 are needed"), USERS),
            (verdict(reason="precision 0.0001 is below the floor of 0.0100"), FLOOR),
            (verdict(reason="precision 0.0001 is not above that of the popular tracks, 0.0003"), POPULAR),
            (verdict("HOLD", "against the live release -1.90% (standard error 2 %): a loss"), INCUMBENT),
            (verdict("HOLD", "the live release had no hit at all"), INCUMBENT),
            (verdict("HOLD", "something of long ago"), UNKNOWN),
        ],
    )
    def test_it_is_named_or_told_by_the_first_reason(self, stored, rule):
        """New verdicts name their rule; what was stored before is recognised by what the gate wrote then."""
        assert rule_of(stored) == rule

    def test_every_setting_that_is_named_exists(self):
        """What an explanation tells a person to change is a field of the policy."""
        named = {"min_users", "floor", "margin", "pass_z", "block_z", "block_loss", "min_recall", "min_user_coverage"}
        assert named <= set(GateConfig.model_fields)
        said = " ".join(map(explanation, RULES))
        assert all(name in said for name in named)


class TestCause:
    @pytest.mark.parametrize(
        ("stored", "said"),
        [
            (verdict(exact=True, reason="finite factors: 3 rows"), "an exact check failed (finite factors)"),
            (verdict("HOLD", "only 7 listeners could be scored; more"), "only 7 listeners could be scored"),
            (verdict(rule=POPULAR), "precision 0.0321 is not above the popular tracks' 0.0322"),
            (verdict(rule=INCUMBENT), "12.0% worse than release 12"),
            (verdict("HOLD", rule=INCUMBENT), "-12.0% against release 12, not surely good enough"),
            (
                verdict("HOLD", "precision collapsed (0.0007, usually 0.0048)", rule=COLLAPSE),
                "precision collapsed (0.0007, usually 0.0048)",
            ),
            (verdict("HOLD", "the live release had no hit", rule=POOLED), "release 12 had no hit"),
        ],
    )
    def test_a_subject_line_has_the_cause(self, stored, said):
        """A few words with the figure that decided, and the number of the release that was compared."""
        assert cause(stored) == said


class TestSteps:
    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("live", [None, FIRST, PINNED, replace(FIRST, day=date(2026, 1, 2))])
    def test_every_command_is_one_that_the_program_understands(self, rule, live):
        """Whatever the rule and whatever is live, what is advised can be typed as it stands."""
        every = commands([*steps(judged(rule), live), *publish_steps(judged(NONE, "PASS"), live)])
        ours = [command.split()[1:] for command in every if command.startswith("recsys ")]
        assert len(ours) > 1
        for words in ours:
            parser({}).parse_args(words)

    def test_what_cannot_be_overridden_is_not_offered(self):
        """An exact failure is mended and trained anew; a collapsed day is mended or accepted."""
        assert not [c for c in commands(steps(judged(EXACT), None)) if "release" in c or "judge-again" in c]
        assert "recsys run --date 2026-01-12 --cold-start" in commands(steps(judged(EXACT), None))
        collapsed = commands(steps(judged(COLLAPSE), None))
        assert "recsys run --date 2026-01-12 --accept-data WHY" in collapsed
        assert not [c for c in collapsed if "recsys release" in c]

    def test_a_bad_partition_is_never_mended_by_a_later_task(self):
        """Clearing the gate, or training, would use the streams as they are stored."""
        for rule in RULES:
            assert any("-t extract_streams -d" in command for command in commands(steps(judged(rule), None)))

    def test_nothing_has_to_be_done_about_a_pass(self):
        """No step where the gate passed; how it goes live is another question."""
        assert steps(judged(NONE, "PASS"), FIRST) == []
