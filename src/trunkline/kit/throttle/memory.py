"""A bounded memory of what was used lately."""

from typing import Generic, TypeVar

from trunkline.kit.clock import monotonic

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """At most `size` entries in two generations.

    Whatever is used moves to the young one; when that is full, or `idle_seconds` old, the old one is forgotten. Nothing is
    scanned, and an entry idle for twice `idle_seconds` is gone.
    """

    __slots__ = ("_half", "_idle_seconds", "_old", "_turned_at", "_young")

    def __init__(self, size: int, idle_seconds: float) -> None:
        self._half = max(1, size // 2)
        self._idle_seconds = idle_seconds
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}
        self._turned_at = monotonic()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key) -> Value | None:
        """The entry of `key`, which is thereby used; None when there is none."""
        value = self._young.get(key)
        if value is None and (value := self._old.pop(key, None)) is not None:
            self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember `value`, the newest of all."""
        if len(self._young) >= self._half:
            self._turn(monotonic())
        self._young[key] = value

    def forget_idle(self, now: float) -> None:
        """Let a generation go when its time has come. Costs nothing; call it often."""
        if now - self._turned_at >= self._idle_seconds:
            self._turn(now)

    def _turn(self, now: float) -> None:
        self._old, self._young, self._turned_at = self._young, {}, now
