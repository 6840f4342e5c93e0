"""Kills at random moments, full disks, changed definitions: what is acknowledged is stored, once, and the books say so.

TALLY_KILLS_SEED repeats a run's choices, TALLY_KILLS_MESSAGES changes its size; `./dev chaos` runs it again and again.
"""
import shutil
import signal
import subprocess

from chaos import PATIENCE, Chaos, fill
from support import PREFIX, wait_until
from traffic import EXTRA
from verdict import Verdict

OFF = ["vcpus", "disk.*", "image.serve", "extra.*"]  # patterns of meters that are turned off and on
OPTIONAL = ["vcpus", "disk.root.size", "disk.ephemeral.size", "image.serve", "extra.cores"]


class Kills(Chaos):
    window = 1000  # messages taken and not yet settled, at most

    def judge(self, optional=()):
        verdict = Verdict(self, optional)
        if verdict.faults:
            self.fail("\n".join(verdict.faults) + "\n" + verdict.figures())
        return verdict

    def conclude(self, optional=()):
        """The last word: nothing runs any more, every message was acknowledged."""
        self.assertTrue(self.ledger.done())
        self.end(self.collector)
        self.tally("--config", self.config, "storage", "check")
        verdict = self.judge(optional)
        count = sum(row["count"] for row in self.rows("--config", self.config, "query", "statistics", "vcpus"))
        self.assertEqual(count, sum(1 for row in verdict.rows if row[2] == "vcpus"))
        print(f"          {verdict.figures()}", flush=True)

    def test_forty_kills_lose_nothing_and_count_nothing_twice(self):
        self.prepare(50_000)
        self.start_collector_now()
        self.start_agent_now()
        self.start_senders()
        victims = ["collector"] * 9 + ["agent"] * 4 + ["sender"] * 7
        self.storm(20, victims, self.count // 2, lambda _: self.ledger.again(self.choose, 40))
        self.end_senders()  # with much of unknown fate: the acknowledged is there, and only what was sent
        self.drain()
        self.judge()
        self.start_agent_now()
        self.start_senders()
        self.storm(20, victims, between=lambda _: self.ledger.again(self.choose, 40))
        self.wait_sent()
        self.end_senders()
        self.drain()
        self.conclude()
        self.assertGreaterEqual(sum(self.kills.values()), 40)

    # --- definitions and `disable` change ---------------------------------------------------------------------------

    def change(self, number):
        """Other definitions and `disable` entries, applied by SIGHUP; each third time an invalid file comes first."""
        self.ledger.again(self.choose, 100)
        extra = self.definitions / "extra.yaml"
        extra.write_text(EXTRA) if self.choose.random() < 0.5 else extra.unlink(missing_ok=True)
        off = self.choose.sample(OFF, self.choose.randrange(len(OFF)))
        valid = f"disable: {{meters: {off}}}\n"
        wait_until("the collector runs", lambda: self.check_alive() or self.page("/healthz"), PATIENCE)
        for text in (["nonsense: 1\n"] if number % 3 == 0 else []) + [valid]:
            self.write_config(text)
            says = "configuration is applied" if text == valid else "configuration is invalid"
            said = self.log_of(self.collector).count(says)
            self.collector.send_signal(signal.SIGHUP)
            wait_until(says, lambda: self.check_alive() or self.log_of(self.collector).count(says) > said, PATIENCE)

    def test_definitions_that_change_in_the_middle_count_nothing_twice(self):
        self.prepare(10_000, extra=True)
        self.definitions = self.folder / "meters.d"
        shutil.copytree(PREFIX / "share/tally/meters.d", self.definitions)
        self.env["TALLY_DEFINITIONS"] = str(self.definitions)
        self.start_collector_now()
        self.start_senders()
        self.storm(12, ["collector", "sender"], between=self.change)
        self.wait_sent()
        self.end_senders()
        self.drain()
        self.conclude(OPTIONAL)

    # --- the disk is full -------------------------------------------------------------------------------------------

    def small_disk(self, name, size):
        folder = self.folder / name
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small tmpfs, which needs root and the right to mount: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        return folder

    def says_full(self, *names):
        """Whether /readyz names one of these, and that there is no room at it."""
        lines = self.page("/readyz").lower().splitlines()
        return any(any(str(name).lower() in line and ("full" in line or "no space" in line) for line in lines)
                   for name in names)

    def stay_full(self, folders, names):
        """Full for a while, a kill -9 in it, and room again: says why, loses nothing, goes on by itself."""
        ballast = [fill(folder) for folder in folders]
        wait_until("it says why it is not ready", lambda: self.check_alive() or self.says_full(*names), PATIENCE)
        self.kill("collector")
        at_kill = self.settled()

        def goes_on():  # a start deletes the spool's segments that are done, and then there is room
            return any(shutil.disk_usage(folder).free > 0 for folder in folders) and self.settled() > at_kill

        wait_until("it says so after a start too, or has room again and goes on",
                   lambda: self.check_alive() or self.says_full(*names) or goes_on(), PATIENCE)
        for path in ballast:
            path.unlink()
        before = self.settled()
        wait_until("it goes on", lambda: self.check_alive() or self.settled() > before, PATIENCE)
        wait_until("it is ready", lambda: self.check_alive() or self.page("/readyz") == "ready\n", PATIENCE)

    def test_a_disk_that_is_full_for_a_while_loses_nothing(self):
        spool, database = self.small_disk("spool", "6m"), self.small_disk("database", "64m")
        self.prepare(8_000, spool=spool, database=database)
        self.start_collector_now()
        self.start_senders()
        steps = [([database], [self.database]), ([spool], [self.socket]),
                 ([spool, database], [self.database, self.socket])]  # whichever is asked first
        for number, (folders, names) in enumerate(steps, 1):
            target = self.count * number / 5
            wait_until("messages are settled", lambda: self.check_alive() or self.settled() >= target, PATIENCE)
            self.stay_full(folders, names)
        self.wait_sent()
        self.end_senders()
        self.drain()
        self.conclude()
