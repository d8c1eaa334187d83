"""Prints dropout.json: masks of dropout by the published formulas of Philox 4x32-10 and FNV-1a, in whole numbers.

    python3 test/golden/make-dropout.py > test/golden/dropout.json && npm run format

A row of `kept` is a row of the mask, 1 where an element is kept.
"""

import json

WORD = 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & WORD, (p0 >> 32) ^ c[3] ^ k[1], p0 & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & WORD
    return value


def mask(seed, place, step, probability, addresses, columns):
    least = round(probability * 2**32)
    rows = []
    for row, position in addresses:
        words = [philox((step, row, position, block), (seed, fnv1a(place))) for block in range((columns + 3) // 4)]
        rows.append([int(word >= least) for block in words for word in block][:columns])
    return rows


cases = [
    (231, "words", 1, 0.5, [(0, 0), (0, 1), (1, 0), (99, 15)], 11),
    (231, "hidden", 1, 0.5, [(0, 0), (0, 1)], 11),
    (231, "hidden2", 1, 0.5, [(0, 0), (0, 1)], 11),
    (231, "image", 7, 0.2, [(0, 0), (65535, 0)], 35),
    (0, "context", 1000000, 0.9, [(3, 2)], 64),
    (4294967295, "words", 4294967295, 0.25, [(4294967295, 4294967295)], 16),
]
names = ("seed", "place", "step", "probability", "addresses", "columns")
print(json.dumps([{**dict(zip(names, case)), "kept": mask(*case)} for case in cases]))
