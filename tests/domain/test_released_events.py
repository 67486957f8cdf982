"""Logs outlive code: what was ever stored is read for ever."""

import json
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.domain import Aggregate

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.events import ACCESS_TOPICS, AGGREGATES, INVOICE_TOPICS, TOPICS
from eventlog.codec import Codec
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import AGGREGATE_ID, fields_of
from tests.domain.store_event_samples import Sample, fields_shown, root_of, samples

_SAMPLES = samples()
_IDS = [f"{sample.topic}-{index}" for index, sample in enumerate(_SAMPLES)]
_CODEC = Codec()


def _decoded(sample: Sample) -> DomainEvent:
    event = _CODEC.decode(sample.stored())
    assert isinstance(event, DomainEvent)
    return event


def test_the_topics_are_the_frozen_ones() -> None:
    """A topic that vanishes makes logs unreadable. A new one is added to the list."""
    frozen = Path(__file__).with_name("topics.txt").read_text(encoding="utf-8").split()
    assert list(TOPICS) == frozen


def test_readers_of_a_kind_follow_all_its_topics() -> None:
    assert set(INVOICE_TOPICS) == {topic for topic in TOPICS if topic.startswith("invoice.")}
    prefixes = ("app.", "connection.")
    assert set(ACCESS_TOPICS) == {topic for topic in TOPICS if topic.startswith(prefixes)}


def test_no_two_classes_share_a_topic() -> None:
    concrete = [kind for kind in EXAMPLES if "TOPIC" in kind.__dict__]
    assert sorted(kind.TOPIC for kind in concrete) == list(TOPICS)
    roots = [root.__dict__["TOPIC"] for root in AGGREGATES]
    assert len(set(roots)) == len(roots)
    assert not set(roots) & set(TOPICS)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_every_written_field_is_in_a_sample(kind: type[DomainEvent]) -> None:
    """Otherwise: python -m tests.domain.store_event_samples."""
    assert fields_of(kind) - {"originator_topic"} <= fields_shown(kind.TOPIC)


@pytest.mark.parametrize("sample", _SAMPLES, ids=_IDS)
def test_a_stored_event_has_every_field_that_its_class_has_today(sample: Sample) -> None:
    event = _decoded(sample)
    assert type(event) is sample.kind
    for name in fields_of(type(event)):
        assert hasattr(event, name), f"{name} needs a default or an upcaster"


@pytest.mark.parametrize("sample", _SAMPLES, ids=_IDS)
def test_nothing_that_was_stored_is_lost_or_changed(sample: Sample) -> None:
    again: dict[str, Any] = json.loads(_CODEC.encode(_decoded(sample)).state)
    assert {name: again[name] for name in sample.state} == sample.state


@pytest.mark.parametrize("sample", _SAMPLES, ids=_IDS)
def test_a_stored_event_still_folds(sample: Sample) -> None:
    event = _decoded(sample)
    if isinstance(event, Aggregate.Created):
        beginnings = [None]
    else:
        root = root_of(sample.kind)
        beginnings = [
            _decoded(first).mutate(None)
            for first in _SAMPLES
            if first.version == 1 and root_of(first.kind) is root
        ]
    assert beginnings
    for before in beginnings:
        after = event.mutate(before)
        assert isinstance(after, AggregateRoot)
        assert after.id == AGGREGATE_ID
        assert after.version == sample.version
