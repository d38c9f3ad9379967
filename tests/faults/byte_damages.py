"""What becomes of the bytes of a file that rots."""

from random import Random


def _flip(random: Random, content: bytes) -> bytes:
    place = random.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]


def _cut(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content))]


def _zero(random: Random, content: bytes) -> bytes:
    begin = random.randrange(len(content))
    end = min(len(content), begin + random.choice((1, 512, 4096)))
    return content[:begin] + bytes(end - begin) + content[end:]


def _longer(random: Random, content: bytes) -> bytes:
    return content + random.randbytes(random.choice((1, 4096)))


IN_PLACE = {"a flipped bit": _flip, "cut": _cut, "zeros": _zero, "longer": _longer}
