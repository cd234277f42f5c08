"""Adds up what the test runners left behind and prints the closing line.

    totals.py RESULTS FILE…

RESULTS holds one XML file per GoogleTest program (named after its ctest entry); FILEs are the runners' own reports in it,
ctest's and pytest's, each of which must exist. A ctest entry with a GoogleTest file counts as the tests in it, any other as
one. Exits 1 when something failed.
"""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path


class Totals:
    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self.skipped: list[tuple[str, str]] = []
        self.reports: list[str] = []

    def add_cases(self, root: xml.Element, prefix: str) -> int:
        """Counts every <testcase> of a GoogleTest or pytest report; returns how many failed."""
        failures = 0
        for case in root.iter("testcase"):
            if case.get("status") == "notrun":  # DISABLED_ in GoogleTest
                continue
            name = f"{prefix}{case.get('classname')}.{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed.append(name)
                failures += 1
            elif (skip := case.find("skipped")) is not None:
                self.skipped.append((name, skip.get("message") or (skip.text or "no reason given").strip()))
            else:
                self.passed += 1
        return failures

    def add_ctest(self, root: xml.Element, results: Path) -> None:
        for case in root.iter("testcase"):
            name = case.get("name", "")
            output = case.findtext("system-out") or ""
            self.reports += [line[8:] for line in output.splitlines() if line.startswith("report: ")]
            detail = results / f"{name}.xml"
            failures = self.add_cases(xml.parse(detail).getroot(), f"{name}: ") if detail.exists() else 0
            skip = case.find("skipped")
            if case.get("status") == "fail" and failures == 0:  # a crash, a timeout, or a check
                self.failed.append(name)
            elif skip is not None and "SKIP" not in skip.get("message", ""):  # no executable, or a fixture failed
                self.failed.append(f"{name}: {skip.get('message')}")
            elif skip is not None:
                lines = output.strip().splitlines()
                self.skipped.append((name, lines[-1] if lines else "no reason given"))
            elif not detail.exists() and case.get("status") == "run":
                self.passed += 1


def main() -> int:
    results = Path(sys.argv[1])
    totals = Totals()
    for name in sys.argv[2:]:
        report = results / name
        try:
            root = xml.parse(report).getroot()
        except (OSError, xml.ParseError) as error:
            totals.failed.append(f"{name}: the runner left no report ({error})")
            continue
        if name == "ctest.xml":
            totals.add_ctest(root, results)
        else:
            totals.add_cases(root, "")
    for line in totals.reports:
        print(line)
    for name, reason in totals.skipped:
        print(f"skipped: {name}: {' '.join(reason.split())}")
    for name in totals.failed:
        print(f"FAILED: {name}")
    print(f"{totals.passed} passed, {len(totals.failed)} failed, {len(totals.skipped)} skipped")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
