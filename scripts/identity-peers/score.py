#!/usr/bin/env python3
"""Precision, recall and F1 of a matcher's pairs against the truth.

    score.py FOLDER PAIRS.csv [--threshold P] [--best] [--by-case]

PAIRS.csv has id_a,id_b,probability,decision (id_a of the index, id_b incoming, either way round). A pair counts when its
decision is `link` or, with --threshold, its probability is at least P. With --best only an incoming record's most
probable pair counts. With --by-case also: recall by kind of case, source, age, ethnicity and number of corruptions, and
wrong links by kind of case.
"""
import argparse
import csv
from collections import Counter


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("folder")
    arguments.add_argument("pairs")
    arguments.add_argument("--threshold", type=float)
    arguments.add_argument("--best", action="store_true")
    arguments.add_argument("--by-case", action="store_true")
    asked = arguments.parse_args()

    with open(f"{asked.folder}/truth.csv", newline="") as file:
        truth = {row["id_incoming"]: row["id_index"] for row in csv.DictReader(file)}
    said, best = set(), {}
    with open(asked.pairs, newline="") as file:
        for row in csv.DictReader(file):
            a, b = row["id_a"], row["id_b"]
            if a.startswith("B"):
                a, b = b, a
            p = float(row["probability"])
            counts = p >= asked.threshold if asked.threshold is not None else row["decision"] == "link"
            if not counts:
                continue
            if asked.best:
                if p > best.get(b, (0, ""))[0]:
                    best[b] = (p, a)
            else:
                said.add((a, b))
    if asked.best:
        said = {(a, b) for b, (_, a) in best.items()}

    right = sum(truth.get(b) == a for a, b in said)
    precision = right / len(said) if said else 0.0
    recall = right / len(truth) if truth else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    print(f"pairs {len(said)}  right {right}  wrong {len(said) - right}  missed {len(truth) - right}")
    print(f"precision {precision:.5f}  recall {recall:.5f}  F1 {f1:.5f}")
    if not asked.by_case:
        return

    found = {b for a, b in said if truth.get(b) == a}
    wrong = Counter()
    every, hit = Counter(), Counter()
    wrongly = Counter(b for a, b in said if truth.get(b) != a)
    with open(f"{asked.folder}/cases.csv", newline="") as file:
        for row in csv.DictReader(file):
            id = row["id_incoming"]
            wrong[row["case"]] += wrongly[id]
            if id not in truth:
                continue
            age = int(row["age"])
            band = "0" if age < 1 else "1-15" if age < 16 else "16-39" if age < 40 else "40-64" if age < 65 else "65-84" if age < 85 else "85+"
            count = len(row["corruptions"].split())
            for key in (
                ("case", row["case"]),
                ("source", row["source"]),
                ("age", band),
                ("ethnicity", row["ethnicity"]),
                ("corruptions", str(count)),
                *(("corruption", one) for one in row["corruptions"].split()),
            ):
                every[key] += 1
                hit[key] += id in found
    for key in sorted(every):
        print(f"{key[0]:12} {key[1]:32} {every[key]:8}  recall {hit[key] / every[key]:.4f}")
    for case, count in wrong.most_common():
        if count:
            print(f"wrong links  {case:32} {count:8}")


main()
