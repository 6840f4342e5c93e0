"""States and reasons, seen from outside: what is off is not in the process."""
import json
import os
import pathlib
import shutil
import subprocess

from support import PREFIX, SHIPPED, TOP, Sandbox, wait_until


class States(Sandbox):
    def listed(self, *words):
        return {f'{row["role"]}:{row["name"]}': row for row in self.rows(*words, "plugin", "list")}

    def test_every_shipped_plugin_is_listed_with_file_version_and_state(self):
        rows = self.listed()
        for name in ("pollster:cpu", "pollster:memory", "pollster:load", "notification:meters", "storage:sqlite",
                     "storage:null", "transport:local"):
            self.assertIn(name, rows)
            self.assertTrue(pathlib.Path(rows[name]["file"]).is_file())
            self.assertTrue(rows[name]["version"])
            self.assertIn(rows[name]["state"], ("on", "idle", "absent"))
        self.assertIn("cpu", self.tally("plugin", "show", "pollster:cpu")[0])

    def test_disabled_names_file_and_line_and_is_not_mapped(self):
        config = self.write("tally.yaml", "disable:\n  plugins: ['pollster:load']\n")
        row = self.listed("--config", config)["pollster:load"]
        self.assertEqual(row["state"], "disabled")
        self.assertIn("tally.yaml:2", row["reason"])
        process = self.start("tally", "--config", config, "run")
        wait_until("it stores", lambda: "stored" in self.log_of(process))
        maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
        self.assertIn("pollster-memory", maps)
        self.assertNotIn("pollster-load", maps)
        self.end(process)

    def test_a_failed_precondition_keeps_the_plugin_and_its_library_out(self):
        folder = self.folder / "plugins"
        folder.mkdir()
        source = self.write("gone.cc", """
#include <tally/plugin.h>
extern "C" int only_for_gone();
struct Gone : tally::Pollster {
  explicit Gone(const tally::Config&) {}
  void poll(const tally::Poll&, tally::Emitter&) override { only_for_gone(); }
};
TALLY_PLUGIN(Gone, {"name": "gone", "version": "1.0.0", "roles": [{"role": "pollster", "name": "gone",
  "namespace": "host", "meters": [], "preconditions": [{"path": "/nowhere/at/all"}]}]})
""")
        self.write("only.c", "int only_for_gone(void) { return 1; }\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", self.folder / "libonlyforgone.so", self.folder / "only.c"], check=True)
        subprocess.run(["g++", "-std=c++20", "-shared", "-fPIC", f"-I{PREFIX}/include", "-fvisibility=hidden",
                        f"-Wl,--version-script={PREFIX}/include/tally/plugin.map", "-o", folder / "gone.so", source,
                        f"-L{self.folder}", "-lonlyforgone"], check=True)
        self.env["TALLY_PLUGIN_PATH"] = str(folder)
        self.env["LD_LIBRARY_PATH"] = str(self.folder)
        row = self.listed()["pollster:gone"]
        self.assertEqual(row["state"], "absent")
        self.assertIn("/nowhere/at/all", row["reason"])
        process = self.start("tally", "run")
        wait_until("it stores", lambda: "stored" in self.log_of(process))
        maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
        self.assertNotIn("gone.so", maps)
        self.assertNotIn("onlyforgone", maps)
        self.end(process)

    def test_listing_and_showing_need_no_sound_configuration(self):
        folder = self.folder / "plugins"
        folder.mkdir()
        broken = folder / "tally-pollster-broken.so"
        broken.write_bytes(b"\x7fELF and nothing more")
        self.env["TALLY_PLUGIN_PATH"] = str(folder)
        config = self.write("tally.yaml", "disable: {plugins: ['pollster:load']}\nnonsense: 1\nplugins:\n  'pollster:broken': {key: 1}\n"
                                          "  'pollster:gone': {}\n  'pollster:exec': {timeout: never}\n")
        out, err = self.tally("--config", config, "plugin", "list", "-f", "json")
        rows = {row["name"]: row for row in json.loads(out)}
        self.assertEqual(rows["tally-pollster-broken.so"]["state"], "refused")
        self.assertTrue(rows["tally-pollster-broken.so"]["reason"])
        self.assertEqual(rows["load"]["state"], "disabled", "what is sound counts")
        self.assertIn('no plugin "pollster:gone" is installed', err)
        for name in ("pollster:broken", "broken", "tally-pollster-broken.so", str(broken)):
            shown = self.tally("--config", config, "plugin", "show", name)[0]
            self.assertIn("state: refused", shown, name)
            self.assertIn(rows["tally-pollster-broken.so"]["reason"], shown)
            self.assertNotIn("plugin: pollster:\n", shown)
        self.assertIn("key: timeout", self.tally("--config", config, "plugin", "show", "exec")[0])
        self.tally("--config", config, "plugin", "show", "gone", status=1)
        self.tally("--config", config, "config", "check", status=78)

    def test_what_reads_does_without_the_settings_of_other_plugins(self):
        config = self.write("tally.yaml", f"data: '{self.folder}/data'\nstorage: 'sqlite://{self.folder}/x.db'\n"
                                          f"http: 127.0.0.1:1\nplugins:\n  'pollster:gone': {{}}\n")
        self.tally("--config", config, "storage", "init", status=78)  # it changes something
        sound = self.write("sound.yaml", f"data: '{self.folder}/data'\nstorage: 'sqlite://{self.folder}/x.db'\n")
        self.tally("--config", sound, "storage", "init")
        for words in (("query", "meters"), ("dead-letter", "list"), ("storage", "check"), ("convert", "-")):
            out, err = self.tally("--config", config, *words, stdin="")
            self.assertIn("pollster:gone", err, words)
        self.assertIn("127.0.0.1:1", self.tally("--config", config, "status", status=69)[1])
        self.tally("--config", config, "dead-letter", "purge", "--all", status=78)
        config.write_text(config.read_text() + "  'storage:gone': {}\n")
        self.tally("--config", config, "query", "meters", status=78)

    def test_listing_loads_nothing(self):
        trace = self.folder / "opened"
        if not shutil.which("strace"):
            self.skipTest("needs strace")
        subprocess.run(["strace", "-f", "-e", "trace=mmap,openat", "-o", trace, "tally", "plugin", "list"], env=self.env,
                       cwd=self.folder, check=True, capture_output=True)
        executable = [line for line in trace.read_text().splitlines() if "PROT_EXEC" in line]
        opened = {line.split('"')[1] for line in trace.read_text().splitlines() if "openat" in line and "plugins/" in line}
        self.assertTrue(any(name.endswith(".so") for name in opened))
        self.assertNotIn("libsqlite3", trace.read_text(), executable)


class Private(Sandbox):
    def build(self, example, compiler):
        folder = self.folder / f"{example}-{compiler}"
        shutil.copytree(TOP / "doc/examples" / example, folder)
        self.env["PKG_CONFIG_PATH"] = ":".join(str(path) for path in PREFIX.glob("lib*/**/pkgconfig")) + ":" + \
            ":".join(str(path) for path in PREFIX.glob("share/pkgconfig"))
        sources = " ".join(path.name for path in folder.glob("*.cc"))
        subprocess.run(f"{compiler} -std=c++20 -O2 -Wall -Wextra -Werror -shared -fPIC $(pkg-config --cflags tally-plugin) "
                       f"{sources} -o {example}.so $(pkg-config --libs tally-plugin)", shell=True, check=True, cwd=folder,
                       env=self.env)
        symbols = subprocess.run(["nm", "-D", "--defined-only", folder / f"{example}.so"], check=True, text=True,
                                 capture_output=True).stdout.split("\n")
        self.assertEqual([line.split()[-1] for line in symbols if line], ["tally_plugin_v1"])
        return folder / f"{example}.so"

    def samples_of(self, meter):
        out = self.tally("query", "samples", meter, "-f", "jsonl", status=None)[0]
        return [json.loads(line) for line in out.splitlines()]

    def test_a_pollster_built_elsewhere_runs_like_ours(self):
        for compiler in ("g++", "clang++"):
            with self.subTest(compiler):
                plugins = self.folder / f"plugins-{compiler}"
                plugins.mkdir()
                shutil.copy(self.build("pollster", compiler), plugins)
                self.env["TALLY_PLUGIN_PATH"] = str(plugins)
                shutil.rmtree(self.folder / "tally-data", ignore_errors=True)
                before = {row["name"] for row in self.rows("plugin", "list") if row["file"].startswith(str(plugins))}
                self.assertTrue(before)
                self.tally("run", "--for", "3s")
                manifest = next(row for row in self.rows("plugin", "list") if row["file"].startswith(str(plugins)))
                self.assertEqual(manifest["state"], "on")
                meters = self.rows("query", "meters")
                self.assertTrue([row for row in meters if row["name"] == "host.entropy"], meters)

    def test_a_notification_handler_built_elsewhere_stores_its_samples(self):
        for compiler in ("g++", "clang++"):
            with self.subTest(compiler):
                plugins = self.folder / f"handlers-{compiler}"
                plugins.mkdir()
                shutil.copy(self.build("notification", compiler), plugins)
                self.env["TALLY_PLUGIN_PATH"] = str(plugins)
                config = self.collector_config()
                (self.folder / "tally.db").unlink(missing_ok=True)
                collector = self.start_collector(config)
                message = (TOP / "doc/examples/notification/notification.json").read_text()
                self.tally("--config", config, "send", "notification", "-", stdin=message)
                wait_until("its sample is stored", lambda: self.rows("--config", config, "query", "meters"))
                self.end(collector)

    def test_the_pollster_is_under_forty_lines(self):
        for source in (TOP / "doc/examples/pollster").glob("*.cc"):
            self.assertLess(len(source.read_text().splitlines()), 40)
