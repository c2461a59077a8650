"""The floors of the house (architecture.md): an include points down, never up, and never sideways between programs;
public headers of values are free of <openssl/…>, <Poco/…> and the heavy JSON, TOML and CLI headers."""
import os
import re
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLOOR = {"keystore": 0, "backup": 1, "appliance": 2, "engine": 3, "portal": 3, "collector": 3}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
HEAVY = re.compile(r"^(openssl/|Poco/|nlohmann/json\.hpp|toml|CLI/|SQLiteCpp/|zip\.h|sodium\.h)")


def sources(*endings):
    for top in FLOOR:
        for folder, _, files in os.walk(os.path.join(SOURCE, top)):
            for name in files:
                if name.endswith(endings):
                    path = os.path.join(folder, name)
                    with open(path) as file:
                        yield os.path.relpath(path, SOURCE), file.read()


def violations(path, text):
    top = path.split("/")[0]
    for kind, target in INCLUDE.findall(text):
        other = target.split("/")[0]
        if kind == '"' and other in FLOOR and other != top and FLOOR[other] >= FLOOR[top]:
            yield f"{path} includes {target}"


class Floors(unittest.TestCase):
    def test_includes_point_down(self):
        found = [v for path, text in sources(".cpp", ".h") for v in violations(path, text)]
        self.assertEqual([], found)

    def test_an_include_that_points_up_or_sideways_is_found(self):
        self.assertTrue(list(violations("keystore/x509/certificate.h", '#include "backup/sets/backup_sets.h"\n')))
        self.assertTrue(list(violations("engine/ingest.h", '#include "portal/engines.h"\n')))
        self.assertFalse(list(violations("portal/engines.h", '#include "keystore/fault.h"\n')))

    def test_native_headers_stay_inside_their_folder(self):
        """A header that shows a library's own types, directly or through another, serves the sources and headers beside it;
        no header of another folder takes it in, so that value headers stay light. (The RAII handles are the raw material.)"""
        headers = dict(sources(".h"))
        includes = {path: INCLUDE.findall(text) for path, text in headers.items()}
        native = {path for path, found in includes.items() if any(kind == "<" and HEAVY.match(t) for kind, t in found)}
        while True:
            more = {path for path, found in includes.items() if path not in native and any(t in native for _, t in found)}
            if not more:
                break
            native |= more
        found = [f"{path} includes {t}" for path, targets in includes.items() for _, t in targets
                 if t in native and t != "keystore/openssl/handles.h" and os.path.dirname(t) != os.path.dirname(path)]
        self.assertEqual([], found)

    def test_the_handles_stay_below_the_programs_and_out_of_public_headers(self):
        found = [path for path, text in sources(".h", ".cpp") if "keystore/openssl/handles.h" in text
                 and FLOOR[path.split("/")[0]] == 3]
        self.assertEqual([], found)


if __name__ == "__main__":
    unittest.main()
