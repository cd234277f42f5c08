"""Runs one example in a store of its own and checks that a container said hello.

    run.py PROGRAM [ARGS …]     {store} in an argument is the store's path
"""

import os
import subprocess
import sys
import tempfile


def run(*command: str) -> None:
    with tempfile.TemporaryDirectory(prefix="contain-example-") as store:
        arguments = [argument.replace("{store}", store) for argument in command]
        environment = {**os.environ, "CONTAIN_ROOT": store}
        done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
        print(done.stdout)
        if done.returncode != 0 or "exit code 0" not in done.stdout:
            sys.exit(f"{arguments[0]} ended with {done.returncode} and did not report a container's exit code 0")


if __name__ == "__main__":
    run(*sys.argv[1:])
