"""ipyparallel: a cluster of two engines, and direct views on them."""

import logging
import os

from peer_protocol import answer_orders, report_missing, timed, verify

try:
    import ipyparallel
    import numpy
    import peer_data as data
except ImportError as error:
    report_missing(error)

ENGINES = 2
cluster = None
client = None
# Which array the engines have under the name `part`.
scattered = None


def start(mark=0):
    stop()

    def begin():
        global cluster, client
        cluster = ipyparallel.Cluster(n=ENGINES, controller_ip="127.0.0.1", log_level=logging.ERROR)
        client = cluster.start_and_connect_sync()
        return client[:].apply_sync(lambda: 42)

    seconds, answers = timed(begin)
    verify(answers == [42] * ENGINES, "answers of the engines")
    # The engines find the functions of this directory, as those of a user's package.
    client[:].execute(f"import sys; sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})", block=True)
    return seconds


def stop():
    global cluster, client, scattered
    if client is not None:
        client.close()
    if cluster is not None:
        cluster.stop_cluster_sync()
    cluster = client = scattered = None


def call(count, mark):
    engine = client[0]

    def calls():
        for i in range(count):
            verify(engine.apply_sync(data.add_one, i) == i + 1, "sum")

    seconds = timed(calls)[0]
    forget_results()
    return seconds


def tasks(count, engines, mark, balanced=0):
    views = [client.load_balanced_view()] if balanced else [client[i] for i in range(engines)]

    def at_once():
        results = [views[i % len(views)].apply_async(data.add_one, i) for i in range(count)]
        return [result.get() for result in results]

    seconds, values = timed(at_once)
    data.verify_sums(values, count)
    forget_results()
    return seconds


def map_items(count, chunk, mark):
    """Without a chunk size what each view does unless told otherwise: the better of the two is the direct view's."""
    if chunk == 0:
        seconds, values = timed(lambda: client[:].map_sync(data.add_one, range(count)))
    else:
        view = client.load_balanced_view()
        seconds, values = timed(lambda: view.map_sync(data.add_one, range(count), chunksize=chunk))
    data.verify_sums(values, count)
    forget_results()
    return seconds


def echo(bytes, mark):
    array = data.ramp(bytes, mark)
    seconds, back = timed(lambda: client[0].apply_sync(data.same, array))
    data.verify_ramp(back, bytes // 8, mark)
    forget_results()
    return seconds


def scatter(bytes, mark):
    global scattered
    array = data.ramp(bytes, mark)
    seconds, _ = timed(lambda: client[:].scatter("part", array, block=True))
    scattered = None
    data.verify_ends(client[:].apply_sync(data.ends, ipyparallel.Reference("part")), bytes, mark)
    forget_results()
    return seconds


def gather(bytes, mark):
    scatter_once(("ramp", bytes), lambda: data.ramp(bytes, 0))
    seconds, whole = timed(lambda: client[:].gather("part", block=True))
    data.verify_ramp(whole, bytes // 8, 0)
    forget_results()
    return seconds


def push(bytes, mark):
    array = data.ramp(bytes, mark)
    seconds, _ = timed(lambda: client[:].push({"whole": array}, block=True))
    data.verify_whole_ends(client[:].apply_sync(data.ends, ipyparallel.Reference("whole")), bytes, mark)
    forget_results()
    return seconds


def map_moved(length, mark):
    parts = data.halves(data.wave(length))

    def both():
        results = [client[i].apply_async(data.sum_of_wave, part) for i, part in enumerate(parts)]
        return sum(result.get() for result in results)

    seconds, total = timed(both)
    data.verify_sum(total, length)
    forget_results()
    return seconds


def map_resident(length, mark):
    scatter_once(("wave", length), lambda: data.wave(length))
    seconds, sums = timed(lambda: client[:].apply_sync(data.sum_of_wave, ipyparallel.Reference("part")))
    data.verify_sum(sum(sums), length)
    return seconds


def release():
    global scattered
    data.forget_data()
    scattered = None
    client[:].execute("part = whole = None", block=True)
    client.purge_everything()
    return 0


def scatter_once(name, array):
    global scattered
    if scattered != name:
        client[:].scatter("part", array(), block=True)
    scattered = name


def forget_results():
    """The client keeps every result until it is told not to."""
    client.purge_local_results("all")


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
    "mapResident": map_resident,
    "release": release,
}

if __name__ == "__main__":
    versions = {"ipyparallel": ipyparallel.__version__, "numpy": numpy.__version__}
    answer_orders(versions, operations, stop)
