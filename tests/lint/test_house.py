"""Layout of the sources, words that house-style forbids, and things that must not be in this repository."""
import re
import shutil
import subprocess
import unittest

from sources import COMPONENTS, ROOT, cxx_files, line_of, read, tracked_files, without_comments_and_literals

TEXT = (".cpp", ".hpp", ".c", ".h", ".py", ".sh", ".md", ".txt", ".cmake", ".json", ".proto", ".sql", ".yaml", ".yml")
# Written in two parts, so that this file does not mention them itself.
REGISTRIES = ("docker" + ".io", "registry." + "k8s.io", "gcr" + ".io", "quay" + ".io", "ghcr" + ".io", "index." + "docker",
              "pypi" + ".org", "npmjs" + ".org", "crates" + ".io", "proxy." + "golang.org")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
FOGGY_NAME = re.compile(r"\b(?:class|struct|namespace)\s+(\w*(?:Manager|Helper|Handler|Util|Utils|manager|helper|handler|util))\b")


def text_files():
    for name in tracked_files():
        if name.endswith(TEXT) or ("." not in name.rpartition("/")[2] and name.startswith(("scripts/", ".ci/"))):
            try:
                yield name, read(name)
            except UnicodeDecodeError:
                continue


class House(unittest.TestCase):
    def expect_none(self, wrong):
        self.assertEqual([], wrong, "\n" + "\n".join(wrong))

    def test_clang_format(self):
        program = shutil.which("clang-format-14") or shutil.which("clang-format")
        self.assertTrue(program, "clang-format is not installed: run scripts/deps")
        files = cxx_files(*COMPONENTS, "tests")
        self.assertTrue(files)
        done = subprocess.run([program, "--dry-run", "--Werror", *files], cwd=ROOT, capture_output=True, text=True)
        wrong = sorted(set(re.findall(r"^([^\s:]+):\d+:\d+: error", done.stderr, re.M)))
        self.assertEqual((0, []), (done.returncode, wrong), f"\nrun: {program} -i " + " ".join(wrong) + "\n" + done.stderr[-500:])

    def test_no_package_or_image_registry_is_mentioned(self):
        self.expect_none([f"{name}: mentions {host}" for name, text in text_files() for host in REGISTRIES if host in text])

    def test_nothing_is_marked_as_unfinished(self):
        self.expect_none([f"{name}:{line_of(text, match.start())}: {match.group(0)}"
                          for name, text in text_files() for match in UNFINISHED.finditer(text)])

    def test_names_say_what_things_are(self):
        wrong = []
        for name in cxx_files(*COMPONENTS):
            text = without_comments_and_literals(read(name))
            wrong += [f"{name}:{line_of(text, match.start())}: {match.group(1)}" for match in FOGGY_NAME.finditer(text)]
        self.expect_none(wrong)

    def test_tests_wait_for_conditions_not_for_time(self):
        wrong = []
        for name in cxx_files("tests"):
            text = without_comments_and_literals(read(name))
            wrong += [f"{name}:{line_of(text, match.start())}: a sleep" for match in re.finditer(r"\b(sleep|usleep)\s*\(", text)]
        self.expect_none(wrong)

    def test_files_stay_readable(self):
        wrong = [f"{name}: {text.count(chr(10))} lines (two reasons to change?)" for name, text in text_files()
                 if name.endswith((".cpp", ".hpp", ".c", ".h", ".py")) and text.count("\n") > 600]
        self.expect_none(wrong)


if __name__ == "__main__":
    unittest.main()
