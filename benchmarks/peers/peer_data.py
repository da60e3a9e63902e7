"""The arrays that travel, how they are recognised on their return, and what is computed. The same as lib/data.ts."""

import numpy
from peer_protocol import verify

_kept = {}


def ramp(size, mark):
    """0, 1, 2, …; the first element is `mark`, so that an older copy does not pass for this one."""
    array = _keep(("ramp", size), lambda: numpy.arange(size // 8, dtype=numpy.float64))
    array[0] = mark
    return array


def wave(length):
    """The arguments of the big map: between 0 and 10."""
    return _keep(("wave", length), lambda: (numpy.arange(length) % 4096) / 409.6)


def wave_sum(length):
    return _keep(("sum", length), lambda: sum_of_wave(wave(length)))


def verify_ramp(array, length, mark):
    verify(array.shape == (length,) and array.dtype == numpy.float64, f"not {length} float64")
    step = max(1, length // 1000)
    verify(array[0] == mark, "first element")
    verify(bool((array[step::step] == numpy.arange(step, length, step)).all()), "elements between")
    verify(array[-1] == length - 1, "last element")


def verify_ends(ends, size, mark):
    """Of the two halves: length, first and last element."""
    half = size // 16
    expected = [[half, mark, half - 1], [half, half, 2 * half - 1]]
    verify([list(end) for end in ends] == expected, f"ends of the parts: {ends}")


def verify_whole_ends(ends, size, mark):
    """Of the whole array, as each of two engines has it."""
    verify([list(end) for end in ends] == [[size // 8, mark, size // 8 - 1]] * 2, f"ends of the array: {ends}")


def verify_sum(total, length):
    expected = wave_sum(length)
    verify(abs(total - expected) <= 1e-9 * abs(expected), f"sum {total}, expected {expected}")


def verify_sums(values, count):
    verify(list(values) == list(range(1, count + 1)), "sums")


def forget_data():
    _kept.clear()


def halves(array):
    return array[: len(array) // 2], array[len(array) // 2 :]


# What the engines run. Each imports what it needs, since it may be sent as source.


def add_one(x):
    return x + 1


def same(array):
    return array


def ends(array):
    return [len(array), float(array[0]), float(array[-1])]


def sum_of_wave(values):
    import numpy

    return float((numpy.sin(values) * numpy.sqrt(values) + 1).sum())


def part(start, length, _made={}):
    """A stretch of 0, 1, 2, …; made once in each process, as what lies there already."""
    import numpy

    if (start, length) not in _made:
        _made.clear()
        _made[start, length] = numpy.arange(start, start + length, dtype=numpy.float64)
    return _made[start, length]


def _keep(name, make):
    if name not in _kept:
        _kept[name] = make()
    return _kept[name]
