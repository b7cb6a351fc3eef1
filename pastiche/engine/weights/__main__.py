"""`python -m pastiche.engine.weights`: what `pastiche weights` does, without the command line's
packages."""

import sys

from pastiche.engine.weights.command import main

sys.exit(main())
