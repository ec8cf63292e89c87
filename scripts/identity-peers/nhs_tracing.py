#!/usr/bin/env python3
"""The NHS's tracing rules, re-implemented for comparison.

    nhs_tracing.py FOLDER OUT.csv [--score-min S] [--lead-min L]

Reads index.csv and incoming.csv in FOLDER and writes id_a,id_b,probability,decision: the pair that the rules give, at
most one for each incoming record. The steps, as the Master Person Service describes them:

1. Exact cross-check: NHS number and birth date both agree.
2. Alphanumeric: family name, birth date and sex agree, and forename and postcode where both are given; a unique survivor.
3. Algorithmic: candidates from four blocks, each of at most 50; forename, family name, birth date, sex and postcode are
   scored between 0 and 1 and weighed; the best wins with a score of at least S and a lead of L over the second.

Only the steps are published, not every weight: the weights here are ours. docs/identity-test-data.md has what several S
and L give; a lower S finds more and errs more.
"""
import argparse
import csv
from collections import defaultdict
from functools import lru_cache

from rapidfuzz.distance import JaroWinkler

BLOCK_MAX = 50


def name(text):
    return "".join(c for c in text.upper() if c.isalnum())


def spaced(postcode):
    """A postcode with its space, where it is whole."""
    text = postcode.replace(" ", "")
    return f"{text[:-3]} {text[-3:]}" if len(text) >= 5 else postcode


@lru_cache(maxsize=1 << 18)
def soundex(text):
    codes = dict(zip("BFPVCGJKQSXZDTLMNR", "111122222222334556"))
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return ""
    out, last = letters[0], codes.get(letters[0], "")
    for c in letters[1:]:
        code = codes.get(c, "")
        if code and code != last:
            out += code
        if c not in "HW":
            last = code
    return (out + "000")[:4]


@lru_cache(maxsize=1 << 20)
def close(a, b):
    return JaroWinkler.similarity(a, b)


def dates(a, b):
    """How many of year, month and day agree; exchanged day and month count as nearly all."""
    if not a or not b:
        return None
    x, y = a.split("-"), b.split("-")
    same = sum(p == q for p, q in zip(x, y))
    if same == 1 and x[0] == y[0] and x[1] == y[2] and x[2] == y[1]:
        return 0.9
    return (0.0, 0.33, 0.75, 1.0)[same]


def postcodes(a, b):
    if not a or not b:
        return None
    if a == b:
        return 1.0
    if a[:-2] == b[:-2]:
        return 0.7
    return 0.4 if a.split(" ")[0] == b.split(" ")[0] else 0.0


def score(a, b):
    parts = (
        (0.20, close(a.given, b.given) if a.given and b.given else None),
        (0.25, close(a.family, b.family) if a.family and b.family else None),
        (0.30, dates(a.birth, b.birth)),
        (0.05, None if not a.sex or not b.sex else float(a.sex == b.sex)),
        (0.20, postcodes(a.postcode, b.postcode)),
    )
    # What is missing on either side is worth half.
    return sum(weight * (0.5 if value is None else value) for weight, value in parts)


class Row:
    __slots__ = ("id", "number", "given", "family", "birth", "sex", "postcode")

    def __init__(self, row):
        self.id = row["id"]
        self.number = row["nhs_number"].replace(" ", "")
        self.given = name(row["given_name"])
        self.family = name(row["family_name"])
        self.birth = row["birth_date"]
        self.sex = row["sex"]
        self.postcode = spaced(row["postcode"])


def blocks(row):
    if row.birth and row.postcode:
        yield "1", row.birth, row.postcode
    if row.birth and row.family and row.given:
        yield "2", row.birth, soundex(row.family), row.given[:1]
    if row.birth and row.given:
        yield "3", row.birth, row.given
    if row.family and row.given and row.postcode:
        yield "4", row.family, row.given[:3], row.postcode.split(" ")[0]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("folder")
    arguments.add_argument("out")
    arguments.add_argument("--score-min", type=float, default=0.78)
    arguments.add_argument("--lead-min", type=float, default=0.10)
    asked = arguments.parse_args()
    folder, out = asked.folder, asked.out
    numbers, exact, block = {}, defaultdict(list), defaultdict(list)
    with open(f"{folder}/index.csv", newline="") as file:
        for text in csv.DictReader(file):
            row = Row(text)
            if row.number:
                numbers.setdefault(row.number, row)
            exact[row.family, row.birth, row.sex].append(row)
            for key in blocks(row):
                block[key].append(row)
    with open(f"{folder}/incoming.csv", newline="") as file, open(out, "w", newline="") as written:
        writer = csv.writer(written)
        writer.writerow(["id_a", "id_b", "probability", "decision"])
        for text in csv.DictReader(file):
            row = Row(text)
            held = numbers.get(row.number) if row.number else None
            if held and row.birth and held.birth == row.birth:
                writer.writerow([held.id, row.id, "1", "link"])
                continue
            if row.birth and row.family and row.sex:
                survivors = [
                    other
                    for other in exact.get((row.family, row.birth, row.sex), ())
                    if (not row.given or not other.given or row.given == other.given)
                    and (not row.postcode or not other.postcode or row.postcode == other.postcode)
                ]
                if len(survivors) == 1:
                    writer.writerow([survivors[0].id, row.id, "0.95", "link"])
                    continue
            candidates = {}
            for key in blocks(row):
                found = block.get(key, ())
                if len(found) <= BLOCK_MAX:
                    candidates.update((other.id, other) for other in found)
            scored = sorted(((score(row, other), other.id) for other in candidates.values()), reverse=True)[:2]
            leads = len(scored) < 2 or (len(scored) == 2 and scored[0][0] - scored[1][0] >= asked.lead_min)
            if scored and scored[0][0] >= asked.score_min and leads:
                writer.writerow([scored[0][1], row.id, f"{scored[0][0]:.4f}", "link"])


main()
