"""A baseline: numpy in one thread. It answers only the big map."""

from peer_protocol import answer_orders, report_missing, timed

try:
    import numpy
    import peer_data as data
except ImportError as error:
    report_missing(error)


def map_resident(length, mark):
    array = data.wave(length)
    seconds, total = timed(lambda: data.sum_of_wave(array))
    data.verify_sum(total, length)
    return seconds


def release():
    data.forget_data()
    return 0


answer_orders({"numpy": numpy.__version__}, {"mapResident": map_resident, "release": release}, lambda: None)
