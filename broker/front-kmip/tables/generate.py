#!/usr/bin/env python3
"""Reads the tags, item types, enumerations and masks out of the KMIP 1.4 specification and writes `src/table.rs`.

    python3 tables/generate.py kmip-spec-v1.4-os.html > src/table.rs

The specification is http://docs.oasis-open.org/kmip/spec/v1.4/os/kmip-spec-v1.4-os.html (OASIS Standard, 22 November 2017);
its SHA-256 is below, so that another edition does not pass unseen. Section 9.1 holds the tables: 9.1.1.2 item types,
9.1.3.1 tags, 9.1.3.2 enumerations, 9.1.3.3 masks. Python's standard library alone.
"""

import hashlib
import re
import sys
from html.parser import HTMLParser

SHA256 = "ac5a428b8acac211ac8ca45daa2770affaff62842908a91652f603d535bc54dd"

class Document(HTMLParser):
    """Headings and tables (rows of cell texts) in the order of the document."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts, self.heading, self.table, self.cell = [], None, None, None

    def handle_starttag(self, tag, attrs):
        if re.fullmatch(r"h[1-6]", tag):
            self.heading = []
        elif tag == "table":
            self.table = []
        elif tag == "tr" and self.table is not None:
            self.table.append([])
        elif tag in ("td", "th") and self.table:
            self.cell = []

    def handle_endtag(self, tag):
        if re.fullmatch(r"h[1-6]", tag) and self.heading is not None:
            self.parts.append(("heading", text(self.heading)))
            self.heading = None
        elif tag == "table" and self.table is not None:
            self.parts.append(("table", self.table))
            self.table = None
        elif tag in ("td", "th") and self.cell is not None:
            self.table[-1].append(text(self.cell))
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)
        elif self.heading is not None:
            self.heading.append(data)


def text(pieces):
    return re.sub(r"\s+", " ", "".join(pieces)).strip()


def name(words):
    """The name as KMIP Profiles 1.4 section 5.4.1.1 normalises it for XML: `Re-key` is ReKey, `SHA-256` SHA_256."""
    words = re.sub(r"[()]", " ", words)
    words = re.sub(r"[^\w ](?=[A-Za-z])", " ", words)
    words = re.sub(r"[^\w ]", "_", words)
    first, *rest = words.split()
    first = re.sub(r"^(\d+)(.*)$", r"\2\1", first)
    return "".join(word[0].upper() + word[1:] for word in [first, *rest])


def rows_under(parts, start, value):
    """First and second cell of the table rows from the heading `start` to the next one, where the second is a `value`."""
    for kind, part in parts[start + 1 :]:
        if kind == "heading":
            return
        for row in part:
            found = len(row) >= 2 and re.match(value, row[1].replace(" ", ""))
            # "(Reserved)" and ranges are no names; "8XXXXXXX" is no value.
            if found and not row[0].startswith("(") and "-" not in row[1]:
                yield row[0], int(found.group(1), 16)


def enumeration(title, parts, index):
    lines = [f"    /// Section {title.split()[0]}."]
    rows = list(rows_under(parts, index, r"([0-9A-F]{8})"))
    if not rows:
        return []  # Opaque Data Type has extensions alone
    what = name(re.sub(r"^[\d.]+ | Enumeration$", "", title))
    lines.append(f"    {what} {{")
    lines += [f'        {name(row)} = 0x{value:08x}, "{row}";' for row, value in rows]
    lines.append("    }")
    return lines


def main():
    raw = open(sys.argv[1], "rb").read()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        sys.exit("this is not the edition that the tables were made from")
    document = Document()
    document.feed(raw.decode("cp1252", errors="replace"))
    document.close()
    tags, types, enumerations, masks = [], [], [], []
    for index, (kind, part) in enumerate(document.parts):
        if kind != "heading":
            continue
        if part.startswith("9.1.3.1 "):
            for row, value in rows_under(document.parts, index, r"(42[0-9A-F]{4})"):
                tags.append(f'    {name(row)} = 0x{value:06x}, "{row}";')
        elif part.startswith("9.1.1.2 "):
            for row, value in rows_under(document.parts, index, r"(0[0-9A-F])$"):
                types.append(f'        {name(row)} = 0x{value:02x}, "{row}";')
        elif part.startswith("9.1.3.2."):
            enumerations += enumeration(part, document.parts, index)
        elif part.startswith("9.1.3.3."):
            masks.append(f"    /// Section {part.split()[0]}.")
            masks.append(f"    {name(re.sub(r'^[0-9.]+ ', '', part))} {{")
            for row, value in rows_under(document.parts, index, r"([0-9A-F]{8})"):
                masks.append(f"        {name(row)} = 0x{value:08x},")
            masks.append("    }")
    print("//! Made by `tables/generate.py` from the KMIP 1.4 specification, section 9.1. Not edited by hand.")
    print()
    print("use crate::name::{enumerations, masks, tags};")
    for macro, lines in (
        ("tags", tags),
        ("enumerations", ["    /// Section 9.1.1.2.", "    ItemType {", *types, "    }", *enumerations]),
        ("masks", masks),
    ):
        print(f"\n{macro}! {{")
        print("\n".join(lines))
        print("}")


main()
