"""Catalogue snapshots: what the source showed of its tracks on a day is taken once, and then never asked again."""

from dataclasses import replace
from datetime import date

import pytest
from conftest import execute
from source_tables import create_streams
from stored_objects import flip

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import CorruptArtefact, NotStored, SourceUnavailable
from recsys_tasks.core.policy import QualityConfig
from recsys_tasks.core.source import CatalogueConfig
from recsys_tasks.repositories.catalogues import FOLDER, Catalogues, catalogue_name
from recsys_tasks.source.catalogue import catalogue_digest, catalogue_rule, empty_catalogue
from recsys_tasks.steps import Workplace, extract_streams

DAYS = DAY, TOMORROW = date(2026, 1, 15), date(2026, 1, 16)
RULE, OTHER = (catalogue_rule(CatalogueConfig(table=table)) for table in ("tracks", "songs"))


def tracks(*titles):
    """A catalogue of tracks 0, 1, ... with these titles."""
    empty = empty_catalogue("bigint")
    rows = [dict.fromkeys(empty.column_names) | {"track_id": n, "title": title} for n, title in enumerate(titles)]
    return type(empty).from_pylist(rows, schema=empty.schema)


@pytest.fixture
def catalogues(store):
    """The snapshots of an empty store."""
    return Catalogues(store)


def save(catalogues, day, rule, table):
    """Store a snapshot under the digest of its contents; the digest."""
    digest = catalogue_digest(table)
    catalogues.save(day, rule, digest, table)
    return digest


class TestStored:
    def test_a_snapshot_comes_back(self, catalogues):
        """Every column with its type, and the digest of what was read is that of what was stored."""
        digest = save(catalogues, DAY, RULE, tracks("a", None, "c"))
        found = catalogues.load(DAY, digest)
        assert found.equals(tracks("a", None, "c"))
        assert catalogue_digest(found) == digest

    def test_a_snapshot_is_found_by_day_and_configuration(self, catalogues):
        """Another date, or another configuration, has a snapshot of its own or none."""
        digest = save(catalogues, DAY, RULE, tracks("a"))
        assert catalogues.find(DAY, RULE) == digest
        assert (catalogues.find(DAY, OTHER), catalogues.find(TOMORROW, RULE)) == (None, None)
        other = save(catalogues, DAY, OTHER, tracks("b"))
        assert (catalogues.find(DAY, RULE), catalogues.find(DAY, OTHER)) == (digest, other)

    def test_what_was_never_taken_is_said(self, catalogues):
        """A missing snapshot is an error of its own."""
        with pytest.raises(NotStored):
            catalogues.load(DAY, digest_of("no snapshot"))

    def test_the_newest_is_told_with_its_size(self, catalogues, store):
        """One that rotted is passed over: it spoils its own date, and no later one."""
        assert catalogues.newest() is None
        save(catalogues, DAY, RULE, tracks("a", "b"))
        spoilt = save(catalogues, TOMORROW, OTHER, tracks("c"))
        assert catalogues.newest() == (TOMORROW, 1)
        flip(store, f"{catalogue_name(TOMORROW, spoilt)}/manifest.json")
        assert catalogues.newest() == (DAY, 2)

    def test_a_flipped_byte_is_refused(self, catalogues, store):
        """Names would stand beside other tracks, and nobody would see it."""
        digest = save(catalogues, DAY, RULE, tracks("a", "b"))
        flip(store, f"{catalogue_name(DAY, digest)}/tracks.parquet")
        with pytest.raises(CorruptArtefact, match=r"tracks\.parquet"):
            catalogues.load(DAY, digest)


@pytest.fixture
def service(store, source_dsn):
    """A source of two days and a catalogue of one track, and a store that nothing was extracted into."""
    create_streams(source_dsn)
    execute(
        source_dsn,
        *(f"INSERT INTO streams VALUES ({n}, 1, 1, '{day} 12:00+00', 200000, false)" for n, day in enumerate(DAYS)),
        "CREATE TABLE tracks (track_id bigint, title text, artist text, released_on date)",
        "INSERT INTO tracks VALUES (1, 'as it was', 'somebody', '2026-01-01')",
    )
    values = {"source": {"history_start": DAY}, "catalogue": {"table": "tracks"}}
    return Workplace(store, parse_config(values), source_dsn)


class TestTaken:
    def test_the_snapshot_of_a_day_is_taken_once(self, service):
        """A rerun makes the same candidate, whatever has been corrected in the source since."""
        taken = extract_streams(service, DAY).catalogue
        execute(service.dsn, "UPDATE tracks SET title = 'corrected'")
        assert extract_streams(service, DAY).catalogue == taken
        assert service.catalogues.load(DAY, taken).column("title").to_pylist() == ["as it was"]
        assert len(service.store.names(FOLDER)) == 1

    def test_the_next_day_shows_the_source_as_it_is_then(self, service):
        """Its own snapshot holds what was corrected, and the one before stays as it was."""
        taken = extract_streams(service, DAY).catalogue
        execute(service.dsn, "UPDATE tracks SET title = 'corrected'")
        later = extract_streams(service, TOMORROW).catalogue
        assert service.catalogues.load(TOMORROW, later).column("title").to_pylist() == ["corrected"]
        assert service.catalogues.load(DAY, taken).column("title").to_pylist() == ["as it was"]

    def test_without_a_catalogue_nothing_is_taken(self, store, service):
        """No table is configured, so none is asked."""
        bare = Workplace(store, parse_config({"source": {"history_start": DAY}}), service.dsn)
        assert extract_streams(bare, DAY).catalogue is None
        assert store.names(FOLDER) == []

    def test_a_catalogue_that_a_loader_has_emptied_is_not_kept(self, service):
        """What is kept stays with its date, without names for good: it is refused, and taken once it is whole."""
        execute(service.dsn, "INSERT INTO tracks VALUES (2, 'b', 'somebody', NULL), (3, 'c', 'somebody', NULL)")
        extract_streams(service, DAY)
        execute(service.dsn, "DELETE FROM tracks WHERE track_id > 1")
        said = r"tracks has 1 tracks, where the snapshot of 2026-01-15 has 3; asked: at least 0\.5 of them"
        with pytest.raises(SourceUnavailable, match=said):
            extract_streams(service, TOMORROW)
        execute(service.dsn, "INSERT INTO tracks VALUES (2, 'b', 'somebody', NULL)")
        taken = extract_streams(service, TOMORROW).catalogue
        assert len(service.catalogues.load(TOMORROW, taken)) == 2

    def test_a_catalogue_may_shrink_where_somebody_says_so(self, service):
        """Tracks are taken out for good, too."""
        extract_streams(service, DAY)
        execute(service.dsn, "TRUNCATE tracks")
        config = service.config.model_copy(update={"quality": QualityConfig(stop_catalogue=0)})
        taken = extract_streams(replace(service, config=config), TOMORROW).catalogue
        assert len(service.catalogues.load(TOMORROW, taken)) == 0
