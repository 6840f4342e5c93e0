"""Plugins broken on purpose beside good ones: what becomes of each, and that the good ones' samples are there."""
import json
import subprocess
import urllib.request

from support import PREFIX, TOP, Sandbox, free_port, notification, wait_until

FIXTURES = TOP / "tests/fixtures"
# Each breaks one promise of the boundary: what `plugin list` says of it.
REFUSED = {
    "short-table": (["-DTABLE_SIZE=24"], "has 24 bytes, version 1 has 32"),
    "no-function": (["-DPOLL=0"], 'required function "poll"'),
    "other-manifest": (['-DTEXT="{}"'], "not the one in its ELF note"),
    "endless-manifest": (["-DTEXT_SIZE=(size_t)-1"], "not the one in its ELF note"),
    "other-major": (["-DMAJOR=2"], "ABI major 2"),
    "no-entry": (["-DENTRY=something_else"], "entry symbol"),
    "unwilling": (["-DREFUSES"], "not on a Sunday"),
}


class Hostile(Sandbox):
    def compile(self, source, into, *arguments):
        into.parent.mkdir(exist_ok=True)
        compiler = ["g++", "-std=c++20"] if source.endswith(".cc") else ["gcc", "-std=c11"]
        subprocess.run([*compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden", f"-I{PREFIX}/include",
                        *arguments, FIXTURES / source, "-o", into, "-pthread"], check=True)
        return into

    def listed(self, config):
        return {row["name"]: row for row in self.rows("--config", config, "plugin", "list")}

    def use(self, *folders):
        self.env["TALLY_PLUGIN_PATH"] = ":".join(map(str, folders))

    def write_run_config(self, *disabled):
        self.port = free_port()
        return self.write("tally.yaml", f"""
http: 127.0.0.1:{self.port}
polling:
  interval: 1s
disable:
  plugins: [{", ".join(f"'pollster:{name}'" for name in disabled)}]
""")

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as page:
            return page.read().decode()

    def fill_plugins(self):
        plugins = self.folder / "plugins"
        for name, (arguments, _) in REFUSED.items():
            self.compile("pollster.c", plugins / f"{name}.so", f'-DNAME="{name}"', *arguments)
        self.compile("pollster.c", plugins / "old.so", '-DVERSION="1.9"')
        new = self.compile("pollster.c", plugins / "new.so", '-DVERSION="1.10"')
        self.compile("rude.c", plugins / "rude.so")
        self.compile("hostile.c", plugins / "hostile.so")
        self.compile("raw.cc", plugins / "raw.so")
        self.compile("thrower.cc", plugins / "thrower.so")
        whole = new.read_bytes()
        (plugins / "cut.so").write_bytes(whole[:200])
        (plugins / "text.so").write_text("this is not an ELF file\n" * 10)
        (plugins / "narrow.so").write_bytes(whole[:4] + b"\x01" + whole[5:])
        (plugins / "open.so").write_bytes(whole)
        (plugins / "open.so").chmod(0o666)
        (self.folder / "elsewhere").mkdir()
        (self.folder / "elsewhere/target.so").write_bytes(whole)
        (plugins / "link.so").symlink_to(self.folder / "elsewhere/target.so")
        unsafe = self.folder / "unsafe"
        self.compile("pollster.c", unsafe / "unsafe.so", '-DNAME="unsafe"')
        unsafe.chmod(0o777)
        self.use(plugins, unsafe)

    def test_each_has_its_state_and_reason_and_the_others_samples_are_stored(self):
        self.fill_plugins()
        config = self.write_run_config("exits", "quick", "silent", "aborts", "faults", "unthreads", "endless")
        process = self.start("tally", "--config", config, "run")
        expected = {name: ("refused", words) for name, (_, words) in REFUSED.items()} | {
            "cut.so": ("refused", "cut off"), "text.so": ("refused", "not an ELF file"),
            "narrow.so": ("refused", "not a 64-bit ELF file"),
            "open.so": ("refused", "chmod go-w"), "link.so": ("refused", "a symbolic link out of its folder"),
            "unsafe.so": ("refused", f"chmod go-w {self.folder}/unsafe"),
            "hangs": ("failed", "did not come back within 300ms"),
            "raw-create": ("failed", "thrown by create"), "throws-for-good": ("failed", "will never do"),
            "exits": ("disabled", "tally.yaml:"),
            "plain": ("on", ""), "rude": ("on", ""),
        }

        def settled():
            self.assertIsNone(process.poll(), self.log_of(process)[-3000:])
            rows = self.listed(config)
            return all(rows[name]["state"] == state for name, (state, _) in expected.items()) and rows
        rows = wait_until("every plugin has its state", settled, 60)
        for name, (state, words) in expected.items():
            self.assertEqual(rows[name]["state"], state, rows[name])
            self.assertIn(words, rows[name]["reason"] or "", name)
        twins = {row["version"]: row for row in self.rows("--config", config, "plugin", "list") if row["name"] == "fixture"}
        self.assertEqual((twins["1.10"]["state"], twins["1.9"]["state"]), ("on", "refused"))
        self.assertIn("older than 1.10", twins["1.9"]["reason"])

        # What errs in every call is tried again, with growing pauses, and says why.
        erring = {"code": "answered -77", "words": "bad [2J words", "raw-poll": "thrown by poll",
                  "raw-number": "not a std::exception", "throws-in-create": "thrown by the constructor",
                  "throws-in-poll": "thrown by poll", "throws-a-number": "not a std::exception"}

        def quarantined():
            now = self.listed(config)
            return all(now[name]["state"] == "quarantined" for name in erring) and now
        rows = wait_until("what always errs is quarantined", quarantined, 120)
        for name, words in erring.items():
            self.assertIn(words, rows[name]["reason"], name)

        meters = {row["name"] for row in self.rows("--config", config, "query", "meters")}
        for meter in ("hostile.plain", "hostile.code", "hostile.leaks", "rude.refused", "raw.before", "thrower.before",
                      "fixture.meter", "hardware.memory.total"):
            self.assertIn(meter, meters)
        self.assertRegex(self.metrics(), r'tally_plugin_descriptors_grown\{plugin="pollster:leaks"\} [1-9]')
        self.assertRegex(self.metrics(), r"process_open_fds [1-9]")
        self.assertIsNone(process.poll(), "it goes on")
        self.end(process)

    def run_agent(self, pollster):
        others = ("exits", "quick", "silent", "aborts", "faults", "unthreads", "endless", "hangs", "leaks", "words", "code")
        config = self.write("agent.yaml", f"""
publish: 'local://{self.folder}/nobody.sock'
data: '{self.folder}/agent-data'
http: 127.0.0.1:{free_port()}
polling: {{interval: 1s, namespaces: [host]}}
limits: {{call: 500ms}}
disable:
  plugins: [{", ".join(f"'pollster:{name}'" for name in others if name not in pollster)}]
""")
        process = self.start("tally-agent", "--config", config)
        return process.wait(60), self.log_of(process)

    def test_a_plugin_that_ends_the_process_is_named(self):
        self.compile("hostile.c", self.folder / "plugins/hostile.so")
        self.use(self.folder / "plugins")
        for pollster, status, words in ((["exits"], 70, "pollster:exits called exit()"),
                                        (["quick"], 70, "pollster:quick called exit()"),
                                        (["aborts"], -6, "pollster:aborts ends the process by SIGABRT"),
                                        (["faults"], -11, "pollster:faults ends the process by SIGSEGV"),
                                        (["silent"], 0, ""),
                                        (["hangs", "unthreads"], 70, "second plugin call that timed out")):
            with self.subTest(pollster):
                code, log = self.run_agent(pollster)
                self.assertEqual(code, status, log[-2000:])
                self.assertIn(words, log)

    def test_a_plugin_that_ends_a_command_is_named(self):
        self.compile("hostile.c", self.folder / "plugins/hostile.so")
        self.compile("handler.c", self.folder / "plugins/handler.so")
        self.use(self.folder / "plugins")
        for pollster, status, words in (("exits", 70, "pollster:exits called exit()"),
                                        ("quick", 70, "pollster:quick called exit()"),
                                        ("aborts", -6, "pollster:aborts ends the process by SIGABRT"),
                                        ("faults", -11, "pollster:faults ends the process by SIGSEGV")):
            with self.subTest(pollster):
                _, err = self.tally("poll", pollster, status=status)
                self.assertIn(words, err)
                self.assertEqual(len(err.splitlines()), 1, err)
        for kind, status, words in (("exit", 70, "notification:hostile called exit()"),
                                    ("abort", -6, "notification:hostile ends the process by SIGABRT")):
            with self.subTest(kind):
                _, err = self.tally("convert", stdin=json.dumps(notification(1, f"hostile.{kind}")) + "\n", status=status)
                self.assertIn(words, err)

    def test_lines_behind_one_whose_handler_hangs_are_converted(self):
        self.compile("handler.c", self.folder / "plugins/handler.so")
        self.use(self.folder / "plugins")
        config = self.write("hang.yaml", "limits: {call: 500ms}\n")
        kinds = ("hostile.good", "compute.instance.create.end", "hostile.hang", "hostile.good",
                 "compute.instance.create.end")
        lines = "".join(json.dumps(notification(number, kind)) + "\n" for number, kind in enumerate(kinds))
        out, err = self.tally("--config", config, "convert", stdin=lines, status=1)
        made = [json.loads(line)["resource_id"] for line in out.splitlines()]
        self.assertEqual(list(dict.fromkeys(made)), ["m-0", "i-1", "i-4"])
        for number in (3, 4):
            self.assertRegex(err, f"(?m)^tally: line {number}: handler not available: notification:hostile ")
        self.assertEqual(err.count("tally: line "), 2, err)

    def test_nothing_is_lost_by_a_handler_that_ends_the_process(self):
        self.compile("handler.c", self.folder / "plugins/handler.so")
        self.use(self.folder / "plugins")
        config = self.collector_config()
        number = 0
        for kind, status, words in (("exit", 70, "notification:hostile called exit()"),
                                    ("silent", 0, ""), ("abort", -6, "notification:hostile ends the process by SIGABRT")):
            with self.subTest(kind):
                self.env.pop("TALLY_TEST_TAME", None)
                collector = self.start_collector(config)
                self.send(config, notification(number, "hostile.good"))
                self.send(config, notification(number + 1, f"hostile.{kind}"), status=None)  # durable, or not answered
                self.assertEqual(collector.wait(30), status, self.log_of(collector)[-2000:])
                self.assertIn(words, self.log_of(collector))
                self.env["TALLY_TEST_TAME"] = "1"  # the plugin is mended
                collector = self.start_collector(config)
                self.send(config, notification(number + 1, f"hostile.{kind}"))  # for the case that nobody answered
                number += 2
                expected = sorted(f"m-{sent}" for sent in range(number))
                wait_until("each is there once", lambda: sorted(row["resource_id"] for row in self.rows(
                    "--config", config, "query", "samples", "hostile.handled")) == expected)
                self.end(collector)

    def send(self, config, message, status=0):
        done = subprocess.run(["tally", "--config", config, "send", "notification", "-"], cwd=self.folder, env=self.env,
                              input=json.dumps(message), text=True, capture_output=True, timeout=60)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stderr)
        return done.returncode

    def test_a_hanging_handler_is_parked_and_the_others_go_on(self):
        self.compile("handler.c", self.folder / "plugins/handler.so")
        self.use(self.folder / "plugins")
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, notification(1, "hostile.hang"), status=None)
        row = wait_until("the handler is failed", lambda: next(
            (row for row in [self.listed(config)["hostile"]] if row["state"] == "failed"), None))
        self.assertIn("did not come back within 300ms", row["reason"])
        self.send(config, notification(2, "compute.instance.create.end"))
        wait_until("the others' samples are there", lambda: "memory" in {
            row["name"] for row in self.rows("--config", config, "query", "meters")})
        self.assert_books_balance(self.books(config))
        self.end(collector)
