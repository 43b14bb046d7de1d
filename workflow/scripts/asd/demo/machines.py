"""The machines that can be simulated, and their faults.

To add a machine, write a class of it here and enter that in `REGISTRY`; nothing else knows their names.

The names are needed where there is no NumPy, for the plan of a run: what computes is imported where it computes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ..errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

    from .signals import Array, Grid, Spectrum

_IDLE = 0.12  # of its noise that the drive of a slide rail makes while it stands
_MAINS = 50.0  # Hz


class Machine(ABC):
    """A specimen of a machine, ready to run.

    Attributes
    ----------
    faults
        That such a machine can have.
    body
        Response of its housing, complex128 [bins].
    """

    faults: ClassVar[tuple[str, ...]]
    body: Spectrum

    @abstractmethod
    def __init__(self, rng: Generator, grid: Grid) -> None:
        """Draw a specimen."""

    @abstractmethod
    def sound(self, rng: Generator, fault: str | None, severity: float) -> Array:
        """Sound of the machine at its source, float64 [length], about rms 1 before the housing.

        Parameters
        ----------
        rng
            What differs from clip to clip is drawn from it.
        fault
            One of `faults`; None for a sound machine.
        severity
            Of the fault, 0 is none at all.
        """


class _Rotor(Machine):
    """What fans and pumps share: a shaft with blades or vanes in a housing.

    Attributes
    ----------
    blades
        Number of blades or vanes.
    orders, phases
        Amplitude and phase of the tones at multiples of the rotation rate, float64 [ORDERS]; of rms 1 together.
    passing
        Whether an order is a multiple of the number of blades, bool [ORDERS].
    rate
        Revolutions per second.
    flow
        Amplitude of the flow noise over frequency, float64 [bins].
    """

    blades: int
    orders: Array
    phases: Array
    passing: NDArray[np.bool_]
    rate: float
    flow: Array

    def _draw(
        self,
        rng: Generator,
        grid: Grid,
        *,
        blades: tuple[int, int],
        passing_share: float,
        rate: tuple[float, float],
        flow: tuple[tuple[float, float], tuple[float, float]],
        body: tuple[float, float, int],
    ) -> None:
        """Draw the attributes.

        Parameters
        ----------
        blades
            Lowest number, and the one after the highest.
        passing_share
            Part of the power of all tones that those at multiples of the number of blades have.
        rate
            Its range, Hz.
        flow
            Ranges of the lower and the upper edge of the flow noise, Hz.
        body
            Lowest and highest resonance, Hz, and their number.
        """
        import numpy as np

        from . import signals

        self._grid = grid
        self.blades = int(rng.integers(*blades))
        number = np.arange(1, signals.ORDERS + 1)
        self.passing = number % self.blades == 0
        falling = np.where(self.passing, (number / self.blades) ** -0.9, number**-0.8)
        self.orders = rng.lognormal(0.0, 0.4, signals.ORDERS) * falling
        for chosen, share in ((self.passing, passing_share), (~self.passing, 1.0 - passing_share)):
            self.orders[chosen] *= np.sqrt(2.0 * share / np.sum(self.orders[chosen] ** 2))
        self.rate = rng.uniform(*rate)
        self.phases = rng.uniform(0.0, 2.0 * math.pi, signals.ORDERS)
        self.flow = signals.band(grid.frequencies, rng.uniform(*flow[0]), rng.uniform(*flow[1]), 1)
        self.body = signals.body_response(rng, grid.frequencies, *body, 2.5)


class Fan(_Rotor):
    """A fan.

    Unbalance sways the rotor once per turn: it modulates all sound and raises the first shaft orders.  Clogging
    starves the blades, whose tones sink, and makes the flow separate, which adds noise of low frequency and takes
    some of the high.  Another supply voltage changes the rotation rate, and with it the level: the power of tones
    grows with about the fourth, that of flow noise with about the fifth power of the rate.
    """

    faults = ("unbalance", "clogging", "voltage_change")

    def __init__(self, rng: Generator, grid: Grid) -> None:
        self._draw(
            *(rng, grid),
            blades=(5, 10),
            passing_share=0.85,
            rate=(20.0, 32.0),
            flow=((120.0, 250.0), (700.0, 1400.0)),
            body=(180.0, 5000.0, 6),
        )

    def sound(self, rng: Generator, fault: str | None, severity: float) -> Array:
        import numpy as np

        from .signals import ORDERS, band, coloured, gain, one_revolution, shaft_turns, turned

        grid = self._grid
        load = rng.normal()
        speed = 1.0 + 0.004 * load + 0.003 * rng.normal()
        orders = self.orders * np.where(self.passing, gain(0.8 * rng.normal()), gain(0.8 * rng.normal()))
        flow_level = gain(0.6 * load + 0.4 * rng.normal())
        flow = self.flow
        sway = 0.06 * rng.uniform(0.5, 1.5)
        if fault == "voltage_change":
            speed *= 1.0 + rng.choice([-1.0, 1.0]) * 0.17 * severity
        elif fault == "unbalance":
            sway += 0.75 * severity
            orders[:4] += severity * np.array([1.2, 0.7, 0.45, 0.3])
        elif fault == "clogging":
            orders = orders * np.where(self.passing, gain(-11.0 * severity), 1.0)
            separated = band(grid.frequencies, 60.0, 350.0, 1)
            flow = flow * band(grid.frequencies, 1.0, 5000.0 - 3800.0 * severity, 1) + 0.9 * severity * separated
            flow_level *= gain(2.0 * severity)
        turns = shaft_turns(rng, grid, self.rate * speed, 0.002)
        tones = turned(one_revolution(orders, self.phases), turns) * speed**2.0
        flowing = coloured(rng, flow, grid.length) * (flow_level * speed**2.5)
        wave = turned(one_revolution(np.eye(1, ORDERS)[0], self.phases), turns)
        return np.asarray((0.6 * tones + 0.8 * flowing) * (1.0 + sway * wave))


class Pump(_Rotor):
    """A water pump.

    A leak hisses: noise of high frequency in bursts.  Contamination grinds and rattles: particles strike the
    housing at random and make the rotation rough.  Clogging lets the flow break off behind the vanes: it cavitates,
    which crackles in time with the vanes, while the tones of the vanes and the noise of the flow sink.
    """

    faults = ("leakage", "contamination", "clogging")

    def __init__(self, rng: Generator, grid: Grid) -> None:
        self._draw(
            *(rng, grid),
            blades=(5, 8),
            passing_share=0.6,
            rate=(44.0, 52.0),
            flow=((250.0, 450.0), (1200.0, 2200.0)),
            body=(250.0, 6000.0, 7),
        )

    def sound(self, rng: Generator, fault: str | None, severity: float) -> Array:
        import numpy as np

        from .signals import add_blows, band, coloured, gain, one_revolution, poisson_times, shaft_turns, turned, wander

        grid = self._grid
        load = rng.normal()
        speed = 1.0 + 0.003 * load + 0.002 * rng.normal()
        orders = self.orders * np.where(self.passing, gain(0.5 * rng.normal()), gain(0.5 * rng.normal()))
        flow_level = gain(0.35 * load + 0.3 * rng.normal())
        if fault == "clogging":
            orders = orders * np.where(self.passing, gain(-6.0 * severity), 1.0)
            flow_level *= gain(-3.0 * severity)
        turns = shaft_turns(rng, grid, self.rate * speed, 0.001)
        sound = 0.65 * turned(one_revolution(orders, self.phases), turns)
        sound += (0.75 * flow_level) * coloured(rng, self.flow, grid.length)
        if fault == "leakage":
            hiss = coloured(rng, band(grid.frequencies, 3500.0, 9000.0), grid.length)
            bursts = np.clip(0.6 + wander(rng, grid, 0.5, 0.08), 0.2, 2.0)
            sound += 2.4 * severity * bursts * hiss
        elif fault == "contamination":
            sound *= 1.0 + wander(rng, grid, 0.35 * severity, 0.012)
            times = poisson_times(rng, grid, 60.0)
            add_blows(sound, times, 8.0 * severity * rng.lognormal(0.0, 0.5, len(times)), 0.0002)
        elif fault == "clogging":
            gate = np.maximum(0.0, np.cos(2.0 * np.pi * self.blades * turns)) ** 2
            sound += 1.8 * severity * gate * coloured(rng, band(grid.frequencies, 1500.0, 5000.0), grid.length)
            times = poisson_times(rng, grid, 150.0)
            add_blows(sound, times, 3.0 * severity * rng.lognormal(0.0, 0.6, len(times)), 0.0001)
        return sound


class Slider(Machine):
    """A slide rail: a carriage that runs back and forth, drawn by a motor with a belt.

    A damaged rail is struck by each of the carriage's two pairs of balls whenever they pass the place, on the way
    there and back.  A loose belt lets the carriage swing to and fro on its way and slaps after each turn.  Without
    grease the friction is louder and sticks and slips: it squeals while the carriage runs.

    Attributes
    ----------
    strokes
        Strokes per second, one way each.
    motor
        Revolutions of the motor per second while the carriage runs.
    speed, way
        Speed, 1 when running, and way gone, 0 to 1, over the time of a stroke; float64 [TABLE + 1].
    orders, phases
        Amplitude and phase of the motor's tones, float64 [ORDERS].
    damage
        Where on the rail a damage is, 0 to 1.
    squeal
        Frequency in Hz at which it squeals without grease.
    rolling
        Amplitude of the rolling noise over frequency, float64 [bins].
    """

    faults = ("rail_damage", "loose_belt", "no_grease")

    def __init__(self, rng: Generator, grid: Grid) -> None:
        import numpy as np

        from .signals import ORDERS, TABLE, band, body_response

        self._grid = grid
        self.strokes = rng.uniform(2.0, 2.8)
        ramp = rng.uniform(0.15, 0.25)
        moment = np.linspace(0.0, 1.0, TABLE + 1)
        self.speed = np.clip(np.minimum(moment, 0.94 - moment) / ramp, 0.0, 1.0)
        way = np.concatenate([[0.0], np.cumsum((self.speed[1:] + self.speed[:-1]) / 2.0)])
        self.way = way / way[-1]
        number = np.arange(1, ORDERS + 1)
        orders = np.where(number <= 14, rng.lognormal(0.0, 0.5, ORDERS) / number, 0.0)
        self.orders = orders * np.sqrt(2.0 / np.sum(orders**2))
        self.motor = rng.uniform(250.0, 380.0)
        self.phases = rng.uniform(0.0, 2.0 * np.pi, ORDERS)
        self.damage = rng.uniform(0.25, 0.75)
        self.squeal = rng.uniform(1800.0, 3200.0)
        self.rolling = band(grid.frequencies, rng.uniform(400.0, 700.0), rng.uniform(1800.0, 3000.0), 1)
        self.body = body_response(rng, grid.frequencies, 300.0, 6500.0, 7, 2.5)

    def sound(self, rng: Generator, fault: str | None, severity: float) -> Array:
        import numpy as np

        from ..recordings.audio import SAMPLE_RATE
        from .signals import TABLE, add_blows, band, coloured, gain, one_revolution, turned, wander

        grid = self._grid
        load = rng.normal()
        strokes = self.strokes * (1.0 + 0.004 * load + 0.003 * rng.normal())
        done = rng.uniform(0.0, 2.0) + grid.times * strokes
        speed = self.speed[((done % 1.0) * TABLE).astype(np.int64)]
        orders = self.orders * gain(0.6 * rng.normal())
        rolling_level = gain(0.4 * load + 0.3 * rng.normal())
        if fault == "loose_belt":
            swing = rng.uniform(9.0, 14.0)
            speed = speed * (1.0 + 0.35 * severity * np.sin(2.0 * np.pi * (swing * grid.times + rng.uniform())))
        turns = rng.uniform() + np.cumsum(speed) * (self.motor / SAMPLE_RATE)
        tones = turned(one_revolution(orders, self.phases), turns) * speed
        rolling = self.rolling
        if fault == "no_grease":
            rolling = rolling + 4.5 * severity * band(grid.frequencies, 2000.0, 6000.0)
            rolling_level *= gain(3.0 * severity)
        sound = 0.75 * tones + (0.85 * rolling_level) * (speed + _IDLE) * coloured(rng, rolling, grid.length)
        turnings = (np.arange(np.ceil(done[0]), done[-1]) - done[0]) / strokes
        add_blows(sound, turnings, 9.0 * rng.lognormal(0.0, 0.15, len(turnings)), 0.004)
        if fault == "rail_damage":
            hits = self.passing_times(done, strokes, 0.04)
            add_blows(sound, hits, 20.0 * severity * rng.lognormal(0.0, 0.2, len(hits)), 0.0002)
        elif fault == "loose_belt":
            slaps = (turnings[:, None] + np.cumsum(rng.uniform(0.02, 0.05, (len(turnings), 5)), axis=1)).ravel()
            heights = np.tile(0.75 ** np.arange(5), len(turnings)) * rng.lognormal(0.0, 0.3, len(slaps))
            add_blows(sound, slaps, 16.0 * severity * heights, 0.0006)
        elif fault == "no_grease":
            pitch = self.squeal * (1.0 + 0.02 * rng.normal() + wander(rng, grid, 0.006, 0.1))
            squeal = np.cumsum(pitch) / SAMPLE_RATE
            slip = np.clip(0.5 + wander(rng, grid, 0.7, 0.05), 0.0, 1.5) * speed
            sound += 3.2 * severity * slip * (np.sin(2.0 * np.pi * squeal) + 0.3 * np.sin(4.0 * np.pi * squeal))
        return np.asarray(sound)

    def passing_times(self, done: Array, strokes: float, wheelbase: float) -> Array:
        """Seconds at which the carriage's two pairs of balls pass the damage.

        Parameters
        ----------
        done
            Strokes up to each sample, float64 [length]; even ones go there, odd ones back.
        strokes
            Per second.
        wheelbase
            Distance of the two pairs, of the rail's length.
        """
        import numpy as np

        from .signals import TABLE

        numbers = np.arange(np.floor(done[0]), np.ceil(done[-1]))
        there = numbers % 2 == 0
        moments = []
        for pair in (-wheelbase / 2.0, wheelbase / 2.0):
            place = self.damage + pair
            way = np.where(there, place, 1.0 - place)
            moments.append(numbers + np.interp(way, self.way, np.linspace(0.0, 1.0, TABLE + 1)))
        return np.asarray((np.concatenate(moments) - done[0]) / strokes)


class Valve(Machine):
    """A solenoid valve that opens and closes in a steady rhythm, with a click each time.

    Its coil hums at multiples of twice the mains frequency, what flows through it hisses, and with each stroke the line
    knocks, now more and now less.  Its faults change how unlike the clicks are, when they come and how sharp they are,
    and leave the mean spectrum nearly as it is.  A sticking valve stays where it is now and then, and goes with the
    next stroke, late and with a bang.  One that closes late does so just when it opens again, and two clicks become a
    double one.  A weak spring closes it softly, while the magnet, which has less to work against, opens it hard.  Dirt
    makes it sluggish: it creeps, and scrapes where it clicked; less flows through.

    Attributes
    ----------
    cycles
        Per second.
    open_share
        Of a cycle, 0 to 1.
    closing
        Height of the click of closing, that of opening being 1.
    orders, phases
        Amplitude and phase of the hum at multiples of the mains frequency, float64 [ORDERS].
    flow
        Amplitude of the hissing flow over frequency, float64 [bins].
    """

    faults = ("sticking", "late_closing", "weak_spring", "sluggishness")

    def __init__(self, rng: Generator, grid: Grid) -> None:
        import numpy as np

        from .signals import ORDERS, band, body_response, gain

        self._grid = grid
        self.cycles = rng.uniform(3.2, 4.4)
        self.open_share = rng.uniform(0.35, 0.5)
        self.closing = gain(rng.uniform(-2.5, 0.0))
        number = np.arange(1, ORDERS + 1)
        orders = np.where((number % 2 == 0) & (number <= 12), rng.lognormal(0.0, 0.4, ORDERS) / number, 0.0)
        self.orders = orders * np.sqrt(2.0 / np.sum(orders**2))
        self.phases = rng.uniform(0.0, 2.0 * np.pi, ORDERS)
        self.flow = band(grid.frequencies, rng.uniform(1200.0, 2000.0), rng.uniform(5000.0, 7000.0), 1)
        self.body = body_response(rng, grid.frequencies, 500.0, 6500.0, 7, 2.0)

    def sound(self, rng: Generator, fault: str | None, severity: float) -> Array:
        import numpy as np

        from .signals import add_blows, coloured, gain, one_revolution, turned

        grid = self._grid
        load = rng.normal()
        times = self.stroke_times(rng, self.cycles * (1.0 + 0.02 * load + 0.02 * rng.normal()))
        heights = 44.0 * gain(0.8 * rng.normal()) * np.array([1.0, self.closing])
        heights = heights * rng.lognormal(0.0, 0.08, times.shape)
        knocks = 90.0 * rng.lognormal(0.0, 0.5, times.size)
        flow_level = gain(0.5 * load + 0.5 * rng.normal())
        if fault == "sticking":
            stuck = rng.random(len(times) - 1) < 0.3 + 0.3 * severity
            stuck[1:] &= ~stuck[:-1]
            heights[:-1][stuck] *= gain(-8.0 * severity)
            heights[1:][stuck] *= gain(7.0 * severity)
            times[1:][stuck] += 0.02 * severity
        elif fault == "late_closing":
            late = rng.random(len(times) - 1) < 0.2 + 0.8 * severity
            times[:-1, 1][late] = times[1:, 0][late] - rng.uniform(0.001, 0.006, np.count_nonzero(late))
        elif fault == "weak_spring":
            heights *= np.array([gain(6.0 * severity), gain(-7.0 * severity)])
        knocking = times.ravel()
        if fault == "sluggishness":
            scrapes = 24
            times = times[..., None] + rng.uniform(0.0, 0.08 * severity, (*times.shape, scrapes))
            heights = np.broadcast_to(heights[..., None] * (gain(-severity) / math.sqrt(scrapes)), times.shape)
            flow_level *= gain(-0.8 * severity)
        hum = turned(one_revolution(self.orders, self.phases), rng.uniform() + grid.times * _MAINS)
        sound = gain(0.5 * rng.normal()) * hum + (0.36 * flow_level) * coloured(rng, self.flow, grid.length)
        # either way round, so that they add up to no pressure that stays
        for when, height, width in ((knocking, knocks, 0.006), (times.ravel(), heights.ravel(), 0.0004)):
            add_blows(sound, when, height * rng.choice([-1.0, 1.0], len(height)), width)
        return np.asarray(sound)

    def stroke_times(self, rng: Generator, cycles: float) -> Array:
        """Seconds at which it opens and closes, float64 [cycles, 2], with a jitter of 2 ms; from before the clip on."""
        import numpy as np

        opening = (np.arange(-1.0, np.ceil(self._grid.times[-1] * cycles) + 1.0) + rng.uniform()) / cycles
        times = opening[:, None] + np.array([0.0, self.open_share / cycles])
        return np.asarray(times + rng.normal(0.0, 0.002, times.shape))


REGISTRY: dict[str, type[Machine]] = {"fan": Fan, "pump": Pump, "slider": Slider, "valve": Valve}
"""Name -> what can be simulated under it."""


def find_machine(name: str) -> type[Machine]:
    """The machine that is simulated under a name.

    Raises
    ------
    UserError
        If there is none, with the names there are.
    """
    if name not in REGISTRY:
        raise UserError(
            f"machine {name}: can't be simulated, only {', '.join(REGISTRY)} can. Set dataset.root to the folder of "
            "your recordings."
        )
    return REGISTRY[name]
