import multiprocessing
import resource
import time
import timeit


def cpu(run):
    return timeit.timeit(run, timer=time.process_time, number=1)


def first_run(run):
    """CPU seconds and MB that the first run takes, in a process of its own."""

    def child(pipe):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, most = cpu(run), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pipe.send((seconds, (most - before) / 1e3))

    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    context.Process(target=child, args=(theirs,)).start()
    theirs.close()
    return ours.recv()
