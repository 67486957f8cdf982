"""Logs outlive code: what was ever stored is read for ever."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Mapper

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.events import ACCESS_TOPICS, AGGREGATES, INVOICE_TOPICS, TOPICS
from eventlog.codec import Codec, EventTranscoder
from eventlog.typed_state import state_reader
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import AGGREGATE_ID, fields_of
from tests.domain.store_event_samples import Sample, fields_shown, root_of, samples

_SAMPLES = {f"{sample.topic}-{index}": sample for index, sample in enumerate(samples())}
_CODEC = Codec()


def _decoded(sample: Sample) -> DomainEvent:
    event = _CODEC.decode(sample.stored())
    assert isinstance(event, DomainEvent)
    return event


def test_events_are_read_by_their_fields_types_as_eventsourcing_reads_them() -> None:
    original: Mapper[UUID] = Mapper(transcoder=EventTranscoder())
    for name, sample in _SAMPLES.items():
        stored = sample.stored()
        assert vars(_decoded(sample)) == vars(original.to_domain_event(stored)), name
        read = state_reader(stored.topic)
        assert read is not None, name
        assert read(stored.state) is not None, name


def test_the_topics_are_the_frozen_ones() -> None:
    """A topic that vanishes makes logs unreadable. A new one is added to the list."""
    frozen = Path(__file__).with_name("topics.txt").read_text(encoding="utf-8").split()
    assert list(TOPICS) == frozen


def test_readers_of_a_kind_follow_all_its_topics() -> None:
    assert set(INVOICE_TOPICS) == {topic for topic in TOPICS if topic.startswith("invoice.")}
    prefixes = ("app.", "connection.", "dashboard_session.")
    assert set(ACCESS_TOPICS) == {topic for topic in TOPICS if topic.startswith(prefixes)}


def test_no_two_classes_share_a_topic() -> None:
    concrete = [kind for kind in EXAMPLES if "TOPIC" in kind.__dict__]
    assert sorted(kind.TOPIC for kind in concrete) == list(TOPICS)
    roots = [root.__dict__["TOPIC"] for root in AGGREGATES]
    assert len(set(roots)) == len(roots)
    assert not set(roots) & set(TOPICS)


def test_every_written_field_is_in_a_sample() -> None:
    """Otherwise: python -m tests.domain.store_event_samples."""
    shown = fields_shown()
    missing = {
        kind.TOPIC: fields_of(kind) - {"originator_topic"} - shown[kind.TOPIC] for kind in EXAMPLES
    }
    assert {topic: fields for topic, fields in missing.items() if fields} == {}


def test_a_stored_event_has_every_field_that_its_class_has_today() -> None:
    for name, sample in _SAMPLES.items():
        event = _decoded(sample)
        assert type(event) is sample.kind, name
        for field in fields_of(type(event)):
            assert hasattr(event, field), f"{name}: {field} needs a default or an upcaster"


def test_nothing_that_was_stored_is_lost_or_changed() -> None:
    for name, sample in _SAMPLES.items():
        again: dict[str, Any] = json.loads(_CODEC.encode(_decoded(sample)).state)
        assert {field: again[field] for field in sample.state} == sample.state, name


def test_a_stored_event_still_folds() -> None:
    for name, sample in _SAMPLES.items():
        event = _decoded(sample)
        if isinstance(event, Aggregate.Created):
            beginnings = [None]
        else:
            root = root_of(sample.kind)
            beginnings = [
                _decoded(first).mutate(None)
                for first in _SAMPLES.values()
                if first.version == 1 and root_of(first.kind) is root
            ]
        assert beginnings, name
        for before in beginnings:
            after = event.mutate(before)
            assert isinstance(after, AggregateRoot), name
            assert (after.id, after.version) == (AGGREGATE_ID, sample.version), name
