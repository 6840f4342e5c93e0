"""Configuration as its reader meets it: all faults at once, exit 78, and a reload that never takes a bad file."""
import signal

from support import TOP, Sandbox, notification, wait_until
import json


class Check(Sandbox):
    def test_the_reference_in_the_documentation_is_that_of_the_declared_keys(self):
        told, _ = self.tally("config", "reference")
        self.assertEqual(told, (TOP / "doc/configuration.md").read_text(), "tally config reference > doc/configuration.md")

    def test_all_faults_at_once_with_place_and_suggestion(self):
        config = self.write("tally.yaml", "pollling: 1\npolling:\n  intervall: 60s\n  interval: {host: soon}\n"
                                          "plugins:\n  'storage:sqlit': {}\n")
        out, err = self.tally("config", "check", "--config", config, status=78)
        text = out + err
        self.assertIn("tally.yaml:1:1", text)
        self.assertIn('did you mean "polling"', text)
        self.assertIn("tally.yaml:3:3", text)
        self.assertIn('did you mean "interval"', text)
        self.assertIn("soon", text)
        self.assertIn('did you mean "storage:sqlite"', text)
        self.tally("validate", "--config", config, status=78)
        self.tally("run", "--for", "1s", "--config", config, status=78)

    def test_what_a_bus_does_not_understand_of_its_url_is_said_before_it_runs(self):
        url = "rabbit://u:hunter2@192.0.2.1:5671//ceilometer?ssl=1&ssl_version=TLSv1_2&ssl_ca_file=/etc/ssl/ca.pem"
        config = self.write("collector.yaml", f"data: data\nlisten: ['{url}']\nstorage: 'null://'\n")
        self.tally("config", "check", "--config", config)
        config.write_text(config.read_text().replace("ssl_version=TLSv1_2", "ssl_versoin=TLSv1_2&ssl=perhaps"))
        _, err = self.tally("config", "check", "--config", config, status=78)
        self.assertIn('collector.yaml:2:10: "listen": "ssl_versoin" after the ? of the URL is not understood by transport:amqp, '
                      'did you mean "ssl_version"?', err)
        self.assertIn('"ssl" after the ? of the URL: "perhaps"', err)
        self.assertNotIn("hunter2", err)
        self.tally("--config", config, program="tally-collector", status=78)
        for bus, refused in (("kafka://h/?fetch.wait.max.ms=5&security_protocol=SSL", None), ("kafka://h/?security_protokol=SSL", "protokol"),
                             (f"local://{self.folder}/x.sock?a=b", '"a"'), ("amqp://h/?ssl_version=TLSv1", "TLSv1_2")):
            config.write_text(f"data: data\nlisten: ['{bus}']\nstorage: 'null://'\n")
            _, err = self.tally("config", "check", "--config", config, status=78 if refused else 0)
            self.assertIn(refused or "", err)

    def test_an_empty_file_is_fine_and_sample_and_show_agree_with_it(self):
        config = self.write("tally.yaml", "")
        self.tally("config", "check", "--config", config)
        sample = self.tally("config", "sample")[0]
        self.assertIn("#", sample)
        self.write("sampled.yaml", sample)
        self.tally("config", "check", "--config", self.folder / "sampled.yaml")
        self.assertIn("default", self.tally("config", "show", "--config", config)[0])

    def test_values_from_files_and_environment_and_no_secret_in_sight(self):
        self.write("secret", "hunter2\n").chmod(0o600)
        self.env["WHERE"] = f"sqlite://{self.folder}/x.db"
        config = self.write("tally.yaml", "storage: {env: WHERE}\n")
        shown = self.tally("config", "show", "--config", config)[0]
        self.assertIn("x.db", shown)

    def test_an_agent_with_a_storage_key_is_refused(self):
        config = self.write("agent.yaml", "storage: sqlite:///tmp/x.db\n")
        _, err = self.tally("--config", config, program="tally-agent", status=78)
        self.assertIn("agent.yaml:1:1", err)


class Reload(Sandbox):
    def test_a_valid_file_is_applied_and_an_invalid_one_is_not(self):
        config = self.collector_config()
        collector = self.start_collector(config)
        text = config.read_text()
        message = json.dumps(notification(1))
        self.tally("--config", config, "send", "notification", "-", stdin=message)
        wait_until("it is stored", lambda: self.books(config)["messages"]["stored"] == 1)
        config.write_text(text + "dissable: {}\n")
        collector.send_signal(signal.SIGHUP)
        wait_until("the fault is said", lambda: "dissable" in self.log_of(collector))
        config.write_text(text + "disable: {meters: [vcpus]}\n")
        before = self.books(config)["samples"]["stored"]
        collector.send_signal(signal.SIGHUP)
        wait_until("the reload is said", lambda: "the configuration is applied" in self.log_of(collector))
        self.tally("--config", config, "send", "notification", "-", stdin=json.dumps(notification(2)))
        wait_until("it is stored too", lambda: self.books(config)["messages"]["stored"] == 2)
        books = self.books(config)
        self.assertGreater(books["samples"]["filtered"], 0)
        self.assertGreater(books["samples"]["stored"], before)
        self.assert_books_balance(books)
        self.end(collector)
