"""Nothing unfinished is merged: the words of unfinished work occur in no source file."""

import re

import tree

WORDS = re.compile(r"\b(FIXME|TODO|XXX|stubs?|placeholders?|for now|not implemented)\b", re.I)
# A stub file is what Python calls the typed signature of an extension module.
PERMITTED = re.compile(r"(\.pyi|type|typed|mypy|pybind11)[ -]stubs?|stub files?|stubgen|stubtest|\.pyi stubs?", re.I)


def main() -> None:
    problems = []
    files = tree.files("include/*", "src/*", "python/*", "tests/checks/CMakeLists.txt", "CMakeLists.txt", "dev", "*.cmake")
    for path in files:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if match := WORDS.search(PERMITTED.sub("", line)):
                problems.append(f"{path.relative_to(tree.ROOT)}:{number}: {match[0]}")
    tree.finish(problems, f"{len(files)} files")


main()
