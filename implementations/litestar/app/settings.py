"""The settings of the contract, read once when a worker loads the application."""

import os

DATABASE_URL = os.environ["DATABASE_URL"]
POOL_SIZE = int(os.environ.get("POOL_SIZE", "16"))
POOL_TIMEOUT = float(os.environ.get("POOL_TIMEOUT", "30"))
CPU_ITERATIONS = int(os.environ.get("CPU_ITERATIONS", "10000000"))
WAIT_MS = int(os.environ.get("WAIT_MS", "100"))
