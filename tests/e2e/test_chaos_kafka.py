"""The proof (cloud_proof.py) from Kafka to PostgreSQL: rebalances are among what befalls.

TALLY_KILLS_SEED repeats a run's choices, TALLY_KILLS_MESSAGES changes its size; `./dev chaos --transport kafka` goes on.
"""
from cloud_proof import Proof
from kafka_bus import KafkaBus


class ChaosOverKafka(Proof):
    def test_thirty_faults_lose_nothing_and_count_nothing_twice(self):
        self.prove(KafkaBus, 40_000)
