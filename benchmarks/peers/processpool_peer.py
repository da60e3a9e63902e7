"""concurrent.futures.ProcessPoolExecutor."""

from peer_protocol import answer_orders, report_missing, timed, verify

try:
    from concurrent.futures import ProcessPoolExecutor

    import numpy
    import peer_data as data
except ImportError as error:
    report_missing(error)

WORKERS = 2
pools = {}


def pool(workers=WORKERS):
    if workers not in pools:
        pools[workers] = ProcessPoolExecutor(workers)
    return pools[workers]


def stop():
    for running in pools.values():
        running.shutdown(wait=True, cancel_futures=True)
    pools.clear()


def both(function, first, second):
    futures = [pool().submit(function, *first), pool().submit(function, *second)]
    return [future.result() for future in futures]


def start(mark=0):
    stop()
    seconds, answers = timed(lambda: both(data.add_one, (41,), (41,)))
    verify(answers == [42, 42], "answers of the workers")
    return seconds


def call(count, mark):
    def calls():
        for i in range(count):
            verify(pool().submit(data.add_one, i).result() == i + 1, "sum")

    return timed(calls)[0]


def tasks(count, engines, mark, balanced=0):
    executor = pool(engines)
    executor.submit(data.add_one, 1).result()
    seconds, values = timed(lambda: [f.result() for f in [executor.submit(data.add_one, i) for i in range(count)]])
    data.verify_sums(values, count)
    return seconds


def map_items(count, chunk, mark):
    seconds, values = timed(lambda: list(pool().map(data.add_one, range(count), chunksize=chunk or 1)))
    data.verify_sums(values, count)
    return seconds


def echo(bytes, mark):
    array = data.ramp(bytes, mark)
    seconds, back = timed(lambda: pool().submit(data.same, array).result())
    data.verify_ramp(back, bytes // 8, mark)
    return seconds


def scatter(bytes, mark):
    first, second = data.halves(data.ramp(bytes, mark))
    seconds, ends = timed(lambda: both(data.ends, (first,), (second,)))
    data.verify_ends(ends, bytes, mark)
    return seconds


def gather(bytes, mark):
    length = bytes // 16
    seconds, whole = timed(lambda: numpy.concatenate(both(data.part, (0, length), (length, length))))
    data.verify_ramp(whole, bytes // 8, 0)
    return seconds


def push(bytes, mark):
    array = data.ramp(bytes, mark)
    seconds, ends = timed(lambda: both(data.ends, (array,), (array,)))
    data.verify_whole_ends(ends, bytes, mark)
    return seconds


def map_moved(length, mark):
    first, second = data.halves(data.wave(length))
    seconds, sums = timed(lambda: both(data.sum_of_wave, (first,), (second,)))
    data.verify_sum(sum(sums), length)
    return seconds


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
    answer_orders({"numpy": numpy.__version__}, operations, stop)
