import subprocess
import sys

SCRIPT = """
import resource, os
from gateway.memory import forbid_dumps, lock_memory
resource.setrlimit(resource.RLIMIT_MEMLOCK, ({limit}, {limit}))
{drop}
forbid_dumps()
locked = lock_memory()
status = open('/proc/self/status').read()
kilobytes = int(next(line for line in status.splitlines() if line.startswith('VmLck')).split()[1])
print(locked, kilobytes > 0, resource.getrlimit(resource.RLIMIT_CORE))
big = bytearray(64 << 20)
"""


def run(limit: str, drop: str = "") -> str:
    script = SCRIPT.format(limit=limit, drop=drop)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_under_a_limit_nothing_is_locked_and_allocation_goes_on() -> None:
    assert run("65536", "os.geteuid() == 0 and os.setuid(65534)") == "False False (0, 0)"


def test_no_core_dump_is_ever_written() -> None:
    assert run("65536").endswith("(0, 0)")
