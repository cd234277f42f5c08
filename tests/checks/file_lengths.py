"""One noun per file: at most 400 lines in a header, 600 in any other source file."""

import tree


def main() -> None:
    problems = []
    files = tree.files("*.hpp", "*.h", "*.cpp", "*.c", "*.py", "*.pyi", "*.cmake", "*CMakeLists.txt", "dev")
    for path in files:
        lines = path.read_text().count("\n")
        limit = 400 if path.suffix in (".hpp", ".h") else 600
        if lines > limit:
            problems.append(f"{path.relative_to(tree.ROOT)}: {lines} lines, at most {limit}")
    tree.finish(problems, f"{len(files)} files within their limits")


main()
