"""The parser of event streams."""

from __future__ import annotations

import random
import unittest
from unittest import mock

from roots.events import _LINE_END, Event, Parser

STREAM = (
    b"\xef\xbb\xbfretry: 2114\nevent: session\nid: a/1/b\ndata: {}\n\n: a comment\n\n"
    b"data: one\r\ndata\r\ndata:  two\r\n\r\nid\rdata: caf\xc3\xa9 \xf0\x9f\x98\x80\r\rid: x\0y\ndata:\n\n"
    b"event: lost\n\nid: z\n\nunknown: field\ndata: bad \xff\n\ndata: cut off"
)
EVENTS = [
    Event("session", "{}", "a/1/b"),
    Event("message", "one\n\n two", "a/1/b"),
    Event("message", "café 😀", ""),
    Event("message", "", ""),
    Event("message", "bad \N{REPLACEMENT CHARACTER}", "z"),
]


class ParserTest(unittest.TestCase):
    def test_whole(self) -> None:
        self.assertEqual(Parser(1000).feed(STREAM), EVENTS)

    def test_cut_anywhere(self) -> None:
        draw = random.Random(1)
        for _ in range(2000):
            cuts = sorted(draw.choices(range(len(STREAM) + 1), k=draw.randrange(12)))
            pieces = [STREAM[a:b] for a, b in zip([0, *cuts], [*cuts, len(STREAM)])]
            parser = Parser(1000)
            self.assertEqual([event for piece in pieces for event in parser.feed(piece)], EVENTS, pieces)

    def test_anything(self) -> None:
        draw = random.Random(2)
        for _ in range(2000):
            text = bytes(draw.choices(b"data:id evn\r\n\0\xef\xbb\xbf\xff", k=draw.randrange(200)))
            bytewise = Parser(1000)
            got = [event for i in range(len(text)) for event in bytewise.feed(text[i:i + 1])]
            self.assertEqual(got, Parser(1000).feed(text), text)

    def test_looks_at_each_byte_once(self) -> None:
        split = mock.Mock(side_effect=_LINE_END.split)
        with mock.patch("roots.events._LINE_END", split=split):
            parser = Parser(1000)
            for piece in (b"data: ", *[b"x" * 10] * 50):
                parser.feed(piece)
        self.assertEqual(sum(len(call.args[0]) for call in split.mock_calls), 506)

    def test_too_long(self) -> None:
        for text in (b"x" * 1001, b"data: " + b"x" * 1001 + b"\n", b"data: xxxxxxxxxx\n" * 91,
                     b"data\n" * 1001):
            self.assertRaises(ValueError, Parser(1000).feed, text)
        self.assertEqual(len(Parser(1000).feed(b"data: xxxxxxxxxx\n\n" * 1000)), 1000)
        self.assertEqual(Parser(1000).feed(b"data: xxxxxxxxx\n" * 100), [])


if __name__ == "__main__":
    unittest.main()
