"""Lists that lie in the order of ids, asked for by rows."""

import numpy as np

from recsys_tasks.serving.kept_lists import KeptLists, places_of


def test_a_list_is_found_by_its_listeners_row():
    """Rows 0, 1 and 2 have the second, the third and the first id; the list of row 2 is empty, which is none."""
    lists = np.array([[-1, -1], [4, 5], [6, -1]], np.int32)
    kept = KeptLists(lists, lists / 2, lists + 10, places_of(np.array([2, 0, 1])))
    assert [each.tolist() for each in kept.of(0, 2)] == [[4, 5], [2.0, 2.5], [14, 15]]
    assert kept.of(1, 1).cols.tolist() == [6]
    assert kept.of(2, 2) is None
