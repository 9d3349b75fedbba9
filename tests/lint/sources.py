"""The C and C++ sources of the repository, and their text without comments and literals."""
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
COMPONENTS = ("ipam-controller", "ovs-agent", "cni-plugin", "overlay-gateway")
_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\\ ]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)


def tracked_files():
    """All files that git tracks or would add, relative to the root; without git, all below the source folders."""
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
                          capture_output=True, text=True)
    if done.returncode == 0:
        names = done.stdout.splitlines()
    else:
        names = [os.path.relpath(os.path.join(folder, name), ROOT) for top in (*COMPONENTS, "tests", "scripts", "docs", "cmake")
                 for folder, _, files in os.walk(f"{ROOT}/{top}") for name in files]
    return sorted(name for name in set(names) if os.path.isfile(f"{ROOT}/{name}"))


def cxx_files(*tops):
    return [name for name in tracked_files() if name.endswith((".cpp", ".hpp", ".c", ".h")) and
            (not tops or name.split("/")[0] in tops)]


def read(name):
    with open(f"{ROOT}/{name}", encoding="utf-8") as file:
        return file.read()


def without_comments_and_literals(text):
    """Same length and line numbers, blanks instead. Digit separators (1'000) are kept from looking like literals."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return _TOKENS.sub(blank, re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "_", text))


def line_of(text, position):
    return text.count("\n", 0, position) + 1
