"""The shipped definitions: every recorded notification gives exactly the samples that are written beside it.

tests/definitions/SERVICE/EVENT.json is a notification as a service sends it, EVENT.samples.json what it is worth.
TALLY_KEEP=1 writes the latter again, to be read before it is kept.
"""
import json
import os
import re

from support import TOP, Sandbox

FOLDER = TOP / "tests/definitions"


class Definitions(Sandbox):
    def test_every_recorded_notification_gives_its_samples(self):
        recorded = sorted(path for path in FOLDER.glob("*/*.json") if not path.name.endswith(".samples.json"))
        self.assertGreater(len(recorded), 30)
        for path in recorded:
            with self.subTest(path=path.name):
                out, err = self.tally("convert", "--meters", TOP / "config/meters.d", "-",
                                      stdin=json.dumps(json.loads(path.read_text())) + "\n")
                expected = path.with_suffix(".samples.json")
                if os.environ.get("TALLY_KEEP"):
                    lines = ",\n ".join(out.splitlines())
                    expected.write_text(f"[{lines}]\n")
                self.assertEqual(err, "")
                self.assertEqual([json.loads(line) for line in out.splitlines()], json.loads(expected.read_text()))

    def test_every_definition_has_a_recorded_notification(self):
        covered = set()
        for path in FOLDER.glob("*/*.samples.json"):
            covered |= {sample["name"] for sample in json.loads(path.read_text())}
        for path in (TOP / "config/meters.d").glob("*.yaml"):
            for name in re.findall(r"^ +(?:- )?name: ([^$'\"\n]+)$", path.read_text(), re.MULTILINE):
                self.assertIn(name, covered, path.name)
