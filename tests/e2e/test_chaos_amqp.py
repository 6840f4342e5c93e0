"""The proof (cloud_proof.py) from RabbitMQ to PostgreSQL.

TALLY_KILLS_SEED repeats a run's choices, TALLY_KILLS_MESSAGES changes its size; `./dev chaos --transport amqp` goes on.
"""
from amqp_bus import AmqpBus
from cloud_proof import Proof


class ChaosOverAmqp(Proof):
    def test_thirty_faults_lose_nothing_and_count_nothing_twice(self):
        self.prove(AmqpBus, 100_000)
