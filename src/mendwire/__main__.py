"""``python -m mendwire`` is the ``mendwire`` command."""

import sys

from mendwire.cli import main

sys.exit(main())
