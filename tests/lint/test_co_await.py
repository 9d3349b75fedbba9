"""g++ 12.2 destroys some temporaries of a co_await statement twice. The rule that keeps us safe: no braces and no capturing
lambda between `co_await` and the end of its statement."""
import re
import unittest

from sources import COMPONENTS, cxx_files, line_of, read, without_comments_and_literals

CONTROL = re.compile(r"\b(?:if(?:\s+constexpr)?|while|for|switch)\s*\(")
LAMBDA = re.compile(r"(?<![\w\])])\s*\[(?!\s*\]|\[)[^\]]*\]\s*(?:\(|\{|mutable)")


def closing(text, opening):
    """Index of the parenthesis that closes the one at `opening`."""
    depth = 0
    for index in range(opening, len(text)):
        if text[index] == "(":
            depth += 1
        elif text[index] == ")":
            depth -= 1
            if depth == 0:
                return index
    return len(text)


def statement_end(text, position, heads):
    """Where the statement that holds `position` ends: at its semicolon, or at the end of the head of the if or loop it is in."""
    semicolon = text.find(";", position)
    ends = [semicolon if semicolon >= 0 else len(text)]
    ends += [end for begin, end in heads if begin < position < end]
    return min(ends)


def offences(text):
    """(line, what) of each co_await that breaks the rule."""
    text = without_comments_and_literals(text)
    heads = [(control.end(), closing(text, control.end() - 1)) for control in CONTROL.finditer(text)]
    found = []
    for match in re.finditer(r"\bco_await\b", text):
        statement = text[match.end():statement_end(text, match.end(), heads)]
        if "{" in statement:
            found.append((line_of(text, match.start()), "braces"))
        elif LAMBDA.search(statement):
            found.append((line_of(text, match.start()), "a capturing lambda"))
    return found


class CoAwait(unittest.TestCase):
    def test_no_braces_and_no_capturing_lambda_after_co_await(self):
        wrong = [f"{name}:{line}: {what} between co_await and the end of the statement: use a named local and std::move"
                 for name in cxx_files(*COMPONENTS, "tests") for line, what in offences(read(name))]
        self.assertEqual([], wrong, "\n" + "\n".join(wrong))

    def test_the_rule_sees_what_it_should(self):
        for bad in ("co_await f(A{1, 2});", "auto x = co_await f([y] { return y; });", "co_await f([&](int) {});",
                    "if (co_await f(A{})) {", "co_return co_await f(std::vector<int>{1});"):
            self.assertTrue(offences(bad), bad)

    def test_the_rule_lets_pass_what_is_safe(self):
        for good in ("co_await f(std::move(a));", "if (co_await f()) { g(); }", "while (auto r = co_await f(x[1])) {",
                     "co_await f(a[0](b));", "// co_await f(A{});", "for (;;) { co_await f(); g(A{}); }",
                     "for (auto x = co_await f(); x; x = co_await f()) { g(); }",
                     "if (ready) co_await f(); else { g(); }", 'co_await f("{");'):
            self.assertFalse(offences(good), good)


if __name__ == "__main__":
    unittest.main()
