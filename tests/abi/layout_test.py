"""The layout check itself: it fails for every way of breaking the boundary, and for nothing else. Not for the headers."""
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import layout  # noqa: E402

CC = ["cc"]


class Layout(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = pathlib.Path(folder.name)
        shutil.copytree(layout.HEADERS / "tally/abi", self.place / "tally/abi")
        self.edit("base.h", r"(#define TALLY_ABI_MINOR) \d+", r"\1 0")
        layout.update(self.place, self.place, CC, False)

    def edit(self, header, pattern, replacement):
        path = self.place / "tally/abi" / header
        text, count = re.subn(pattern, replacement, path.read_text(), count=1)
        self.assertEqual(count, 1, pattern)
        path.write_text(text)

    def raise_minor(self):
        self.edit("base.h", r"(#define TALLY_ABI_MINOR) 0", r"\1 1")
        layout.update(self.place, self.place, CC, False)

    def complaints(self):
        return "\n".join(layout.check(self.place, self.place, CC))

    def grow(self):
        self.edit("pollster.h", r"(  const tally_resource_faults\* faults;\n)", r"\1  uint64_t more;\n")

    def test_what_is_committed_holds(self):
        self.assertEqual(self.complaints(), "")
        self.assertEqual(list(layout.check(layout.HEADERS, layout.HERE, CC)), [])

    def test_growing_needs_a_new_minor_and_no_more(self):
        self.grow()
        self.assertIn("raise TALLY_ABI_MINOR", self.complaints())
        self.assertIn("more uint64_t", self.complaints())
        with self.assertRaisesRegex(layout.Fault, "raise TALLY_ABI_MINOR first"):
            layout.update(self.place, self.place, CC, False)
        self.raise_minor()
        self.assertEqual(self.complaints(), "")

    def test_a_new_minor_without_its_file_fails(self):
        self.edit("base.h", r"(#define TALLY_ABI_MINOR) 0", r"\1 1")
        self.assertIn("has no committed layout", self.complaints())

    def test_moving_retyping_and_taking_away_fail_with_a_new_minor_too(self):
        for header, pattern, replacement, said in (
                ("sample.h", r"(  int32_t type;)", r"  uint64_t first;\1", "first uint64_t"),
                ("sample.h", r"  int64_t timestamp_us;", r"  uint64_t timestamp_us;", "timestamp_us"),
                ("pollster.h", r"int32_t \(\*poll\)\(void\* instance, ", r"int32_t (*poll)(", "poll"),
                ("notification.h", r"  tally_str context;[^\n]*\n", r"", "gone"),
                ("base.h", r"TALLY_TRANSIENT = 2", r"TALLY_TRANSIENT = 7", "TALLY_TRANSIENT was 2")):
            with self.subTest(pattern):
                self.setUp()
                self.edit(header, pattern, replacement)
                self.raise_minor()
                self.assertIn(said, self.complaints())

    def test_storage_may_change_with_a_minor(self):
        self.edit("storage.h", r"(  const tally_sample\* sample;)", r"  uint64_t first;\1")
        self.assertNotEqual(self.complaints(), "")
        self.raise_minor()
        self.assertEqual(self.complaints(), "")

    def test_a_file_edited_by_hand_and_a_header_not_understood_fail(self):
        path = self.place / "layout-1.0.txt"
        path.write_text(path.read_text().replace("tally_str 16", "tally_str 24", 1))
        with self.assertRaisesRegex(layout.Fault, "edited by hand"):
            self.complaints()
        self.edit("base.h", r"(typedef struct tally_str)", r"union strange { int a; };\n\1")
        with self.assertRaisesRegex(layout.Fault, "not understood"):
            layout.layout_of(self.place, CC)


if __name__ == "__main__":
    if "--cc" in sys.argv:
        at = sys.argv.index("--cc")
        CC = sys.argv[at + 1:]
        del sys.argv[at:]
    unittest.main()
