"""joblib with its own processes (loky), kept between calls. Arrays above 1 MB go through mapped files by its default."""

from peer_protocol import Unsupported, answer_orders, report_missing, timed, verify

try:
    import joblib
    import numpy
    import peer_data as data
    from joblib import Parallel, delayed
except ImportError as error:
    report_missing(error)

WORKERS = 2
parallel = None


def start(mark=0):
    global parallel
    stop()

    def begin():
        global parallel
        parallel = Parallel(n_jobs=WORKERS, backend="loky").__enter__()
        return parallel([delayed(data.add_one)(41)] * WORKERS)

    seconds, answers = timed(begin)
    verify(answers == [42] * WORKERS, "answers of the workers")
    return seconds


def stop():
    global parallel
    if parallel is not None:
        parallel.__exit__(None, None, None)
        joblib.externals.loky.get_reusable_executor().shutdown(wait=True, kill_workers=True)
    parallel = None


def call(count, mark):
    def calls():
        for i in range(count):
            verify(parallel([delayed(data.add_one)(i)]) == [i + 1], "sum")

    return timed(calls)[0]


def tasks(count, engines, mark, balanced=0):
    if engines == 1:
        raise Unsupported("a single worker runs in the caller")
    seconds, values = timed(lambda: parallel(delayed(data.add_one)(i) for i in range(count)))
    data.verify_sums(values, count)
    return seconds


def map_items(count, chunk, mark):
    if chunk != 0:
        raise Unsupported("its batches go by measured time")
    return tasks(count, WORKERS, mark)


def echo(bytes, mark):
    array = fresh(data.ramp(bytes, mark))
    seconds, [back] = timed(lambda: parallel([delayed(data.same)(array)]))
    data.verify_ramp(back, bytes // 8, mark)
    return seconds


def scatter(bytes, mark):
    parts = data.halves(data.ramp(bytes, mark))
    seconds, ends = timed(lambda: parallel(delayed(data.ends)(part) for part in parts))
    data.verify_ends(ends, bytes, mark)
    return seconds


def gather(bytes, mark):
    length = bytes // 16
    places = [0, length]
    seconds, whole = timed(lambda: numpy.concatenate(parallel(delayed(data.part)(place, length) for place in places)))
    data.verify_ramp(whole, bytes // 8, 0)
    return seconds


def push(bytes, mark):
    array = fresh(data.ramp(bytes, mark))
    seconds, ends = timed(lambda: parallel([delayed(data.ends)(array)] * WORKERS))
    data.verify_whole_ends(ends, bytes, mark)
    return seconds


def map_moved(length, mark):
    parts = data.halves(data.wave(length))
    seconds, sums = timed(lambda: parallel(delayed(data.sum_of_wave)(part) for part in parts))
    data.verify_sum(sum(sums), length)
    return seconds


def fresh(array):
    """joblib maps an array that it has seen before only once, even if its contents are others now."""
    return array[:]


def release():
    data.forget_data()
    return 0


operations = {
    "start": start,
    "call": call,
    "tasks": tasks,
    "mapItems": map_items,
    "echo": echo,
    "scatter": scatter,
    "gather": gather,
    "push": push,
    "mapMoved": map_moved,
    "release": release,
}

if __name__ == "__main__":
    answer_orders({"joblib": joblib.__version__, "numpy": numpy.__version__}, operations, stop)
