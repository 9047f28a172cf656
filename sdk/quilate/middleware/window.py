"""How many calls a provider takes at once, learnt from what it takes and what it refuses."""

_START = 8.0
_KEPT = 0.85
_KEPT_AT_LEAST = 0.5
_STEEPNESS = 0.4  # as in RFC 9438


class Window:
    """The size of a congestion window, in calls in flight.

    It begins like TCP's slow start: every success while the window is full adds one call, so that
    the size doubles in each round, until the first refusal. A refusal keeps 85% of what was in
    flight, and as little as half when much of the same round is refused; it counts once a round,
    a round being the calls that began between two decreases. From then on the window grows along
    CUBIC's curve (RFC 9438), with rounds in place of seconds because a call takes milliseconds or
    minutes: soon back near the size that was refused, slowly past it, then ever faster, so that a
    limit that was raised is found and a limit that stands is seldom tried.

    >>> window = Window()
    >>> window.shrink(round=0, in_flight=8)
    >>> window.size
    6
    """

    __slots__ = ("_ceiling", "_exact", "_floor", "_passed", "_to_ceiling", "round")

    def __init__(self) -> None:
        self.round = 0
        self._exact = _START
        self._ceiling: float | None = None  # the most that was in flight without a refusal
        self._floor = 0.0  # the least that this round's refusals may leave
        self._passed = 0.0  # full rounds since the last decrease
        self._to_ceiling = 0.0  # rounds that it takes to be back at the ceiling

    @property
    def size(self) -> int:
        """How many calls may be in flight; never less than one."""
        return int(self._exact)

    def grow(self, round: int) -> None:
        """A call of `round` succeeded while the window was full."""
        if self._ceiling is None:
            self._exact += 1
        elif round == self.round:
            self._passed += 1 / self._exact
            beyond = self._passed - self._to_ceiling
            self._exact = max(self._exact, self._ceiling + _STEEPNESS * beyond**3)

    def shrink(self, round: int, in_flight: int) -> None:
        """A call of `round` was refused, with `in_flight` calls under way, itself included."""
        if round == self.round:
            self._decrease(in_flight)
        elif round == self.round - 1:
            # What is left of the round that was refused may be all that the server holds.
            self._keep(max(self._floor, min(self._exact, in_flight - 1)))

    def _decrease(self, in_flight: int) -> None:
        peak = min(self._exact, in_flight)
        self.round += 1
        self._ceiling = max(1.0, peak - 1)
        self._floor = max(1.0, _KEPT_AT_LEAST * peak)
        self._keep(max(1.0, _KEPT * peak))

    def _keep(self, exact: float) -> None:
        self._exact, self._passed = exact, 0.0
        self._to_ceiling = (max(0.0, (self._ceiling or 1.0) - exact) / _STEEPNESS) ** (1 / 3)
