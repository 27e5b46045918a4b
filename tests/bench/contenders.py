# SPDX-License-Identifier: BSL-1.0
"""The libraries under test: how each program is built, started, told what to measure, and stopped."""

import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MPI = "--mca btl tcp,self --mca btl_tcp_if_include lo --mca pml ob1".split()
GLOO = {"allreduce": ["best", "bcube", "ring", "ring_chunked", "halving"], "broadcast": ["best", "one_to_all"],
        "allgather": ["best", "ring"], "reduce_scatter": ["halving"], "barrier": ["best", "all_to_all", "all_to_one"]}
# tutti's algorithms that keep the bracket, measured beside the automatic choice with --algorithms
ALGORITHMS = {"broadcast": ["star", "direct", "binomial", "chain"], "reduce": ["star", "direct", "binomial"],
              "allreduce": ["exchange", "star", "direct", "binomial", "doubling", "halving"],
              "scatter": ["star", "binomial"], "gather": ["star", "binomial"],
              "allgather": ["star", "direct", "doubling", "bruck", "ring"],
              "reduce_scatter": ["star", "direct", "halving", "pairwise"], "alltoall": ["direct", "bruck", "pairwise"],
              "barrier": ["exchange", "star", "direct", "binomial", "dissemination"]}
NOT_FOR = {"exchange": lambda p: p != 2, "reduce_scatter halving": lambda p: p & (p - 1) != 0,
           "doubling": lambda p: p & (p - 1) != 0}
STYLES = ["best", "default", "whole", "pieces", "big_buffers"]
ROOTED = ("broadcast", "reduce", "scatter", "gather")


def first_of(*names):
    return next((found for found in map(shutil.which, names) if found), None)


def mpirun(yields):
    return lambda program, np, _: [first_of("mpirun.openmpi", "mpirun"), "--allow-run-as-root", "--oversubscribe", *MPI,
                                   "--mca", "mpi_yield_when_idle", str(yields), "-np", str(np), program]


class Contender:
    """One column: a program and the variants of a call that compete for the best of this library."""

    def __init__(self, name, source, command, environment=None, variants=lambda call, p: ["best"], flags=(),
                 compiler=(), sizes=range(2, 65)):
        self.name, self.source, self.command, self.environment = name, source, command, environment or {}
        self.variants, self.flags, self.compiler, self.sizes = variants, list(flags), compiler, sizes
        self.library = name.split()[0]


CONTENDERS = [
    Contender("tutti", "tutti.cpp", lambda program, np, _: [program, "--np", str(np)], {"TUTTI_TRANSPORT": "tcp"}),
    Contender("openmpi spin", "mpi.cpp", mpirun(0), compiler=("mpicxx.openmpi",)),
    Contender("openmpi yield", "mpi.cpp", mpirun(1), compiler=("mpicxx.openmpi",)),
    # MPICH waits without yielding: with more ranks than cores a call takes as many time slices.
    Contender("mpich", "mpi.cpp", lambda program, np, _: [first_of("mpiexec.mpich"), "-n", str(np), program],
              {"UCX_TLS": "tcp,self", "UCX_NET_DEVICES": "lo", "MPIR_CVAR_NOLOCAL": "1"}, compiler=("mpicxx.mpich",),
              sizes=[2]),
    Contender("gloo", "gloo.cpp", lambda program, np, work: [program, "--np", str(np), "--store", work],
              variants=lambda call, p: GLOO.get(call, ["best"]), flags=["-lgloo"]),
    Contender("raw", "raw.cpp", lambda program, np, _: [program, "--np", str(np)],
              variants=lambda call, p: STYLES if p == 2 or call in ROOTED else []),
]


def fresh(program, command):
    """True if the program was built by this command after the last change of any source."""
    built, how = pathlib.Path(program), pathlib.Path(program + ".command")
    sources = [*HERE.glob("*.[ch]pp"), *(ROOT / "include").rglob("*.hpp")]
    return (built.exists() and how.exists() and how.read_text() == shlex.join(command) and
            built.stat().st_mtime > max(s.stat().st_mtime for s in sources))


def compile_all(commands, environment=None):
    """{program: command}, two at a time."""
    running = []
    for program, command in commands.items():
        if fresh(program, command):
            continue
        pathlib.Path(program).unlink(missing_ok=True)
        pathlib.Path(program + ".command").write_text(shlex.join(command))
        if len(running) == 2:
            finish(running.pop(0))
        running.append(subprocess.Popen(command, env={**os.environ, **(environment or {})}))
    for job in running:
        finish(job)


def forced(call, p):
    return [a for a in ALGORITHMS[call] if not NOT_FOR.get(f"{call} {a}", NOT_FOR.get(a, lambda _: False))(p)]


def build(wanted, directory, flags):
    """Compiles the programs, all with the same flags; what is not installed is left out, aloud."""
    directory.mkdir(parents=True, exist_ok=True)
    cxx = os.environ.get("CXX") or first_of("g++", "c++", "clang++")
    jobs, programs = {}, {}
    for c in wanted:
        compiler = first_of(*c.compiler) if c.compiler else cxx
        runner = {"openmpi": "mpirun.openmpi", "mpich": "mpiexec.mpich"}.get(c.library)
        if not compiler or (runner and not first_of(runner)) or (
                c.library == "gloo" and not pathlib.Path("/usr/include/gloo").is_dir()):
            print(f"# {c.name}: left out, it is not installed", file=sys.stderr)
            continue
        programs[c.name] = str(directory / f"bench_{c.library}")
        jobs[programs[c.name]] = (shlex.split(compiler) + flags + ["-I", str(ROOT / "include"), str(HERE / c.source)] +
                                  c.flags + ["-o", programs[c.name]])
    compile_all(jobs, {"OMPI_CXX": cxx, "MPICH_CXX": cxx})
    return programs


def finish(job):
    if job.wait() != 0:
        sys.exit(f"bench: does not compile: {shlex.join(job.args)}")


class Failed(Exception):
    pass


class Worker:
    """A running program: sleeps until asked, and is asked again and again. Nothing it started outlives stop()."""

    def __init__(self, contender, program, ranks, wrap=None):
        self.contender, self.program, self.ranks, self.wrap = contender, program, ranks, wrap
        self.started = False

    def start(self):
        base = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.work = tempfile.TemporaryDirectory(prefix="tutti-bench-", dir=base, ignore_cleanup_errors=True)
        path = pathlib.Path(self.work.name)
        self.errors = open(path / "stderr", "w+")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path / "control"))
        listener.listen(1)
        listener.settimeout(30)
        own = ["--control", str(path / "control"), "--shared", str(path / "board")]
        commands = [self.contender.command(self.program, self.ranks, str(path)) + own]
        environments = [{}]
        if self.wrap:
            commands, environments = self.wrap(commands[0])
        self.processes = [subprocess.Popen(c, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors,
                                           start_new_session=True, env={**os.environ, **self.contender.environment, **e})
                          for c, e in zip(commands, environments)]
        self.started = True
        try:
            self.control, _ = listener.accept()
        except socket.timeout:
            raise Failed("did not start within 30 s" + self.last_words())
        finally:
            listener.close()
        self.answers = self.control.makefile("r")

    def last_words(self):
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors.read().splitlines() if line.strip()]
        return ": " + lines[-1][:160] if lines else ""

    def ask(self, call, kind, count, seconds, variant, deadline):
        if not self.started:
            self.start()
        began = time.monotonic()
        try:
            self.control.settimeout(deadline)
            self.control.sendall(f"{call} {kind} {count} {seconds} {variant}\n".encode())
            answer = self.answers.readline()
        except (socket.timeout, TimeoutError):
            raise Failed(f"stalled: no result within {deadline:g} s")
        except OSError as problem:
            raise Failed(f"{problem}{self.last_words()}")
        if not answer:
            raise Failed("ended" + self.last_words())
        return {**json.loads(answer), "seconds": time.monotonic() - began}

    def stop(self):
        if not self.started:
            return
        self.started = False
        for close in (getattr(self, "answers", None), getattr(self, "control", None)):
            if close:
                close.close()  # a program that is idle leaves now
        ends = time.monotonic() + 2
        for p in self.processes:
            try:
                p.wait(max(0.01, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                p.terminate()  # mpirun's ranks end when it tells them; they are not in its process group
        for p in self.processes:
            try:
                p.wait(3)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            p.wait()
        self.errors.close()
        self.work.cleanup()
