"""Beside Debian's own Ceilometer and oslo.messaging: the same definitions, the same messages, the same samples."""
import json
import subprocess
import sys

from support import TOP, Sandbox

FOLDER = TOP / "tests/ceilometer"


class Beside(Sandbox):
    def test_generated_definitions_and_notifications_give_the_same_samples(self):
        done = subprocess.run(["/usr/bin/python3", FOLDER / "differential.py", "--tally", "tally", "--seed", "1", "--rounds", "100"],
                              env=self.env, text=True, capture_output=True, timeout=600)
        sys.stderr.write("          " + done.stdout.splitlines()[-1] + "\n" if done.stdout else "")
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:])
        self.assertIn("4000 notifications", done.stdout)

    def test_what_oslo_messaging_sends_is_read_in_both_versions(self):
        sent = subprocess.run(["/usr/bin/python3", FOLDER / "oslo_sender.py"], text=True, capture_output=True, check=True).stdout
        self.assertEqual(len(sent.splitlines()), 2)
        self.assertIn("oslo.message", sent.splitlines()[1])
        rows = [json.loads(line) for line in self.tally("convert", "-", stdin=sent)[0].splitlines()]
        self.assertEqual([row["name"] for row in rows], ["image.size"] * 2)
        for row in rows:
            self.assertEqual((row["volume"], row["resource_id"], row["project_id"], row["user_id"]), (42, "i-1", "p-1", "u-1"))
            self.assertRegex(row["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}\+00:00$")
