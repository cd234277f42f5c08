"""The top level holds what design.md §1 names, and nothing else."""

import tree

ALLOWED = set(
    """
    CMakeLists.txt pyproject.toml include src python notebooks tests
    README.md LICENSE NOTICE CHANGELOG.md CONTRIBUTING.md SECURITY.md CMakePresets.json dev
    .ci .clang-format .clang-tidy .editorconfig .gitattributes .gitignore
    """.split()
)


def main() -> None:
    found = {path.relative_to(tree.ROOT).parts[0] for path in tree.files(".")}
    tree.finish([f"{name} does not belong at the top level" for name in sorted(found - ALLOWED)], f"{len(found)} entries")


main()
