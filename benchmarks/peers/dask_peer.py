"""dask distributed: a local cluster of two processes with one thread each."""

import logging

from peer_protocol import answer_orders, report_missing, timed, verify

try:
    import dask
    import distributed
    import numpy
    import peer_data as data
except ImportError as error:
    report_missing(error)

WORKERS = 2
cluster = None
client = None
# What lies at the workers, by name.
resident = {}


def start(mark=0):
    stop()

    def begin():
        global cluster, client
        cluster = distributed.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.ERROR,
        )
        client = distributed.Client(cluster)
        client.wait_for_workers(WORKERS)
        return client.gather([client.submit(data.add_one, 41, workers=[at], pure=False) for at in workers()])

    seconds, answers = timed(begin)
    verify(answers == [42] * WORKERS, "answers of the workers")
    return seconds


def stop():
    global cluster, client
    resident.clear()
    if client is not None:
        client.close()
    if cluster is not None:
        cluster.close()
    cluster = client = None


def workers():
    return sorted(client.scheduler_info()["workers"])


def call(count, mark):
    first = workers()[:1]

    def calls():
        for i in range(count):
            verify(client.submit(data.add_one, i, workers=first, pure=False).result() == i + 1, "sum")

    return timed(calls)[0]


def tasks(count, engines, mark, balanced=0):
    some = None if balanced else workers()[:engines]
    seconds, values = timed(lambda: client.gather(client.map(data.add_one, range(count), workers=some, pure=False)))
    data.verify_sums(values, count)
    return seconds


def echo(bytes, mark):
    """Scattered first: an array that is given to submit would travel inside the graph, which is slower."""
    array = data.ramp(bytes, mark)
    first = workers()[:1]

    def there_and_back():
        there = client.scatter(array, workers=first, direct=True, hash=False)
        return client.gather(client.submit(data.same, there, workers=first, pure=False), direct=True)

    seconds, back = timed(there_and_back)
    data.verify_ramp(back, bytes // 8, mark)
    return seconds


def scatter(bytes, mark):
    resident.clear()
    array = data.ramp(bytes, mark)
    seconds, parts = timed(lambda: scattered(array))
    data.verify_ends(client.gather(each(data.ends, parts)), bytes, mark)
    return seconds


def gather(bytes, mark):
    if ("ramp", bytes) not in resident:
        resident.clear()
        resident["ramp", bytes] = scattered(data.ramp(bytes, 0))
    parts = resident["ramp", bytes]
    seconds, whole = timed(lambda: numpy.concatenate(client.gather(parts, direct=True)))
    data.verify_ramp(whole, bytes // 8, 0)
    return seconds


def push(bytes, mark):
    array = data.ramp(bytes, mark)
    seconds, there = timed(lambda: client.scatter(array, broadcast=True, direct=True, hash=False))
    futures = [client.submit(data.ends, there, workers=[at], pure=False) for at in workers()]
    data.verify_whole_ends(client.gather(futures), bytes, mark)
    return seconds


def map_moved(length, mark):
    array = data.wave(length)
    seconds, sums = timed(lambda: client.gather(each(data.sum_of_wave, scattered(array))))
    data.verify_sum(sum(sums), length)
    return seconds


def map_resident(length, mark):
    if ("wave", length) not in resident:
        resident.clear()
        resident["wave", length] = scattered(data.wave(length))
    parts = resident["wave", length]
    seconds, sums = timed(lambda: client.gather(each(data.sum_of_wave, parts)))
    data.verify_sum(sum(sums), length)
    return seconds


def release():
    data.forget_data()
    resident.clear()
    return 0


def scattered(array):
    """One half at each worker."""
    halves = zip(data.halves(array), workers())
    return [client.scatter(half, workers=[at], direct=True, hash=False) for half, at in halves]


def each(function, parts):
    return [client.submit(function, part, workers=[at], pure=False) for part, at in zip(parts, workers())]


operations = {
    "start": start,
    "call": call,
    "tasks": tasks,
    "echo": echo,
    "scatter": scatter,
    "gather": gather,
    "push": push,
    "mapMoved": map_moved,
    "mapResident": map_resident,
    "release": release,
}

if __name__ == "__main__":
    dask.config.set({"distributed.worker.daemon": True, "distributed.comm.timeouts.connect": "60s"})
    versions = {"distributed": distributed.__version__, "numpy": numpy.__version__}
    answer_orders(versions, operations, stop)
