"""docs/reference/cni-conformance.md names tests: they exist, and every test of a file named there is spelled right."""
import os
import re
import unittest

from sources import ROOT, read

PAGE = "docs/reference/cni-conformance.md"


def named_tests():
    """(file, test) of every row."""
    for line in read(PAGE).splitlines():
        if not line.startswith("|") or line.startswith(("|---", "| sentence", "| seen")):
            continue
        cell = line.split(" | ")[-1]
        for file, names in re.findall(r"`([a-z]+/\w+\.(?:cpp|py))`: ((?:\"[^\"]+\"(?:, )?)+)", cell):
            for name in re.findall(r"\"([^\"]+)\"", names):
                yield line, f"tests/{file}", name


class Conformance(unittest.TestCase):
    def test_the_tests_that_the_page_names_exist(self):
        named = list(named_tests())
        self.assertGreater(len(named), 40)
        wrong = []
        for _, file, name in named:
            text = read(file) if os.path.exists(os.path.join(ROOT, file)) else ""
            there = f'TEST_CASE("{name}"' if file.endswith(".cpp") else f"def {name}(self)"
            if there not in text:
                wrong.append(f"{file}: {name}")
        self.assertEqual([], wrong, "\n" + "\n".join(wrong))

    def test_every_sentence_has_a_test(self):
        rows = [line for line in read(PAGE).splitlines()
                if line.startswith("|") and not line.startswith(("|---", "| sentence", "| seen"))]
        with_tests = {line for line, _, _ in named_tests()}
        self.assertEqual([], [row for row in rows if row not in with_tests])


if __name__ == "__main__":
    unittest.main()
