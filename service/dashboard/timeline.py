"""The timeline of an invoice or subscription as a picture and as a list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from projections.invoices.queries import TimelineEntry
from service.dashboard import formats

Lane = Literal["caller", "provider", "webhook", "state"]
Tone = Literal["good", "bad", "plain"]

LANES: Final[tuple[Lane, ...]] = ("caller", "provider", "webhook", "state")
LANE_NAMES: Final = {
    "caller": "Requests",
    "provider": "Provider calls",
    "webhook": "Webhooks",
    "state": "Results",
}
_LEFT: Final = 110
_WIDTH: Final = 960
_LANE_HEIGHT: Final = 34
_STEP: Final = ".step_started"
_GOOD: Final = ("succeeded", "activated", "dispute_won", "request_done")
_BAD: Final = ("failed", "rejected", "gave_up", "refused", "dispute_opened", "dispute_lost",
               "expired", "parked")  # fmt: skip
_AMOUNTS: Final = ("amountMinor", "totalMinor")
_TEXTS: Final = ("declineCode", "code", "message", "reason", "lastError", "method")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it is shown; `took_ms` is the duration of a provider call, once it has ended."""

    position: int
    occurred_at: datetime
    title: str
    lane: Lane
    tone: Tone
    actor: str
    facts: list[str]
    data: dict[str, Any]
    took_ms: float | None
    since_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark of the picture."""

    x: float
    y: float
    width: float
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Lanes from top to bottom, time from left to right: each entry has its place in order."""

    width: int
    height: int
    lanes: list[tuple[str, float]]
    marks: list[Mark]


def entries_of(recorded: Sequence[TimelineEntry], currency: str | None) -> list[Entry]:
    """Describe the entries of a timeline, oldest first."""
    return list(_described(recorded, currency))


def picture_of(entries: Sequence[Entry]) -> Picture:
    """Place the entries."""
    slot = (_WIDTH - _LEFT - 10) / max(len(entries), 1)
    height = _LANE_HEIGHT * len(LANES)
    y_of = {lane: _LANE_HEIGHT * (nr + 0.5) for nr, lane in enumerate(LANES)}
    return Picture(
        width=_WIDTH,
        height=height + 6,
        lanes=[(LANE_NAMES[lane], y_of[lane]) for lane in LANES],
        marks=[
            Mark(
                x=round(_LEFT + slot * (nr + 0.5), 1),
                y=y_of[entry.lane],
                width=round(min(slot * 0.8, 60), 1),
                entry=entry,
            )
            for nr, entry in enumerate(entries)
        ],
    )


def moments_of(entries: Sequence[Entry], *, zone: str) -> list[dict[str, str]]:
    """Return the steps of the slider: each moment at which something happened."""
    steps: list[dict[str, str]] = []
    for entry in entries:
        at = entry.occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = f"{formats.when(entry.occurred_at, zone)}: {entry.title}"
        if steps and steps[-1]["at"] == at:
            steps[-1] = {"at": at, "text": text}
        else:
            steps.append({"at": at, "text": text})
    return steps


def _described(recorded: Sequence[TimelineEntry], currency: str | None) -> Iterator[Entry]:
    before: datetime | None = None
    for nr, entry in enumerate(recorded):
        yield Entry(
            position=entry.position,
            occurred_at=entry.occurred_at,
            title=_title(entry),
            lane=_lane(entry),
            tone=_tone(entry),
            actor=_actor(entry.actor),
            facts=list(_facts(entry, currency)),
            data=entry.data,
            took_ms=_took_ms(entry, recorded[nr + 1 :]),
            since_ms=None if before is None else _ms(entry.occurred_at, before),
        )
        before = entry.occurred_at


def _title(entry: TimelineEntry) -> str:
    if entry.type.endswith(_STEP):
        return f"Call to the provider: {_step(entry)}"
    if entry.type.startswith("provider_event."):
        return f"Webhook: {entry.data.get('providerType')}"
    _, _, name = entry.type.partition(".")
    return formats.words(name).capitalize()


def _step(entry: TimelineEntry) -> str:
    """Name a step without the id that tells repeated steps apart."""
    return formats.words(str(entry.data.get("step")).partition(":")[0])


def _lane(entry: TimelineEntry) -> Lane:
    if entry.type.endswith((_STEP, "step_gave_up")):
        return "provider"
    if entry.type.startswith("provider_event."):
        return "webhook"
    if entry.type.endswith(("requested", "resent", "terms_agreed")):
        return "caller"
    return "state"


def _tone(entry: TimelineEntry) -> Tone:
    if entry.type.endswith(_GOOD):
        return "good"
    return "bad" if entry.type.endswith(_BAD) else "plain"


def _actor(actor: str) -> str:
    kind, _, name = actor.partition(":")
    return f"{kind} {name[:12]}" if name else kind


def _facts(entry: TimelineEntry, currency: str | None) -> Iterator[str]:
    """Yield what is worth reading at once; all of it is in `data`."""
    if entry.type.endswith(_STEP):
        yield f"attempt {entry.data.get('attempt')}"
    for name in _AMOUNTS:
        minor = entry.data.get(name)
        if isinstance(minor, int):
            yield formats.amount(minor, currency)
            break
    for name in _TEXTS:
        text = entry.data.get(name)
        if isinstance(text, str) and text:
            yield formats.cut(text)[:200]
    effects = entry.data.get("effects")
    if isinstance(effects, list) and effects:
        yield "effect: " + ", ".join(formats.words(str(effect)) for effect in effects)
    source = entry.data.get("source")
    if isinstance(source, str):
        yield f"source: {source}"


def _took_ms(entry: TimelineEntry, later: Sequence[TimelineEntry]) -> float | None:
    """Return the time from the start of a call to the worker's next event: its answer."""
    if not entry.type.endswith(_STEP):
        return None
    answer = next((one for one in later if one.actor == entry.actor), None)
    return None if answer is None else _ms(answer.occurred_at, entry.occurred_at)


def _ms(later: datetime, earlier: datetime) -> float:
    return max((later - earlier).total_seconds() * 1000, 0)
