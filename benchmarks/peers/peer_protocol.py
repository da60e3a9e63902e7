"""How a program answers the runner: JSON, one line a message, over standard input and output. See lib/protocol.ts."""

import json
import os
import sys
import time
import traceback


class Unsupported(Exception):
    """What a system cannot do, and why."""


def report_missing(error):
    """Says what is missing, instead of hello."""
    _say(sys.stdout, {"ready": False, "missing": str(error)})
    sys.exit(0)


def verify(is_right, what):
    """A wrong result's time does not count."""
    if not is_right:
        raise AssertionError(f"wrong result: {what}")


def timed(work):
    """Seconds of a piece of work, and its result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def answer_orders(versions, operations, stop):
    """Says hello, answers until the standard input ends (the runner has gone), then stops the system."""
    # What libraries print goes to the standard error: the standard output belongs to the protocol.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _say(answers, {"ready": True, "versions": {**versions, "python": sys.version.split()[0]}})
    try:
        while line := sys.stdin.readline():
            _say(answers, _answer(json.loads(line), operations))
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        stop()


def _answer(order, operations):
    operation = operations.get(order["operation"])
    if operation is None:
        return {"unsupported": "it has nothing like it"}
    try:
        return {"seconds": operation(**order["parameters"])}
    except Unsupported as reason:
        return {"unsupported": str(reason)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}\n{traceback.format_exc()}"}


def _say(stream, message):
    stream.write(json.dumps(message) + "\n")
    stream.flush()
