#!/bin/sh
# Makes the virtual environment, or makes it anew when an earlier try was interrupted.
#   sh tools/venv.sh FOLDER [PYTHON]
set -eu
folder=$1
wanted=${2:-}

is_new_enough() {
	"$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

if [ -d "$folder" ]; then
	if "$folder/bin/python" -m pip --version >/dev/null 2>&1 && is_new_enough "$folder/bin/python"; then
		exit 0
	fi
	echo "$folder is not whole; making it anew"
	rm -rf "$folder"
fi

for python in $wanted python3.11 python3.12 python3.13 python3.14 python3 python; do
	if is_new_enough "$python"; then
		echo "making $folder with $("$python" --version)"
		if said=$("$python" -m venv "$folder" 2>&1) && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
			exit 0
		fi
		rm -rf "$folder"
		echo "tollway: $python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv; then try again" >&2
		echo "$said" | tail -n 3 >&2
		exit 1
	fi
done
echo "tollway: Python 3.11 to 3.14 is needed and was not found; name yours with make PYTHON=/path/to/python" >&2
exit 1
