"""What page and command show of a way back: sums that add up, and libraries by the steps that ran with them."""

from recsys_tasks.reporting.lineage_tables import drop_reasons, is_restated, libraries, row_sums


def partition(read, kept, **dropped):
    """A partition of a way back."""
    return {"rows_read": read, "rows_kept": kept, "dropped": dropped} | {
        "restated_by": [],
        "replaced_by": None,
        "other_versions": [],
    }


def test_sums_go_over_all_dates():
    """A reason that only some dates know, and a date whose counts are gone, are both added up."""
    rows = [partition(10, 7, short=3), partition(None, None), partition(5, 3, short=1, private=1)]
    assert drop_reasons(rows) == ["private", "short"]
    assert row_sums(rows) == {"rows_read": 15, "rows_kept": 10, "private": 1, "short": 4}


def test_a_date_is_restated_by_a_run_or_by_another_version():
    """Each of the three signs is enough."""
    usual = partition(1, 1)
    assert not is_restated(usual)
    signs = ({"restated_by": ["run"]}, {"replaced_by": "0" * 64}, {"other_versions": ["1" * 64]})
    assert all(is_restated(usual | sign) for sign in signs)


def test_steps_of_the_same_versions_stand_together():
    """A step whose record names no version says so."""
    runs = [
        {"step": step, "versions": found} for step, found in (("a", {"numpy": "2"}), ("b", None), ("c", {"numpy": "2"}))
    ]
    assert libraries(runs) == {"numpy 2": ["a", "c"], "not recorded": ["b"]}
