#!/bin/sh
# Fill a folder with sgprobe and everything it needs, for a laboratory without a network:
#   sh examples/wheelhouse.sh wheelhouse
set -eu
house=${1:-wheelhouse}
mkdir -p "$house"
cd "$(dirname "$0")/.."
house=$(cd "$OLDPWD" && cd "$house" && pwd)
python3 -m pip wheel --quiet --wheel-dir "$house" .
(cd "$house" && sha256sum ./*.whl > SHA256SUMS)
echo "$house: $(ls "$house"/*.whl | wc -l) wheels. There:"
echo "  python3 -m venv .venv && .venv/bin/pip install -q --no-index --find-links $(basename "$house") sgprobe"
