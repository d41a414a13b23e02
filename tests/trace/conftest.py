"""Makes the helper modules of this folder and of the links below importable."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "link", HERE.parent / "link" / "coap"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
