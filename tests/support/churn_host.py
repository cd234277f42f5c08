"""The Python twin of churn_host.cpp: ``python churn_host.py STORE`` makes and removes containers until it is killed."""

import pathlib
import sys

import contain


def main(store: pathlib.Path) -> None:
    engine = contain.Engine(store=store)
    while True:
        print("create", flush=True)
        container = contain.Container("busybox:latest", "sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait", engine=engine)
        print("start", flush=True)
        container.start()
        print("exec", flush=True)
        container.exec("sh", "-c", "echo x > /file; sleep 0.01")
        print("stop", flush=True)
        container.stop(grace=2)
        print("remove", flush=True)
        container.remove()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
