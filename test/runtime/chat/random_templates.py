"""Random small templates and values for them: what chat templates are made of, and a little beyond."""

import random

WORDS = ["user", "assistant", "system", "tool", "Hello", "a b", " x ", "", "ünï", "日本", "\n", "a\nb\n", "It's", '"q"',
         "<think>", "</think>yes", "{}", "%s", "\\d", "Straße", "ΑΣ", "😀", "1", "2.5", " 7 ", "A,B,c"]

# Texts more often than others, since most operations take them.
NAMES = ["s", "t", "s", "t", "words[0]", "n", "f", "b", "d", "l", "words", "nums", "messages", "tools", "missing",
         "message", "x", "ns", "loop", "y"]


class Generator:
    """One seed gives one sequence of templates."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.depth = 0

    def text(self):
        """An expression that most often is a text."""
        return self.r.choice(["s", "t", "words[1]", "messages[0].role", "(s ~ n)", "(t + s)", self.literal()])

    def operation(self):
        r = self.r
        kind = r.randrange(7)
        if kind == 6:  # of small numbers only: Python's grow for ever
            return f"({r.choice(['n', 'f', '-2', '3'])} ** {r.choice(['0', '2', '3', '-1'])})"
        if kind < 3:
            return f"({r.choice(['n', 'f', '3', 'nums | length', '2.5', 'n - 1'])} {r.choice(['+', '-', '*', '/', '//', '%'])} {r.choice(['n', 'f', '2', '0.5', '7'])})"
        if kind == 3:
            return f"({self.text()} + {self.text()})"
        if kind == 4:
            return f"(words + {r.choice(['l', 'nums', '[s]', 'words[1:]'])})"
        return f"({self.expression()} {r.choice(['+', '-', '*', '/', '//', '%', '+'])} {self.expression()})"

    def context(self):
        r = self.r
        messages = []
        for _ in range(r.randint(0, 4)):
            message = {"role": r.choice(["system", "user", "assistant", "tool"]), "content": r.choice(WORDS)}
            if r.random() < 0.3:
                message["content"] = [{"type": "text", "text": r.choice(WORDS)} for _ in range(r.randint(0, 2))]
            if r.random() < 0.2:
                message["content"] = None
            if r.random() < 0.3:
                message["tool_calls"] = [{"function": {"name": "f", "arguments": self.value(2)}}]
            messages.append(message)
        return {
            "messages": messages, "tools": self.value(3) if r.random() < 0.5 else None, "add_generation_prompt": True,
            "s": r.choice(WORDS), "t": r.choice(WORDS), "n": r.randint(-3, 9), "f": r.choice([0.5, -1.25, 2.0, 1e20, 1e-7]),
            "b": r.random() < 0.5, "d": {k: self.value(1) for k in r.sample(["a", "b", "items", "z", "é"], 3)},
            "l": [self.value(1) for _ in range(r.randint(0, 4))], "words": r.sample(WORDS, 4),
            "nums": [r.randint(-5, 20) for _ in range(r.randint(0, 5))],
        }

    def value(self, depth):
        r = self.r
        kind = r.randrange(8 if depth > 0 else 5)
        if kind == 0:
            return r.choice(WORDS)
        if kind == 1:
            return r.randint(-100, 100)
        if kind == 2:
            return r.choice([True, False, None])
        if kind == 3:
            return r.choice([0.5, 1.0, 3.14159, 1e16, 123456789.125])
        if kind == 4:
            return r.choice(WORDS)
        if kind < 7:
            return [self.value(depth - 1) for _ in range(r.randint(0, 3))]
        return {r.choice(["name", "type", "k", "ü"]): self.value(depth - 1) for _ in range(r.randint(0, 3))}

    def literal(self):
        r = self.r
        return r.choice([
            lambda: repr(r.randint(-4, 12)), lambda: r.choice(["1.5", "0.25", "2e3", "1_000"]),
            lambda: r.choice(["true", "false", "none", "True", "None"]),
            lambda: "'" + r.choice(["a", "user", "x-y", "\\n", "\\u00e9", "it\\'s", ", ", ""]) + "'",
            lambda: '"' + r.choice(["b", "role", "\\t", "%s and %s", "ß"]) + '"',
        ])()

    def name(self):
        return self.r.choice(NAMES)

    def args(self, low, high):
        return ", ".join(self.expression() for _ in range(self.r.randint(low, high)))

    def filtered(self, inner):
        r = self.r
        return f"{inner} | " + r.choice([
            lambda: r.choice(["trim", "length", "upper", "lower", "title", "capitalize", "string", "list", "first",
                              "last", "int", "float", "abs", "unique | list", "sort", "reverse | list", "tojson", "sum",
                              "items | list", "dictsort", "join", "round", "count", "min", "max", "wordcount", "safe",
                              "batch(2) | list", "slice(2) | list", "map('upper') | list", "select | list",
                              "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(sort_keys=true)",
                              "map(attribute='role') | list", "map(attribute='role') | join(', ')",
                              "selectattr('role', 'equalto', 'user') | list", "rejectattr('content') | list",
                              "selectattr('content', 'string') | map(attribute='content') | list",
                              "reject('none') | list", "select('string') | join('/')", "sort(reverse=true)",
                              "sort(attribute='role') | map(attribute='role') | list", "e", "indent", "center(9)",
                              "indent(2, true)", "tojson(separators=(',', ':'))", "replace('a', 'bb')", "default"]),
            lambda: f"default({self.expression()})", lambda: f"default({self.expression()}, true)",
            lambda: f"join({self.literal()})", lambda: f"replace({self.literal()}, {self.literal()})",
            lambda: f"round({r.randint(-1, 3)})", lambda: f"round({r.randint(0, 2)}, '{r.choice(['ceil', 'floor'])}')",
            lambda: f"trim({self.literal()})", lambda: f"int({r.randint(0, 9)})",
        ])()

    def method(self, inner):
        r = self.r
        return inner + r.choice([
            ".strip()", ".lstrip()", ".rstrip('\\n')", ".split()", ".split(' ', 1)", ".rsplit(None, 1)", ".splitlines()",
            ".upper()", ".lower()", ".title()", ".capitalize()", ".startswith('a')", ".endswith(('b', '\\n'))",
            ".find('b')", ".replace('a', 'e', 1)", ".count('a')", ".join(words)", ".items()", ".keys() | list",
            ".values() | list", ".get('role')", ".get('k', 3)", ".get('a').b", ".split('</think>')[-1]", ".isdigit()",
            ".partition('b')", ".format(1, s)", ".zfill(5)", ".ljust(4, '.')", ".isalpha()", ".isspace()", ".islower()",
            ".removeprefix('a')", ".index('a')", ".center(7)", ".rfind('a')", ".append(1)", ".pop()",
        ])

    def index(self, inner):
        r = self.r
        return inner + r.choice([
            "[0]", "[-1]", "['role']", "['content']", "[1:]", "[:-1]", "[::-1]", "[1:3]", "[::2]", "[-2:]", ".role",
            ".content", ".a", ".items", ".name", "['a']", "[n]", "[5:1:-2]", ".0", f"[{self.literal()}]"])

    def expression(self):
        r = self.r
        if self.depth > 3:
            return r.choice([self.literal, self.name])()
        self.depth += 1
        try:
            return r.choice([
                self.literal, self.name, self.name, self.name,
                lambda: self.index(self.name()), lambda: self.index(self.name()),
                lambda: self.filtered(self.name()), lambda: self.filtered(self.name()),
                lambda: f"({self.filtered(self.expression())})", lambda: self.method(self.name()),
                lambda: self.method(self.text()), lambda: self.filtered(self.text()), self.text, self.operation,
                lambda: f"({self.method('(' + self.expression() + ')')})",
                lambda: f"{self.expression()} ~ {self.expression()}",
                lambda: f"({self.expression()} {r.choice(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in', '=='])} {self.expression()})",
                lambda: f"({self.expression()} {r.choice(['and', 'or'])} {self.expression()})",
                lambda: f"(not {self.expression()})", lambda: f"(-{self.expression()})",
                lambda: f"({self.expression()} if {self.expression()} else {self.expression()})",
                lambda: f"({self.expression()} if {self.expression()})",
                lambda: f"[{self.args(0, 3)}]", lambda: f"({self.args(2, 3)})",
                lambda: "{" + f"'a': {self.expression()}, {self.literal()}: {self.expression()}" + "}",
                lambda: f"({self.expression()} is {r.choice(['', 'not '])}{self.test()})",
                lambda: f"(0 < {self.expression()} <= {self.expression()})",
                lambda: f"range({r.randint(-2, 5)}, {r.randint(-2, 6)}, {r.choice([1, 2, -1])}) | list",
                lambda: f"dict(a={self.expression()})", lambda: f"m({self.args(0, 2)})",
            ])()
        finally:
            self.depth -= 1

    def test(self):
        r = self.r
        return r.choice(["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "boolean",
                         "true", "false", "integer", "float", "odd", "even", "divisibleby 3", "divisibleby(2)",
                         "equalto('user')", "eq 1", "in [1, 'a', none]", "in words", "sameas none", "lower", "upper",
                         "callable", "gt 2", "lt(5)", "ne 'x'", "escaped", "filter"])

    def tag(self, text):
        left = self.r.choice(["", "", "", "-", "+"])
        right = self.r.choice(["", "", "", "-", "+"]) if not text.startswith("raw") else ""
        return "{%" + left + " " + text + " " + right + "%}"

    def space(self):
        return self.r.choice(["", "", " ", "\n", "  \n", "\n  ", "text", "a\n\n", "\t", " b ", "é\n", "{ }", "\r\n"])

    def output(self):
        left, right = self.r.choice(["", "", "-"]), self.r.choice(["", "", "-"])
        return "{{" + left + " " + self.expression() + " " + right + "}}"

    def body(self, depth, in_loop=False):
        return "".join(self.space() + self.statement(depth, in_loop) for _ in range(self.r.randint(1, 3))) + self.space()

    def statement(self, depth, in_loop):
        r = self.r
        simple = [self.output, self.output, self.output, lambda: self.tag(f"set {r.choice(['x', 'y'])} = {self.expression()}"),
                  lambda: "{#" + r.choice(["", "-"]) + " c " + r.choice(["", "-"]) + "#}",
                  lambda: self.tag("set ns = namespace(a=0, b='')"), lambda: self.tag(f"set ns.a = {self.expression()}"),
                  lambda: self.tag(f"set x, y = {self.expression()}, {self.expression()}"),
                  lambda: "{{ loop.index }}{{ loop.last }}{{ loop.previtem }}{{ loop.cycle('o', 'e') }}" if in_loop else ""]
        if in_loop:
            simple += [lambda: self.tag(r.choice(["break", "continue"]))]
        if depth == 0:
            return r.choice(simple)()
        inner = lambda loop=in_loop: self.body(depth - 1, loop)
        return r.choice(simple + [
            lambda: self.tag(f"if {self.expression()}") + inner() + self.tag(f"elif {self.expression()}") + inner() +
            self.tag("else") + inner() + self.tag("endif"),
            lambda: self.tag(f"if {self.expression()}") + inner() + self.tag("endif"),
            lambda: self.tag(f"for message in {r.choice(['messages', 'l', 'words', self.expression()])}") + inner(True) +
            self.tag("endfor"),
            lambda: self.tag(f"for x, y in {r.choice(['d.items()', 'd | dictsort', 'd | items'])}") + inner(True) +
            self.tag("endfor"),
            lambda: self.tag(f"for x in {r.choice(['nums', 'words', 'l'])} if {self.expression()}") + inner(True) +
            self.tag("else") + inner() + self.tag("endfor"),
            lambda: self.tag(f"set x{r.choice(['', ' | trim', ' | upper'])}") + inner() + self.tag("endset"),
            lambda: self.tag(f"macro m(x, y={self.literal()})") + inner(False) + self.tag("endmacro"),
            lambda: self.tag("macro w(x)") + "<{{ caller(x) }}>" + self.tag("endmacro") +
            self.tag(f"call(y) w({self.expression()})") + inner(False) + self.tag("endcall"),
            lambda: self.tag(f"with x = {self.expression()}") + inner() + self.tag("endwith"),
            lambda: self.tag(f"filter {r.choice(['trim', 'upper', 'indent'])}") + inner() + self.tag("endfilter"),
            lambda: self.tag("generation") + inner(False) + self.tag("endgeneration"),
            lambda: self.tag("raw") + "{{ x }} {% y " + self.tag("endraw"),
        ])()

    def case(self):
        return {"template": self.body(2), "context": self.context(), "now": 1700000000}
