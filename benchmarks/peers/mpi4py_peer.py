"""
mpi4py: one rank that asks and two that work. Calls go through mpi4py.futures; arrays through buffers that exist
already at both ends. Between questions the ranks sleep instead of polling, so that they do not disturb the others.
"""

import time

from peer_protocol import Unsupported, answer_orders, report_missing, timed, verify

try:
    import mpi4py
    import numpy
    import peer_data as data
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor
except ImportError as error:
    report_missing(error)

world = MPI.COMM_WORLD
WORKERS = [1, 2]
NAP_SECONDS = 0.0005
ORDERS, BULK, REPLY = 1, 2, 3
buffers = {}


def buffer(name, length):
    """Memory that is used again as long as its length stays."""
    if name not in buffers or len(buffers[name]) != length:
        buffers[name] = numpy.zeros(length)
    return buffers[name]


# The rank that asks.


def order(name, *parameters):
    """Wakes the workers, and comes back when they are ready to work."""
    for worker in WORKERS:
        world.send((name, parameters), dest=worker, tag=ORDERS)
    world.Barrier()


def call(count, mark):
    return with_executor(2, lambda executor: timed(lambda: one_after_another(executor, count))[0])


def one_after_another(executor, count):
    for i in range(count):
        verify(executor.submit(data.add_one, i).result() == i + 1, "sum")


def tasks(count, engines, mark, balanced=0):
    def at_once(executor):
        return timed(lambda: [f.result() for f in [executor.submit(data.add_one, i) for i in range(count)]])

    seconds, values = with_executor(engines, at_once)
    data.verify_sums(values, count)
    return seconds


def with_executor(workers, work):
    order("futures", workers)
    return in_executor(workers, work)


def echo(bytes, mark):
    array, back = data.ramp(bytes, mark), buffer("back", bytes // 8)
    order("echo", bytes // 8)

    def there_and_back():
        world.Send(array, dest=1, tag=BULK)
        world.Recv(back, source=1, tag=BULK)

    seconds, _ = timed(there_and_back)
    data.verify_ramp(back, bytes // 8, mark)
    return seconds


def scatter(bytes, mark):
    halves = data.halves(data.ramp(bytes, mark))
    order("scatter", bytes // 16)
    seconds, ends = timed(lambda: send_parts(halves))
    data.verify_ends(ends, bytes, mark)
    return seconds


def gather(bytes, mark):
    halves = data.halves(data.ramp(bytes, 0))
    order("scatter", bytes // 16)
    send_parts(halves)
    whole = buffer("whole", bytes // 8)
    whole[0] = -1
    order("gather", bytes // 16)

    def receive():
        requests = [world.Irecv(half, source=at, tag=BULK) for half, at in zip(data.halves(whole), WORKERS)]
        MPI.Request.Waitall(requests)

    seconds, _ = timed(receive)
    data.verify_ramp(whole, bytes // 8, 0)
    return seconds


def push(bytes, mark):
    array = data.ramp(bytes, mark)
    order("push", bytes // 8)

    def broadcast():
        world.Bcast(array, root=0)
        return [world.recv(source=worker, tag=REPLY) for worker in WORKERS]

    seconds, ends = timed(broadcast)
    data.verify_whole_ends(ends, bytes, mark)
    return seconds


def map_moved(length, mark):
    halves = data.halves(data.wave(length))
    order("map_moved", length // 2)
    seconds, sums = timed(lambda: send_parts(halves))
    data.verify_sum(sum(sums), length)
    return seconds


def map_resident(length, mark):
    halves = data.halves(data.wave(length))
    order("scatter", length // 2)
    send_parts(halves)
    order("map_resident", length // 2)

    def both():
        for worker in WORKERS:
            world.send(None, dest=worker, tag=ORDERS)
        return sum(world.recv(source=worker, tag=REPLY) for worker in WORKERS)

    seconds, total = timed(both)
    data.verify_sum(total, length)
    return seconds


def send_parts(parts):
    """Each worker its part; done when it has told what it made of it."""
    requests = [world.Isend(part, dest=at, tag=BULK) for part, at in zip(parts, WORKERS)]
    MPI.Request.Waitall(requests)
    return [world.recv(source=worker, tag=REPLY) for worker in WORKERS]


def start(mark=0):
    raise Unsupported("its ranks start with the program")


def release():
    data.forget_data()
    buffers.clear()
    order("forget")
    return 0


def stop():
    order("stop")


# The ranks that work.


def work():
    while True:
        while not world.iprobe(source=0, tag=ORDERS):
            time.sleep(NAP_SECONDS)
        name, parameters = world.recv(source=0, tag=ORDERS)
        world.Barrier()
        if name == "stop":
            return
        works[name](*parameters)


def work_echo(length):
    array = buffer("echo", length)
    if world.rank == 1:
        world.Recv(array, source=0, tag=BULK)
        world.Send(array, dest=0, tag=BULK)


def work_scatter(length):
    reply_to_part(length, data.ends)


def work_gather(length):
    world.Send(buffer("part", length), dest=0, tag=BULK)


def work_push(length):
    array = buffer("whole", length)
    world.Bcast(array, root=0)
    world.send(data.ends(array), dest=0, tag=REPLY)


def work_map_moved(length):
    reply_to_part(length, data.sum_of_wave)


def work_map_resident(length):
    world.recv(source=0, tag=ORDERS)
    world.send(data.sum_of_wave(buffer("part", length)), dest=0, tag=REPLY)


def reply_to_part(length, function):
    array = buffer("part", length)
    world.Recv(array, source=0, tag=BULK)
    world.send(function(array), dest=0, tag=REPLY)


works = {
    "futures": lambda workers: in_executor(workers, None),
    "echo": work_echo,
    "scatter": work_scatter,
    "gather": work_gather,
    "push": work_push,
    "map_moved": work_map_moved,
    "map_resident": work_map_resident,
    "forget": buffers.clear,
}


def in_executor(workers, work):
    """Both sides: the first rank does `work` with an executor of so many of the others, which serve it."""
    result = None
    is_member = world.rank <= workers
    some = world.Split(0 if is_member else MPI.UNDEFINED, world.rank)
    if is_member:
        with MPICommExecutor(some, root=0) as executor:
            if executor is not None:
                executor.submit(data.add_one, 1).result()
                result = work(executor)
        some.Free()
    return result


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
    if world.rank == 0:
        library = MPI.Get_library_version().split(",")[0]
        versions = {"mpi4py": mpi4py.__version__, "mpi": library, "numpy": numpy.__version__}
        answer_orders(versions, operations, stop)
    else:
        work()
