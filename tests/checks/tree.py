"""What the checks share: the repository's files, and how a check ends."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIP = 77  # SKIP_RETURN_CODE of every check


def files(*patterns: str) -> list[Path]:
    """Tracked and new files that match git pathspecs, ignored ones left out."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(path for name in set(names) if name and (path := ROOT / name).is_file())


def finish(problems: Iterable[str], good: str) -> None:
    """Prints every problem and fails, or says what is good."""
    found = list(problems)
    print("\n".join(found) if found else good)
    sys.exit(1 if found else 0)


def skip(reason: str) -> None:
    print(reason)
    sys.exit(SKIP)
