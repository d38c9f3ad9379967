"""The commands that alerts, pages, reports and answers advise. What a person has to fill in stands in capitals."""

SHORT = 12
"""Digits of a candidate's digest in a command."""


def judge_again(day: str) -> str:
    """The command that judges a date by the policy of now."""
    return f"recsys gate --date {day} --judge-again --by YOU --why REASON"


def run(day: str, option: str = "") -> str:
    """The command that runs all steps of a date."""
    return f"recsys run --date {day} {option}".strip()


def accept(day: str) -> str:
    """The command that accepts streams which were stopped."""
    return run(day, "--accept-data WHY")


def clear_from_extraction(day: str) -> str:
    """The command that has Airflow make a date's scheduled run anew, from its streams on."""
    return f"airflow tasks clear daily_recommendations -t '^extract_streams$' -d -s {day} -e {day}"


def release(candidate: str, older: bool) -> str:
    """The command that publishes a held candidate on a person's word. older: newer data are live."""
    return f"recsys release {candidate[:SHORT]} --by YOU --why REASON{' --older' if older else ''}"


def unpin() -> str:
    """The command that lifts the pin."""
    return "recsys unpin --by YOU --why REASON"
