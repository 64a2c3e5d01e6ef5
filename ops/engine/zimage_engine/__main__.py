"""python -m zimage_engine --help."""

import sys

from .server import main

sys.exit(main())
