"""`python -m handlers` is `serinus`."""

import sys

from handlers.cli import main

sys.exit(main())
