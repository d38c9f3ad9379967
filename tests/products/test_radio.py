"""Radio and related artists."""

from dataclasses import replace
from datetime import date
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest

from recsys_tasks.core.errors import UnknownId
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.products import Products
from recsys_tasks.products.radio import NEAR, SPACING, Seeds
from recsys_tasks.products.related import tag_vectors

DAY = date(2026, 1, 15)


@pytest.fixture(scope="module")
def seeds(products):
    """A track in the middle of the catalogue."""
    return Seeds(cols=(int(products.view.tracks.rank_cols[100]),))


class TestRadio:
    def test_the_same_seed_and_day_give_the_same_tracks(self, products, seeds):
        """Twice the same, and another day or number gives others."""
        first, again = (list(islice(products.radio(seeds, DAY, 1), 50)) for _ in range(2))
        assert first == again
        assert list(islice(products.radio(seeds, DAY, 2), 50)) != first
        assert list(islice(products.radio(seeds, date(2026, 1, 16), 1), 50)) != first

    def test_it_never_ends_and_nothing_returns_before_all_was_played(self, products, seeds):
        """As many tracks as there are stand once each, and it goes on."""
        n_tracks = len(products.view.tracks)
        played = list(islice(products.radio(seeds, DAY), n_tracks + 20))
        assert len(set(played[:n_tracks])) == n_tracks

    def test_it_mixes_the_parts_of_the_catalogue_and_spaces_artists(self, products, seeds):
        """Of ten tracks four are of the head, four of the middle, two of the tail; an artist waits a few tracks."""
        played = np.array(list(islice(products.radio(seeds, DAY), 100)))
        assert np.bincount(products.view.parts[played[:50]]).tolist() == [20, 20, 10]
        artists = products.artists.of_col[played]
        assert all(artists[n] not in artists[n + 1 : n + SPACING + 1] for n in range(90))

    def test_it_stays_near_to_its_seeds(self, products, seeds):
        """Its first tracks are nearer to the seed than the catalogue is."""
        played = list(islice(products.radio(seeds, DAY), 50))
        of_seed = products.view.directions(np.array(seeds.cols))[0]
        all_cosines = products.view.directions(np.arange(products.view.n_tracks)) @ of_seed
        assert all_cosines[played].mean() > all_cosines.mean() + all_cosines.std()
        assert products.view.n_tracks > NEAR

    def test_artists_are_seeds_and_filters_hold(self, products):
        """A radio from an artist plays allowed tracks alone."""
        allowed = np.arange(products.view.n_tracks) % 2 == 0
        played = list(islice(products.radio(Seeds(artists=(3,)), DAY, allowed=allowed), 40))
        assert allowed[played].all()

    def test_nothing_is_near_to_what_nobody_plays(self, products):
        """Seeds without a factor are refused before the first track."""
        with pytest.raises(UnknownId, match="nothing is near"):
            products.radio(Seeds(), DAY)


class TestRelatedArtists:
    def test_nobody_is_related_to_themselves_and_support_counts(self, products, bundle):
        """No artist stands on their own list, and each pair has enough common listeners."""
        artists = np.arange(30)
        found = products.related_artists(artists, 10)
        assert (found.artists != artists[:, None]).all()
        heard = products._related.listening.T.tocsr()
        for artist, row in zip(artists, found.artists, strict=True):
            common = heard[[artist]] @ heard[row[row >= 0]].T
            assert (common.toarray() >= products.settings.related_listeners).all()

    def test_co_listening_is_the_same_from_either_side(self, bundle):
        """By co-listening alone, two artists are as near to each other whoever is asked about."""
        plain = Products(bundle, ProductsConfig(related_candidates=1000))._related
        cols, cosines = plain._co_listening(np.array([2, 5]), 1000)
        there, back = cosines[0][cols[0] == 5], cosines[1][cols[1] == 2]
        assert there == back > 0

    def test_tags_bring_artists_together(self, products, bundle):
        """Two artists who alone share a tag rise to the top of each other's lists when tags alone count."""
        tags = [[] for _ in range(products.view.n_tracks)]
        listed = products.related_artists(np.array([0]), 50).artists[0]
        friend = int(listed[20])
        for artist in (0, friend):
            for col in products.artists.cols(artist).tolist():
                tags[col] = ["polka"]
        table = bundle.names.table.append_column("tags", pa.array(tags, pa.list_(pa.string())))
        tagged = replace(bundle, names=replace(bundle.names, table=table))
        found = Products(tagged, ProductsConfig(tags="tags", related_weights=(0.0, 0.0, 1.0)))
        assert found.related_artists(np.array([0]), 5).artists[0, 0] == friend

    def test_a_tag_of_everybody_says_nothing(self):
        """Tf-idf: what all have counts nothing, what one has counts whole."""
        lists = pa.array([["pop", "polka"], ["pop"], None], pa.list_(pa.string()))
        found = tag_vectors(lists, np.array([0, 1, -1]), 2).toarray()
        assert found.tolist() == [[0, 1], [0, 0]]
