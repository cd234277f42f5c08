"""README's programs are the files that the tests build and run, word for word. A block is preceded by `<!-- FILE -->`."""

import re

import tree


def main() -> None:
    text = (tree.ROOT / "README.md").read_text()
    blocks = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", text, re.S)
    problems = [] if len(blocks) >= 2 else ["README.md shows no program"]
    for name, shown in blocks:
        path = tree.ROOT / name
        if not path.is_file():
            problems.append(f"README.md shows {name}, which does not exist")
        elif path.read_text() != shown:
            problems.append(f"README.md shows another text than {name}")
    tree.finish(problems, f"{len(blocks)} programs are the tested ones")


main()
