"""Tables on a terminal: what a person sees stands in straight columns, whatever the script of a title."""

from recsys_tasks.reporting.terminal_tables import as_table

COLUMNS = {"track_id": "track", "title": "title", "score": "score"}


def row(track_id="1", title="Plage", score: float | None = 0.5):
    """A row of a list."""
    return {"track_id": track_id, "title": title, "score": score}


def test_numbers_stand_on_the_right_and_words_on_the_left():
    """Two spaces between columns, dashes as wide as what stands below them; fractions with four digits."""
    rows = [{"day": "2026-02-02", "scored": 3257, "precision": 0.03306, "verdict": "PASS"}]
    columns = {"day": "day", "scored": "scored", "precision": "candidate p@k", "verdict": "verdict"}
    assert as_table(rows, columns).splitlines() == [
        "day         scored  candidate p@k  verdict",
        "----------  ------  -------------  -------",
        "2026-02-02   3,257         0.0331  PASS",
    ]


def test_a_number_that_is_not_there_is_a_dash():
    """None is shown, and the column remains one of numbers."""
    lines = as_table([row(score=None), row(score=-0.00001)], COLUMNS).splitlines()
    assert [line[-6:] for line in lines[2:]] == ["     -", "0.0000"]


def test_text_that_looks_like_a_number_stays_text():
    """An id is no number: it keeps its zeros and its side, and 1e5 is not 100000, whatever the heading is."""
    lines = as_table([row("007", "1e5"), row("12345", "1,000.50")], COLUMNS).splitlines()
    assert lines[2] == "007    1e5       0.5000"
    assert lines[3] == "12345  1,000.50  0.5000"
    assert as_table([{"year": "1e5"}], {"year": "2026"}).splitlines()[2] == "1e5"


def test_wide_characters_take_two_places():
    """Chinese, Japanese and Korean titles leave the next column where it is."""
    titles = ("東京の夜に降る雨", "서울의 밤", "Dérive", "De\u0301rive")
    lines = as_table([row(title=title) for title in titles], COLUMNS).splitlines()
    assert lines[1] == "-----  ----------------  ------"
    assert lines[2] == "1      東京の夜に降る雨  0.5000"
    assert lines[3] == "1      서울의 밤         0.5000"
    assert lines[4] == "1      Dérive            0.5000"
    assert lines[5] == "1      De\u0301rive            0.5000"


def test_a_table_without_rows_has_its_headings():
    """Nothing is listed, and nothing fails."""
    assert as_table([], COLUMNS) == "track  title  score\n-----  -----  -----"
