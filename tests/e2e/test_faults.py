"""Plugins that fail in a running collector: nothing is lost, readiness says why, and mending brings everything back."""
import signal

from support import notification, wait_until
from workshop import Workshop


class Faults(Workshop):
    def test_a_refused_handlers_messages_are_parked_and_stored_once_it_is_mended(self):
        self.put("door", include=self.of_another_major())
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, notification(1, "door.opened"), notification(2))
        self.assertEqual(self.settled(config, 2)["dead"], 1)
        letters = self.rows("--config", config, "dead-letter", "list")
        self.assertEqual([(row["handler"], row["reason"]) for row in letters],
                         [("notification:door", "handler not available")])
        self.assertIn("ABI major 2, this host has 1", letters[0]["detail"])
        code, why = self.ready()
        self.assertEqual(code, 503)
        self.assertIn("notification:door", why)
        row = next(row for row in self.books(config)["plugins"] if row["name"] == "door")
        self.assertEqual(row["state"], "refused", row)
        # As long as it is broken, a replay changes nothing.
        self.tally("--config", config, "dead-letter", "replay", "--all", status=1)
        self.assertEqual(len(self.rows("--config", config, "dead-letter", "list")), 1)

        self.put("door")
        collector.send_signal(signal.SIGHUP)
        wait_until("it is applied", lambda: "the configuration is applied" in self.log_of(collector))
        self.send(config, notification(3, "door.closed"))
        self.assertEqual(self.settled(config, 3)["stored"], 2, "the mended handler takes what comes, without a restart")
        self.assertEqual(self.ready()[0], 200, self.ready()[1])
        self.tally("--config", config, "dead-letter", "replay", "--all")
        self.assertEqual(self.rows("--config", config, "dead-letter", "list"), [])
        seen = {row["resource_id"] for row in self.rows("--config", config, "query", "samples", "door.seen")}
        self.assertEqual(seen, {"m-1", "m-3"})
        self.assertEqual(self.stored_books()["messages", "stored"], 3, "two from the bus, one replayed")
        self.end(collector)

    def test_a_handler_that_fails_for_good_costs_its_own_samples_and_one_dead_letter(self):
        self.put("compute", 'throw tally::Error::permanent("no such flavor");')
        config = self.collector_config()
        collector = self.start_collector(config)
        self.send(config, notification(1))
        self.assertEqual(self.settled(config, 1)["dead"], 1)
        self.assertEqual(len(self.rows("--config", config, "query", "samples", "memory")), 1, "the other handler's")
        letters = self.rows("--config", config, "dead-letter", "list")
        self.assertEqual([row["handler"] for row in letters], ["notification:compute"])
        self.put("compute")
        self.tally("--config", config, "dead-letter", "replay", letters[0]["digest"])
        self.assertEqual(self.rows("--config", config, "dead-letter", "list"), [])
        self.assertEqual(len(self.rows("--config", config, "query", "samples", "memory")), 1, "not twice")
        self.assertEqual(len(self.rows("--config", config, "query", "samples", "compute.seen")), 1)
        self.end(collector)

    def test_a_second_handler_that_hangs_ends_the_process_and_loses_nothing(self):
        self.put("one", "pause();")
        self.put("two", "pause();")
        config = self.collector_config("limits: {call: 3s}\n")
        collector = self.start_collector(config)
        self.send(config, notification(1, "one.hangs"))
        self.assertEqual(self.settled(config, 1)["dead"], 1)
        self.assertEqual(self.ready()[0], 503)
        self.send(config, notification(2), notification(3, "two.hangs"), notification(4))
        self.assertEqual(collector.wait(30), 70, self.log_of(collector)[-2000:])
        self.assertIn("second plugin call that timed out", self.log_of(collector))
        collector = self.start_collector(config)
        wait_until("the rest is settled",
                   lambda: sum(count for (unit, _), count in self.stored_books().items() if unit == "messages") >= 4)
        self.assertEqual(self.stored_books()["messages", "dead"], 2)
        self.assertEqual(len(self.rows("--config", config, "query", "samples", "memory")), 2)
        self.end(collector)

    def test_not_ready_while_nothing_settles(self):
        self.put("slow", 'throw tally::Error::transient("not yet");')
        config = self.collector_config("limits: {stuck: 1s}\n")
        collector = self.start_collector(config)
        wait_until("it is ready", lambda: self.ready()[0] == 200)
        self.send(config, notification(1, "slow.thing"))
        wait_until("readiness says so", lambda: "nothing was settled for" in self.ready()[1])
        self.put("slow")
        collector.send_signal(signal.SIGHUP)
        self.assertEqual(self.settled(config, 1)["stored"], 1)
        self.assertEqual(self.ready()[0], 200, self.ready()[1])
        self.end(collector)
