#!/usr/bin/env bash
# Makes the virtual environment $1 with a Python that deskq supports ($PYTHON, when set, is that Python).
# Debian leaves ensurepip out of its python3 package: as root its package is installed, otherwise virtualenv steps in.
set -euo pipefail
venv=$1
mkdir -p build

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; }

python=""
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
  if supported "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "deskq needs Python 3.11 to 3.14: install one, or name it with make PYTHON=/path/to/python3." >&2
  exit 1
fi
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then exit 0; fi

has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

echo "Making $venv with $("$python" --version)"
if ! has_venv && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  .ci/system-packages.sh install "python3-venv" || true
fi
if has_venv; then
  "$python" -m venv "$venv"
elif "$python" -m pip --version >/dev/null 2>&1; then
  # --target leaves the system's own Python packages alone.
  "$python" -m pip install --quiet --target build/virtualenv virtualenv >build/pip.log 2>&1 || { cat build/pip.log >&2; exit 1; }
  PYTHONPATH=build/virtualenv "$python" -m virtualenv --quiet "$venv"
else
  echo "$python can make no virtual environment: install the package python3-venv." >&2
  exit 1
fi
