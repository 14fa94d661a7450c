"""`Head`: a good head of a request or of an answer, and heads that differ from it in one thing."""


class Head(str):
    def instead(self, what, other):
        assert what in self, what
        return self.replace(what, other, 1)

    def also(self, fields):
        return self[:-2] + fields + "\r\n"
