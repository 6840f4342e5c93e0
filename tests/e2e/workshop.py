"""A collector with private handlers that a test builds, breaks and mends while it runs. Holds no tests itself."""
import json
import os
import shutil
import sqlite3
import subprocess
import urllib.error
import urllib.request

from support import PREFIX, Sandbox, wait_until

HANDLER = """
#include <tally/plugin.h>
#include <unistd.h>
struct Handler : tally::NotificationHandler {
  void handle(const tally::Notification& notification, tally::Emitter& emit) override {
    %(body)s
    emit(tally::delta("%(name)s.seen", "event", 1, std::string(*notification.message_id)));
  }
};
TALLY_PLUGIN(Handler, {"name": "%(name)s", "version": "1.0.0", "roles": [{"role": "notification", "name": "%(name)s",
  "event_types": ["%(name)s.*"], "meters": [{"name": "%(name)s.seen", "type": "delta", "unit": "event"}]}]})
"""


class Workshop(Sandbox):
    def setUp(self):
        super().setUp()
        self.plugins = self.folder / "plugins"
        self.plugins.mkdir()
        self.env["TALLY_PLUGIN_PATH"] = str(self.plugins)

    def put(self, name, body="", include=None):
        """Builds a private handler and moves it into the plugin folder, over what was there."""
        source = self.write(f"{name}.cc", HANDLER % {"name": name, "body": body})
        built = self.folder / f"{name}.so"
        include = include or PREFIX / "include"
        subprocess.run(["g++", "-std=c++20", "-shared", "-fPIC", f"-I{include}", "-fvisibility=hidden",
                        f"-Wl,--version-script={include}/tally/plugin.map", "-o", built, source], check=True)
        os.replace(built, self.plugins / f"{name}.so")

    def of_another_major(self):
        """The SDK as another major version would have it."""
        copy = self.folder / "other"
        shutil.copytree(PREFIX / "include", copy)
        base = copy / "tally/abi/base.h"
        base.write_text(base.read_text().replace("#define TALLY_ABI_MAJOR 1", "#define TALLY_ABI_MAJOR 2"))
        return copy

    def send(self, config, *messages):
        self.tally("--config", config, "send", "notification", "-",
                   stdin="".join(json.dumps(message) + "\n" for message in messages))

    def settled(self, config, count):
        def books():
            messages = self.books(config)["messages"]
            return messages if messages["received"] >= count and messages["in_flight"] == 0 else None
        messages = wait_until(f"{count} are settled", books)
        self.assert_books_balance(self.books(config))
        return messages

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stored_books(self):
        with sqlite3.connect(self.database) as database:
            rows = database.execute("select unit, outcome, sum(count) from book group by unit, outcome").fetchall()
        return {(unit, outcome): count for unit, outcome, count in rows}
