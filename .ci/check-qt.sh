#!/usr/bin/env bash
# Says what the system lacks if Qt cannot start, with the Python $1.
set -euo pipefail
if ! QT_QPA_PLATFORM=offscreen "$1" -c 'from PySide6.QtWidgets import QApplication; QApplication([])' >build/qt.log 2>&1; then
  tail -n 3 build/qt.log >&2
  echo "Qt cannot start. On Debian and Ubuntu, run as root: .ci/system-packages.sh qt" >&2
  exit 1
fi
