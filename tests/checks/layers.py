"""Includes only go down. The table is design.md §2: a folder, and what its files may include of contain."""

import re

import tree

BELOW = {
    "core": (),
    "sys": ("core",),
    "oci": ("core", "sys"),  # sys for the kernel's names of things; no system calls
    "storage": ("core", "sys", "oci"),
    "net": ("core", "sys", "oci"),
    "registry": ("core", "sys", "oci"),
    "runtime": ("core", "sys", "oci", "storage", "net"),
    # "public" are the headers in include/contain itself.
    "public": ("core",),
    "engine": ("core", "sys", "oci", "storage", "net", "registry", "runtime", "public"),
    "cli": ("core", "public"),
    "python": ("core", "public"),
}
# Public headers of values and option aggregates, which the layers below may speak: runtime turns options into a
# runtime-spec value and answers with exit statuses. The objects declared beside them are defined in engine only.
VALUES = re.compile(r"contain/(fwd|version|process|isolation|container|doctor)\.hpp")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)


def layer_of(name: str) -> str | None:
    """The layer of a path below include/ or src/; None for what is not contain's."""
    parts = name.removeprefix("contain/").split("/")
    if len(parts) > 1:
        return parts[0] if parts[0] in BELOW else None
    return "public" if name.startswith("contain/") else None


def layer_of_include(name: str) -> str | None:
    """<sys/stat.h> is not of our sys: a name counts when it is contain/… or a file of src/."""
    return layer_of(name) if name.startswith("contain/") or (tree.ROOT / "src" / name).is_file() else None


def main() -> None:
    problems = []
    count = 0
    for path in tree.files("include/*.hpp", "src/*.hpp", "src/*.cpp", "python/*.cpp", "python/*.hpp"):
        name = path.relative_to(tree.ROOT).as_posix()
        own = "python" if name.startswith("python/") else layer_of(re.sub(r"^(include|src)/", "", name))
        if own is None:
            problems.append(f"{name}: not in a layer's folder")
            continue
        for included in INCLUDE.findall(path.read_text()):
            target = layer_of_include(included)
            if target is None or target == own:
                continue
            count += 1
            if target not in BELOW[own] and not VALUES.fullmatch(included):
                problems.append(f"{name}: {own} must not include {included}")
    tree.finish(problems, f"{count} includes, all downwards")


main()
